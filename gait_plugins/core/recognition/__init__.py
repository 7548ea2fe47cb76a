"""Recognition of people in films: embeddings of their tracks, their names, and who is seen several times."""
