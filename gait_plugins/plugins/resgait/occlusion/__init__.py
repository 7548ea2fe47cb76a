"""Occlusions of silhouette sequences."""
