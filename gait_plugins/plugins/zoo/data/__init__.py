"""Data sets in OpenGait's layout and in packed files, and OpenGait's samplers."""
