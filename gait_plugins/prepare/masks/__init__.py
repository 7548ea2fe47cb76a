"""Masks as tools write them: their forms, labels and bodies, and the files that they come in."""
