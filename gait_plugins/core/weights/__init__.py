"""Weights by name: published checkpoints, looked up, fetched, verified and kept in a cache."""
