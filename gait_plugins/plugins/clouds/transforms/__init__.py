"""Transforms of point clouds: to equally many points, to what LidarGait++ takes, to depth images."""
