"""OpenGait's losses."""
