"""Preparation of point clouds: depth images in colour, as LidarGait takes them."""
