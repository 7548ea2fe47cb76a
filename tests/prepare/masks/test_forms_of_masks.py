"""Masks in every form that tools write: right silhouettes with a word, or an error whose advice works."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.files.mask_files import write_mask
from helpers.files.mask_forms import CLEAN as CLEAN_FORMS
from helpers.files.mask_forms import (
    FORMS,
    SIZES,
    blurred,
    confidence,
    each,
    figure,
    in_the_picture,
    labelled,
    overlap,
    walkers,
    with_shadow,
)
from helpers.files.prepare_runs import frames_of, gait, record_of

from gait_plugins.errors import DataError
from gait_plugins.io.pictures import Picture
from gait_plugins.prepare import align_masks
from gait_plugins.prepare.masks.forms import CLEAN, CONFIDENCE, PICTURES, SHADOWS, Choices, form_of

NAMES = ("--id", "a", "--type", "b", "--view", "c")
FILM = (".avi", ".mp4")


def prepare(raw: Path, target: Path, *options: str) -> tuple[int, str, np.ndarray | None]:
    films = [path for path in raw.iterdir() if path.suffix in FILM]
    code, text = gait("prepare", films[0] if films else raw, target, *NAMES, *options)
    path = target / "a/b/c/c.pkl"
    return code, text, frames_of(path) if path.exists() else None


def check(name: str, size: tuple[int, int], folder: Path) -> None:
    form = FORMS[name]
    first, second = walkers(size)
    right = align_masks([mask * 255 for mask in first])
    form.write(folder / "raw", first, second)
    code, text, found = prepare(folder / "raw", folder / "out")
    assert form.says in text
    if form.advice:
        assert form.advice[0] in text
        code, _, found = prepare(folder / "raw", folder / "advised", *form.advice)
    if name == "logits":
        assert code == 2
        return
    assert code == 0, text
    assert found is not None
    if form.soft:
        paths = sorted((folder / "raw").iterdir())
        cut, best = in_the_picture(paths, first, Choices(invert="--invert" in form.advice))
        assert cut >= best - 0.005
        assert len(found) == len(right)
    else:
        assert overlap(found, right) >= form.least


@pytest.mark.parametrize("name", FORMS)
def test_every_form_becomes_the_right_silhouettes_or_an_error_that_helps(name: str, tmp_path: Path):
    check(name, SIZES[0], tmp_path)


@pytest.mark.heavy
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("size", SIZES[1:])
def test_every_form_at_larger_sizes(name: str, size: tuple[int, int], tmp_path: Path):
    check(name, size, tmp_path)


@pytest.mark.parametrize("name", [name for name, form in CLEAN_FORMS.items() if not form.says])
def test_of_black_and_white_nothing_is_said(name: str, tmp_path: Path):
    CLEAN_FORMS[name].write(tmp_path / "raw", *walkers(SIZES[0]))
    code, text, _ = prepare(tmp_path / "raw", tmp_path / "out")
    assert code == 0
    assert set(record_of(tmp_path / "out")["sequences"].get("a/b/c", {})) <= {
        "sequences are shorter than 15 frames"
    }, text


@pytest.mark.parametrize("softness", ["aliased", "2 px", "linear"])
def test_smooth_edges_are_no_confidence(softness: str):
    masks = [figure(number, (240, 320)) * np.uint8(255) for number in range(4)]
    soft = {
        "aliased": lambda m: cv2.resize(cv2.resize(m, None, fx=2, fy=2), (320, 240), interpolation=3),
        "2 px": lambda m: cv2.GaussianBlur(m, (3, 3), 0),
        "linear": lambda m: cv2.resize(m, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR),
    }[softness]
    form = form_of([Picture(soft(mask)) for mask in masks])
    assert (form.kind, form.threshold) == (CLEAN, None)


def test_the_whole_sequence_is_cut_at_one_grey_value(tmp_path: Path):
    first, second = walkers((120, 160))
    dim = iter([90, 180] * 5)
    each(lambda a, b: blurred(a, 1, 2, next(dim)))(tmp_path / "raw", first, second)
    code, _, _ = prepare(tmp_path / "raw", tmp_path / "out")
    assert code == 0
    [(remark, places)] = [
        (key, value)
        for key, value in record_of(tmp_path / "out")["sequences"]["a/b/c"].items()
        if "conf" in key
    ]
    assert remark == CONFIDENCE
    assert len(places) == 1
    assert "above grey" in places[0]


def test_owners_of_data_sets_know_their_soft_masks():
    soft = [Picture(blurred(figure(number, (120, 160)), 3, 0, 255)) for number in range(4)]
    assert form_of(soft).kind == CONFIDENCE
    assert form_of(soft, Choices(as_is=True)) == form_of(soft, Choices(as_is=True, aligned=True))
    assert form_of(soft, Choices(as_is=True)).threshold is None


def test_a_shadow_as_high_as_a_person_is_a_person():
    shadows = [Picture(with_shadow(figure(number, (120, 160)))) for number in range(4)]
    assert form_of(shadows).kind == SHADOWS
    people = [
        Picture(
            labelled(figure(number, (120, 160)), figure(number, (120, 160), 0.7), (255, 127)).astype(np.uint8)
        )
        for number in range(4)
    ]
    assert form_of(people).refused


def test_coloured_photographs_are_no_masks():
    noise = np.random.default_rng(0).integers(0, 60, (90, 120, 3)).astype(np.uint8)
    assert form_of([Picture(noise)]).kind == PICTURES


def test_frames_that_are_unlike_their_sequence_are_told(tmp_path: Path):
    first, _ = walkers((120, 160))
    kinds = [lambda a: a * 255] * 5 + [with_shadow] + [lambda a: a * 255] * 20
    raw = tmp_path / "raw"
    raw.mkdir()
    for number, kind in enumerate(kinds):
        write_mask(raw / f"{number:03d}.png", kind(first[number % 10]))
    code, text, _ = prepare(raw, tmp_path / "out")
    assert code == 0
    assert "masks are of another form than most of their sequence" in text
    assert "005.png" in text


# --- arrays ------------------------------------------------------------------------------------------


def test_confidence_in_arrays_is_cut_to_the_person():
    first, _ = walkers((180, 240))
    right = align_masks([mask * 255 for mask in first])
    maps = [confidence(mask, 1, 0.3, number) for number, mask in enumerate(first)]
    found = align_masks(maps)
    assert overlap(found, right) > 0.9
    assert found[0].any(1).all()  # as high as the frame
    np.testing.assert_array_equal(align_masks(iter(maps)), found)


def test_labels_in_arrays_are_chosen():
    first, second = walkers((120, 160))
    right = [align_masks([mask * 255 for mask in masks]) for masks in (first, second)]
    maps = [labelled(one, other, (3, 700)) for one, other in zip(first, second, strict=True)]
    with pytest.raises(DataError, match="labels 3, 700") as caught:
        align_masks(maps)
    assert "align_masks(masks, label=3)" in str(caught.value)
    for label, expected in zip((3, 700), right, strict=True):
        np.testing.assert_array_equal(align_masks(maps, label=label), expected)
    with pytest.raises(DataError, match="label 4 is in none of the masks"):
        align_masks(maps, label=4)
    with pytest.raises(DataError, match="show two people"):
        align_masks([one | other for one, other in zip(first, second, strict=True)])


# --- several people, soft ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_faint_person_beside_a_bright_one_is_told(size: tuple[int, int], tmp_path: Path):
    first, second = walkers(size)
    each(lambda a, b: np.maximum(blurred(a, 1, 0, 255), blurred(b, 1, 0, 90)))(
        tmp_path / "raw", first, second
    )
    code, text, _ = prepare(tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "show two people" in text or "several grey values with soft edges" in text
    code, text, found = prepare(tmp_path / "raw", tmp_path / "bright", "--threshold", "127")
    assert code == 0
    assert found is not None
    assert len(found) == len(first)


@pytest.mark.parametrize("high", [60, 89, 90, 91, 200])
def test_neighbouring_greys_are_no_people(high: int):
    masks = [Picture(blurred(figure(number, (240, 320)), 1, 2, high)) for number in range(4)]
    assert form_of(masks).kind == CONFIDENCE
