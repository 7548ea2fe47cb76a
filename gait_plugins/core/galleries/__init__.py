"""Galleries that last: a folder with a database of people and their embeddings beside it."""
