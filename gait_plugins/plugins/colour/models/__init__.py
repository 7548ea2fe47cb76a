"""Models of pictures: segmentation, GaitEdge, DenoisingGait."""
