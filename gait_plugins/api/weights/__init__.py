"""Published weights and works, as plugins tell of them."""
