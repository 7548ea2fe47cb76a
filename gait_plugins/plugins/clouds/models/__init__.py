"""Networks of point clouds: LidarGait++ and its parts."""
