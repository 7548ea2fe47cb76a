"""Residual stages around a frozen model."""
