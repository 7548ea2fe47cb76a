"""Recipes: running and checking trainings of several stages."""
