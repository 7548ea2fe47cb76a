"""OpenGait's own program on a patched checkout: configuration file, pinned versions, run."""
