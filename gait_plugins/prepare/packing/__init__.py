"""Packing of sequences: their arrays as bytes, and the files that take them."""
