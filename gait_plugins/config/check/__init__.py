"""Validation of configurations: sections, options, and messages about what does not fit."""
