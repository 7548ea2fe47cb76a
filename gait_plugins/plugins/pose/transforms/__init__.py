"""OpenGait's transforms of joints: all frames of a sequence at once, never in place."""
