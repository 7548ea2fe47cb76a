"""Names of the occlusion targets: kind, amount, and the frames before occlusion."""

from __future__ import annotations

KIND = "occlusion_kind"
"""Number of the kind, int64 ``[n]``."""
PORTION = "occlusion_portion"
"""Hidden portion, float32 ``[n]`` in [0, 1]."""
WHOLE = "whole_frames"
"""The frames before anything was hidden, float32 ``[n, s, h, w]`` in [0, 1]."""
