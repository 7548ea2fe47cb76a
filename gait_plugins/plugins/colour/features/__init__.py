"""Feature extractors: DINOv2 in plain torch, its weights by whichever names they come, and a stand-in."""
