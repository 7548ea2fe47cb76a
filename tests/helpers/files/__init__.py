"""Small data sets and files to test with."""
