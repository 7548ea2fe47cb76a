"""Films: reading their frames, and the way from a film to the silhouettes of the people in it."""
