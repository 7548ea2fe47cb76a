"""Preparation of what tells the parts of a body: labels of parts, and parameters of a body model."""
