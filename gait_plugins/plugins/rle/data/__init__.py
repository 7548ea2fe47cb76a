"""Visible-thermal data sets and batch sampling."""
