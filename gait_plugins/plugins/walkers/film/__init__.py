"""Films of walkers in one street: several people, several cameras, and the truth beside them."""
