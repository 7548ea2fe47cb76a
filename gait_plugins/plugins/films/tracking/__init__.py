"""Tracking of bodies: motion, colours, assignment, and the splitting of bodies that touch."""
