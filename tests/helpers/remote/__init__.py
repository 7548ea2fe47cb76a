"""Stores on this machine, as tests need them."""
