"""How each runtime loads and runs what its engine saved: `load(path, options)` returns a function, images to logits."""
