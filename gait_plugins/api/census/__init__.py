"""Census of a data set: counts and problems, found through its contract alone."""
