"""The default normalization of pixels."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue in 0 ... 1, subtracted from every pixel (ImageNet's, as in torchvision and timm)."""

IMAGE_STD = (0.229, 0.224, 0.225)
"""Standard deviation, by which the difference is divided (ImageNet's, as in torchvision and timm)."""
