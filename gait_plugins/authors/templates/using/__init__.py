"""Templates of what scores, searches and films are read by."""
