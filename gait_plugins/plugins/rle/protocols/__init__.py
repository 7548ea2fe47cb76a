"""Protocols of visible-thermal re-identification."""
