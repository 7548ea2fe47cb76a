"""Installed plugins and their components: discovery, registration, look-up by name, life-cycle hooks."""
