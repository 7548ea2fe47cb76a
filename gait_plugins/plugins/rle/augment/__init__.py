"""RLE augmentations of images."""
