"""Programs that need nothing of tiernas: they travel with an exported network, and training reads images with them."""
