"""Tiny components and packages to test with."""
