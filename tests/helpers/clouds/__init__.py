"""Clouds by formula, recorded models of them, and a small training."""
