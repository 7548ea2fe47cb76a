"""Help for authors of plugins: new packages from templates, and the sweep of components by pytest."""
