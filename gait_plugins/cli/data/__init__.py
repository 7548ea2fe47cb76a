"""Commands on data sets: ``gait-plugins data``."""
