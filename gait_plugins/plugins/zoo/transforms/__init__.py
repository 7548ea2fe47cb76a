"""OpenGait's silhouette transforms: on uint8, all frames of a sequence at once."""
