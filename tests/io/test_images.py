"""Image files: decoded whole, or refused in words; nothing waits for a pipe or takes memory for a lie."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.files.mask_files import hollow_png

from gait_plugins.io.images import MOST_PIXELS, UnreadableImage, read_image


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".webp"])
def test_lossless_images_are_read_as_they_were_written(tmp_path: Path, ending: str):
    written = np.random.default_rng(0).integers(0, 2, (40, 30)).astype(np.uint8) * 255
    path = tmp_path / f"\u4eba{ending}"
    path.write_bytes(cv2.imencode(ending, written)[1].tobytes())
    np.testing.assert_array_equal(read_image(path), written)
    assert read_image(path, cv2.IMREAD_COLOR).shape == (40, 30, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"no image", "damaged"),
        (hollow_png(60000, 60000), "60000x60000 pixels"),
        (hollow_png(MOST_PIXELS + 1, 1), "beyond any frame"),
        (hollow_png(20, 20), "damaged"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason):
        read_image(tmp_path / "x.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among files here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(UnreadableImage, match="a pipe, socket or device"):
        read_image(tmp_path / "x.png")
