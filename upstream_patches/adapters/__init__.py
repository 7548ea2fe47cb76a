"""Adapters: components in the shape that OpenGait's code expects."""
