"""Examples that run: configurations, and a folder of images to try with one's own."""

from tiernas.examples.photos import PHOTOS, write_photos
from tiernas.examples.shipped import Example, example_text, shipped_examples

__all__ = ["PHOTOS", "Example", "example_text", "shipped_examples", "write_photos"]
