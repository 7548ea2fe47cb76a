"""Assembly of the parts of a run: built from its configuration, and checked against each other."""
