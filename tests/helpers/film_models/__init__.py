"""Small models in files, for the segmenters that run one."""
