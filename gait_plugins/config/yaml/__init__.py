"""The YAML text: reading, inheritance, defaults, overrides, and where each key was written."""
