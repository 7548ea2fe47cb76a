"""Pages of the documentation, to test with."""
