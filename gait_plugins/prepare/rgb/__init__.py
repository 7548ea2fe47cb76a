"""Colour pictures of people: each cut to the person and laid on 256x128, with width divided by height."""
