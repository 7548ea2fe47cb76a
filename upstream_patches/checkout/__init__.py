"""The OpenGait checkout: its files, its modules, and what stands in for missing packages."""
