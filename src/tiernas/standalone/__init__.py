"""Programs without tiernas: they are copied into exports, and training reads images with them too."""
