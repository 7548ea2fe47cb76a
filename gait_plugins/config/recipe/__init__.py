"""Recipes: the YAML of several stages, to a configuration for each stage."""
