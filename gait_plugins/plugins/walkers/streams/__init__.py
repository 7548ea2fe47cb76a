"""Streams of the walkers: what other sensors and other programs would tell of the same walks."""
