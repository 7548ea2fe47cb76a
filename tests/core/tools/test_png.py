"""PNG files in bands: read back by others, they hold the same pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from gait_plugins.core.tools.png import write_png


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("level", [0, 2, 9])
def test_what_is_written_is_read_by_opencv(tmp_path: Path, channels: int, level: int):
    picture = np.random.default_rng(0).integers(0, 256, (37, 21, channels), np.uint8)
    picture = picture[..., 0] if channels == 1 else picture
    write_png(tmp_path / "a.png", (37, 21, channels), (picture[n : n + 10] for n in range(0, 37, 10)), level)
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read, picture)
