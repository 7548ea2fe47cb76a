"""Contracts for galleries of enrolled people."""
