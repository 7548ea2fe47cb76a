"""What ``data prepare`` says of images that are no clean masks: inverted, dark, noisy, photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.files.mask_files import mask, write_mask
from helpers.files.prepare_runs import frames_of, gait, prepared, raw_walks

from gait_plugins.prepare import align_masks


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return raw_walks(tmp_path / "raw")


def test_jpeg_noise_counts_as_nobody(tmp_path):
    picture = np.maximum(mask(0), 2)
    write_mask(tmp_path / "raw/a/b/c/1.jpg", picture)
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 0
    found = frames_of(tmp_path / "out/a/b/c/c.pkl")[0].astype(int)
    assert np.abs(found - align_masks([mask(0)])[0]).mean() < 5


def test_masks_of_0_and_1_are_recognised_and_told(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(0, value=1))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0
    assert "masks hold 0 and 1" in text
    np.testing.assert_array_equal(frames_of(tmp_path / "out/a/b/c/c.pkl"), align_masks([mask(0)]))


# --- images that are no masks ------------------------------------------------------------------------


def test_black_on_white_is_told_and_turned_on_request(raw, tmp_path):
    out = tmp_path / "out"
    for number in range(16):
        write_mask(raw / f"001/nm-01/000/{number:03d}.png", 255 - mask(number))
    code, text = gait("prepare", raw, out)
    assert code == 0
    assert "white background" in text
    assert "--invert" in text
    assert "001/nm-01/000/000.pkl" not in prepared(out)
    code, text = gait("prepare", raw, out, "--invert")
    assert code == 0
    assert "1 sequences of 16 frames written" in text
    found = frames_of(out / "001/nm-01/000/000.pkl")
    np.testing.assert_array_equal(found, align_masks([mask(number) for number in range(16)]))


def test_half_of_the_frames_are_not_most_of_them(tmp_path):
    for number in range(4):
        picture = mask(number)
        write_mask(tmp_path / f"raw/a/b/c/{number}.png", picture if number < 2 else 255 - picture)
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 0
    assert prepared(tmp_path / "out") == {"a/b/c/c.pkl": (4, 64, 64)}


def test_a_source_of_black_on_white_alone_is_an_error_that_names_the_way_out(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", 255 - mask())
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "white background" in text
    assert "-> run again with --invert" in text


def test_a_few_odd_frames_are_left_as_they_are(raw, tmp_path):
    write_mask(raw / "001/nm-01/000/003.png", 255 - mask(3))
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 0
    assert "white background" not in text
    assert prepared(tmp_path / "out")["001/nm-01/000/000.pkl"] == (16, 64, 64)


def test_a_person_cut_tightly_is_not_taken_for_a_background(tmp_path):
    picture = mask()
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    write_mask(tmp_path / "raw/a/b/c/1.png", picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 0


def test_photographs_are_no_masks(tmp_path):
    picture = np.random.default_rng(1).integers(40, 220, (90, 90)).astype(np.uint8)
    write_mask(tmp_path / "raw/a/b/c/1.png", picture)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "pictures rather than masks" in text
    assert "segment the people first" in text


@pytest.mark.parametrize("value", [2, 30, 147])
def test_a_person_in_one_grey_is_made_white_and_told(value, tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(0, 240, 320, value))
    right = align_masks([mask(0, 240, 320)])
    for target, options in (("out", ()), ("white", ("--threshold", 0))):
        code, text = gait("prepare", tmp_path / "raw", tmp_path / target, *options)
        assert code == 0
        assert (f"(label {value})" in text) == (not options)
        assert "masks hold no white" not in text
        np.testing.assert_array_equal(frames_of(tmp_path / target / "a/b/c/c.pkl"), right)


def test_grey_people_of_a_data_set_are_left_as_they_are_and_told(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(0, 240, 320, 147))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", "CASIA-B")
    assert code == 0
    assert "masks hold no white" in text
    assert "-> use --threshold 0" in text


def test_invert_is_not_advised_where_it_was_the_mistake(raw, tmp_path):
    code, text = gait("prepare", raw, tmp_path / "out", "--invert")
    assert code == 2
    assert "-> run again without --invert" in text


def test_aligned_images_that_are_cut_are_told(tmp_path):
    write_mask(tmp_path / "raw/train/00001/abc/1.png", mask(0, 64, 44))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", "GREW")
    assert code == 0
    assert "not square" in text
