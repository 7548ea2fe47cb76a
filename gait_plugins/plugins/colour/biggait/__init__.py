"""BigGait and BiggerGait: gait from the features of a large vision model that stays as it is."""
