"""The retention report: what a residual stage gains under occlusion, and keeps without it."""
