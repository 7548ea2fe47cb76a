"""Published weights, as plugins tell of them."""
