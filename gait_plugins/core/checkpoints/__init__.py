"""Checkpoint files: writing, reading, comparing, inspecting, identifying, and partial loading."""
