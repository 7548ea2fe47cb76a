"""The built-in plugins: each folder could be a package of its own."""
