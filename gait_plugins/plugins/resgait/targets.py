"""Names of the targets that tell what was hidden of a sequence."""

from __future__ import annotations

KIND = "occlusion_kind"
"""Number of the kind, int64 ``[n]``."""
PORTION = "occlusion_portion"
"""Hidden portion, float32 ``[n]`` in [0, 1]."""
