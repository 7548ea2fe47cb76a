"""Several people in one mask: told, chosen by label, each a sequence of its own, or one followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.files.mask_files import write_mask
from helpers.files.mask_forms import colours, figure, labelled, walkers
from helpers.files.prepare_runs import frames_of, gait, prepared, record_of

from gait_plugins.prepare import align_masks
from gait_plugins.prepare.masks.bodies import Follower, are_two_people, beside, bodies, without_specks

SIZE = (120, 160)


def labels_on_disk(folder: Path, both_in: range = range(10)) -> Path:
    first, second = walkers(SIZE)
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        there = other if number in both_in else other * 0
        write_mask(folder / f"eve/nm/000/{number:03d}.png", labelled(one, there).astype(np.uint8))
    return folder


def test_each_label_becomes_an_identity(tmp_path: Path):
    raw = labels_on_disk(tmp_path / "raw", range(6, 10))
    code, text = gait("prepare", raw, tmp_path / "out", "--each-label")
    assert code == 0, text
    assert prepared(tmp_path / "out") == {
        "eve-1/nm/000/000.pkl": (10, 64, 64),
        "eve-2/nm/000/000.pkl": (4, 64, 64),
    }
    first, second = walkers(SIZE)
    for label, masks in ((1, first), (2, second[6:])):
        right = align_masks([mask * 255 for mask in masks])
        np.testing.assert_array_equal(frames_of(tmp_path / f"out/eve-{label}/nm/000/000.pkl"), right)
    assert record_of(tmp_path / "out")["people"] == {"eve/nm/000": ["eve-1", "eve-2"]}
    (tmp_path / "out/eve-2/nm/000/000.pkl").unlink()
    assert "2 sequences of 14 frames written" in gait("prepare", raw, tmp_path / "out", "--each-label")[1]
    assert "1 sequences were already present" in gait("prepare", raw, tmp_path / "out", "--each-label")[1]


def test_colours_are_labels_too(tmp_path: Path):
    first, second = walkers(SIZE)
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        painted = colours(one, (0, 0, 128)) | colours(other, (0, 128, 0))
        write_mask(tmp_path / f"raw/eve/nm/000/{number:03d}.png", painted[..., ::-1])
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "labels #000080, #008000" in text
    assert gait("prepare", tmp_path / "raw", tmp_path / "out", "--each-label")[0] == 0
    assert sorted(prepared(tmp_path / "out")) == ["eve-000080/nm/000/000.pkl", "eve-008000/nm/000/000.pkl"]


def test_a_label_that_is_seldom_there_can_be_chosen(tmp_path: Path):
    raw = labels_on_disk(tmp_path / "raw", range(4, 5))
    code, text = gait("prepare", raw, tmp_path / "out", "--label", 2)
    assert code == 0, text
    assert prepared(tmp_path / "out") == {"eve/nm/000/000.pkl": (1, 64, 64)}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--label", "7"], "they do not have the chosen label"),
        (["--label", "red"], "expected a number or a colour"),
        (["--label", "1", "--each-label"], "cannot be combined"),
        (["--largest", "--each-label"], "cannot be combined"),
    ],
)
def test_labels_that_are_not_there_are_told(options: list[str], told: str, tmp_path: Path):
    code, text = gait("prepare", labels_on_disk(tmp_path / "raw"), tmp_path / "out", *options)
    assert code == 2
    assert told in text


def test_soft_masks_have_no_labels(tmp_path: Path):
    grey = np.random.default_rng(0).integers(0, 255, SIZE).astype(np.uint8)
    write_mask(tmp_path / "raw/eve/nm/000/0.png", grey)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--each-label")
    assert code == 2
    assert "have no labels" in text


def test_choices_do_not_mix_in_one_folder(tmp_path: Path):
    raw = labels_on_disk(tmp_path / "raw")
    assert gait("prepare", raw, tmp_path / "out", "--label", 1)[0] == 0
    code, text = gait("prepare", raw, tmp_path / "out", "--label", 2)
    assert code == 2
    assert "label was 1, is 2" in text


def test_another_label_that_comes_late_is_told(tmp_path: Path):
    first, second = walkers(SIZE)
    for number in range(40):
        there = second[number % 10] if number in (20, 21) else second[0] * 0
        picture = labelled(first[number % 10], there).astype(np.uint8) * 100
        write_mask(tmp_path / f"raw/eve/nm/000/{number:03d}.png", picture)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0
    assert "another label beside that of their sequence" in text
    assert "020.png" in text


# --- bodies ------------------------------------------------------------------------------------------


def test_two_people_in_some_masks_are_told(tmp_path: Path):
    first, second = walkers(SIZE)
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        there = other if number < 3 else other * 0
        write_mask(tmp_path / f"raw/eve/nm/000/{number:03d}.png", (one | there) * np.uint8(255))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0
    assert "3 masks show two people" in text
    assert "--largest" in text
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "one", "--largest")
    assert code == 0
    right = align_masks([mask * 255 for mask in first])
    np.testing.assert_array_equal(frames_of(tmp_path / "one/eve/nm/000/000.pkl"), right)


def test_data_sets_of_known_owners_are_taken_as_they_are(tmp_path: Path):
    first, second = walkers(SIZE)
    both = (first[0] | second[0]) * np.uint8(255)
    write_mask(tmp_path / "raw/eve/nm/000/000.png", both)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", "CASIA-B")
    assert code == 0
    assert "two people" not in text


@pytest.mark.parametrize("hidden", ["rows", "columns"])
def test_a_body_cut_in_two_is_one_person(hidden: str):
    picture = figure(2, (240, 320)) * np.uint8(255)
    if hidden == "rows":
        picture[120:140] = 0
    else:
        picture[:, 76:88] = 0
    found = bodies(picture)
    assert len(found) == 1
    assert not are_two_people(found)
    assert not beside(picture)[0]


def test_a_far_person_and_specks_are_something_beside():
    picture = figure(0, (240, 320)) * np.uint8(255)
    assert beside(picture) == (False, False)
    far = picture.copy()
    far[60:140, 250:270] = 255
    assert beside(far) == (False, True)
    specks = picture.copy()
    specks[3:5, 300:303] = 255
    assert beside(specks) == (False, True)
    np.testing.assert_array_equal(without_specks(specks), picture)
    assert beside(np.zeros((90, 90), np.uint8)) == (False, False)


def test_a_person_is_followed_past_a_larger_one():
    follower = Follower()
    first, second = walkers(SIZE)
    for number, one in enumerate(first):
        picture = one * np.uint8(255)
        if number:
            picture[30:118, 120:158] = 255
        np.testing.assert_array_equal(follower.keep(picture), one * np.uint8(255))
    assert follower.keep(second[-1] * np.uint8(255)) is None
    empty = np.zeros(SIZE, np.uint8)
    np.testing.assert_array_equal(follower.keep(empty), empty)


def test_labels_of_lossy_images_are_not_to_be_had(tmp_path: Path):
    first, second = walkers(SIZE)
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        write_mask(
            tmp_path / f"raw/eve/nm/000/{number:03d}.jpg", labelled(one, other, (100, 200)).astype(np.uint8)
        )
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--label", "100")
    assert code == 2
    assert "lossy compression has changed their values" in text


def test_even_frames_before_anybody_is_seen_are_left_out(tmp_path: Path):
    first, _ = walkers(SIZE)
    write_mask(tmp_path / "raw/eve/nm/000/000.png", np.full(SIZE, 127, np.uint8))
    for number in range(1, 30):
        write_mask(tmp_path / f"raw/eve/nm/000/{number:03d}.png", first[number % 10] * np.uint8(255))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0, text
    assert prepared(tmp_path / "out") == {"eve/nm/000/000.pkl": (29, 64, 64)}
