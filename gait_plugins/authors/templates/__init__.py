"""Templates of components, one module a kind; ``Example`` in a name becomes the package's own name."""
