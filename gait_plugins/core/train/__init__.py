"""Training: the loop, its state, the objective, optimisers, resuming, and the best checkpoint."""
