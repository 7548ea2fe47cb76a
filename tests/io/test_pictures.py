"""Pictures: everything that a file holds of them is read, and damage and lies are refused in words."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from helpers.files.mask_files import hollow_png
from PIL import Image

from gait_plugins.io import pictures
from gait_plugins.io.images import UnreadableImage
from gait_plugins.io.pictures import read_pictures

GREY = np.random.default_rng(0).integers(0, 2, (40, 30)).astype(np.uint8) * 255


def saved(image: Image.Image, folder: Path, suffix: str, **how: object) -> Path:
    path = folder / f"x.{suffix}"
    image.save(path, **how)
    return path


@pytest.mark.parametrize(
    ("suffix", "how"), [("png", {}), ("tif", {}), ("gif", {}), ("webp", {"lossless": True})]
)
def test_every_page_is_a_picture(suffix: str, how: dict, tmp_path: Path):
    pages = [Image.fromarray(np.roll(GREY, step, 1)) for step in range(5)]
    path = saved(pages[0], tmp_path, suffix, save_all=True, append_images=pages[1:], **how)
    found = list(read_pictures(path))
    assert len(found) == 5
    for step, picture in enumerate(found):
        np.testing.assert_array_equal(picture.values, np.roll(GREY, step, 1))


def test_pages_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "MOST_PAGES", 3)
    pages = [Image.fromarray(GREY)] * 5
    path = saved(pages[0], tmp_path, "tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UnreadableImage, match="more than 3 pages"):
        list(read_pictures(path))


def test_palettes_keep_their_indices_unless_all_are_grey(tmp_path: Path):
    indices = Image.fromarray(GREY // 255)
    indices.putpalette([0, 0, 0, 128, 0, 0])
    (picture,) = read_pictures(saved(indices, tmp_path, "png"))
    np.testing.assert_array_equal(picture.values, GREY // 255)
    assert picture.palette is not None
    assert picture.palette[1].tolist() == [128, 0, 0]
    indices.putpalette([0, 0, 0, 255, 255, 255])
    (picture,) = read_pictures(saved(indices, tmp_path, "bmp"))
    assert picture.palette is None
    np.testing.assert_array_equal(picture.values, GREY)


def test_alpha_depth_and_loss_are_known(tmp_path: Path):
    both = Image.merge("LA", [Image.fromarray(255 - GREY), Image.fromarray(GREY)])
    (picture,) = read_pictures(saved(both, tmp_path, "png"))
    np.testing.assert_array_equal(picture.alpha, GREY)
    (picture,) = read_pictures(saved(Image.fromarray(GREY.astype(np.uint16) * 257), tmp_path, "png"))
    assert picture.values.dtype == np.uint16
    (picture,) = read_pictures(saved(Image.fromarray(GREY), tmp_path, "png", format="JPEG"))
    assert picture.lossy
    (picture,) = read_pictures(saved(Image.fromarray(GREY), tmp_path, "tif", compression="jpeg"))
    assert picture.lossy


def gif(width: int, height: int) -> bytes:
    small = io.BytesIO()
    Image.fromarray(GREY).save(small, "GIF")
    content = bytearray(small.getvalue())
    content[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gif(60000, 60000), "beyond any frame"),
        (gif(9500, 9500), "beyond any frame"),
        (gif(30, 40)[:60], "damaged"),
        (b"GIF89a", "damaged"),
        (b"II*\0\x08\0\0\0\xff\xff", "damaged"),
        (b"MM\0*", "damaged"),
        (b"BM" + bytes(40), "damaged|not an image"),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(30), "damaged|not an image"),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + b"\xff" * 12, "beyond any frame"),
        (b"\xff\xd8\xff\xe0" + bytes(30), "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (hollow_png(20, 20), "damaged"),
        (hollow_png(60000, 60000), "60000x60000 pixels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason):
        list(read_pictures(tmp_path / "x"))


def test_damage_anywhere_is_refused_or_read_and_nothing_else(tmp_path: Path):
    generator = np.random.default_rng(0)
    pages = [Image.fromarray(GREY)] * 2
    for suffix in ("png", "tif", "gif", "webp", "bmp", "jpg"):
        several = {} if suffix in ("bmp", "jpg") else {"save_all": True, "append_images": pages}
        whole = saved(pages[0], tmp_path, suffix, **several).read_bytes()
        for _ in range(60):
            content = bytearray(whole)
            for place in generator.integers(0, len(content), 3):
                content[place] = generator.integers(256)
            path = tmp_path / "damaged"
            path.write_bytes(content[: generator.integers(1, len(content) + 1)])
            with contextlib.suppress(UnreadableImage):
                assert all(picture.values.ndim in (2, 3) for picture in read_pictures(path))
