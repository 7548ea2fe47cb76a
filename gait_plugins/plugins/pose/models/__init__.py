"""Networks of keypoints: GaitGraph, GaitTR, MSGG."""
