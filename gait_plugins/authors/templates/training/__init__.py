"""Templates of what a training is made of."""
