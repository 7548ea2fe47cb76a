"""Reports of runs: what a section is given, and what it gives back."""
