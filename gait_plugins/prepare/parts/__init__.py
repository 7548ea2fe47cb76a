"""Parts of a preparation, for batch systems: what each prepares, its files, and how they become one."""
