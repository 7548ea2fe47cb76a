"""The image of a walker: camera, rendering, noise, alignment."""
