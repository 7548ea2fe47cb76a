"""Data sets in OpenGait's layout and in packed data files, and OpenGait's samplers."""
