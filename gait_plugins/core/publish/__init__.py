"""Publishing of weights: a folder with weights, configuration, figures and card, and its upload."""
