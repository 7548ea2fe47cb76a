"""Network blocks that several silhouette models share."""
