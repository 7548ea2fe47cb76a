"""Contact sheets: a labelled row of frames for every sequence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from gait_plugins.api import Ragged
from gait_plugins.core.tools.contact_sheet import contact_sheet, sheet_rows
from gait_plugins.core.tools.pictures import pictures
from gait_plugins.errors import DataError
from gait_plugins.plugins.walkers.dataset import Walkers


def test_rows_and_columns(tmp_path: Path) -> None:
    frames = np.full((10, 8, 6), 255, np.uint8)
    frames[:, :, 3:] = 0
    path = contact_sheet(
        [("a", frames), ("b", frames[:3])], tmp_path / "new" / "s.png", columns=4, label_width=50
    )
    sheet = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape == (2 * 8 + 1, 50 + 4 * 6)
    assert (sheet[:8, 50:] == np.hstack(list(frames[:4]))).all()  # white on black, as the data
    # The second sequence has two frames to show, the rest of its row is empty.
    assert (sheet[9:, 50 : 50 + 12] == np.hstack(list(frames[:2]))).all()
    assert (sheet[9:, 50 + 12 :] == 255).all()
    assert (sheet[:, :50] < 200).any()


def test_colour_and_float_frames(tmp_path: Path) -> None:
    frames = np.ones((2, 3, 8, 6), np.float32)
    sheet = cv2.imread(
        str(contact_sheet([("a", frames)], tmp_path / "s.png", columns=1)), cv2.IMREAD_GRAYSCALE
    )
    assert (sheet[:, 96:] == 255).all()


def test_a_data_set_is_shown_by_condition_and_view(tmp_path: Path) -> None:
    data = Walkers(
        train=0,
        test=3,
        views=["000", "036", "090", "180"],
        nm=2,
        bg=1,
        cl=0,
        frames=2,
        cache_dir=str(tmp_path),
    )
    labels = [label for label, _ in sheet_rows(data)]
    assert labels == [
        f"{who} {kind} {view}"
        for who in ("001", "002")
        for kind in ("bg-01", "nm-01")
        for view in ("000", "090", "180")
    ]
    assert [label for label, _ in sheet_rows(data, identities=1, types=["nm-02"], views=["036"])] == [
        "001 nm-02 036"
    ]
    with pytest.raises(DataError, match="no view '072'; it has 000, 036, 090, 180"):
        sheet_rows(data, views=["072"])
    assert contact_sheet(data, tmp_path / "sheet.png").stat().st_size < 40_000


def test_frames_of_any_stream_have_a_picture() -> None:
    rng = np.random.default_rng(0)
    cloud = Ragged.of([rng.normal(size=(rows, 3)) for rows in (5, 9)])
    labels = np.tile(np.arange(12, dtype=np.uint8), (2, 4, 1))
    for frames in (
        cloud,
        rng.uniform(1, 9, (2, 17, 3)),
        labels,
        rng.normal(size=(2, 85)),
        np.ones((2, 4, 96, 48)),
    ):
        shown = pictures(frames)
        assert (len(shown), shown.dtype) == (2, np.uint8)
        assert shown.any()
    colours = pictures(rng.integers(0, 255, (2, 3, 8, 6)).astype(np.uint8))
    assert colours.shape == (2, 8, 6, 3)
    assert len(np.unique(pictures(labels)[0].reshape(-1, 3), axis=0)) == 12


def test_ragged_frames_of_any_shape_have_a_picture(tmp_path: Path) -> None:
    numbers = Ragged(np.array([0.0, 4.0, 2.0]), np.array([0, 1, 1, 3]))
    shown = pictures(numbers)
    assert shown.shape == (3, 64, 64)
    assert (shown > 0).sum((1, 2)).tolist() == [32, 0, 64 * 32 + 32 * 32]
    masks = np.zeros((3, 8, 6), np.uint8)
    masks[0, 0], masks[1, 1], masks[2, 2] = 255, 255, 255
    shown = pictures(Ragged(masks, np.array([0, 1, 1, 3])))
    assert shown.shape == (3, 8, 6)
    assert [sorted(set(np.nonzero(picture)[0])) for picture in shown] == [[0], [], [1, 2]]
    flat = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 9.0]])
    shown = pictures(Ragged(flat, np.array([0, 2, 3])))
    rows, columns = np.nonzero(shown[0])
    assert np.ptp(rows) < 4  # side by side, as x and y downwards say
    assert np.ptp(columns) > 40
    for frames in (numbers, Ragged(masks, np.array([0, 1, 3])), Ragged(flat, np.array([0, 1, 3]))):
        assert contact_sheet([("a", frames)], tmp_path / "s.png").exists()


def test_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sequences"):
        contact_sheet([], tmp_path / "s.png")
    with pytest.raises(DataError, match="a: there is no frame to show"):
        contact_sheet([("a", np.zeros((0, 8, 6)))], tmp_path / "s.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the picture cannot be written"):
        contact_sheet([("a", np.zeros((1, 8, 6)))], tmp_path / "file" / "s.png")
