"""Evaluation protocols of the field's data sets."""
