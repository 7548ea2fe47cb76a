"""Folders of single frames as images, embedded by the checkpoint that is shipped."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import gait_plugins
from gait_plugins.core.tools.sequence_files import SequenceFiles
from gait_plugins.errors import ConfigError, DataError


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """``ID/TYPE/VIEW/IMAGES`` of two people, and a picture to look at beside them."""
    for person, width in (("ada", 8), ("bob", 14)):
        for view in ("000", "090"):
            folder = tmp_path / "people" / person / "nm-01" / view
            folder.mkdir(parents=True)
            for number in range(12):
                frame = np.zeros((64, 64), np.uint8)
                cv2.ellipse(frame, (32, 32), (width + number % 3, 29), 0, 0, 360, 255, -1)
                cv2.imwrite(str(folder / f"{number}.png"), frame)
    cv2.imwrite(str(tmp_path / "people" / "ada" / "sheet.png"), np.zeros((8, 8), np.uint8))
    return tmp_path / "people"


def named(path: Path, identity: str | None = None) -> list[tuple[str, str, str]]:
    return [ref[:3] for ref in SequenceFiles([path], identity).sequences("test")]


def test_a_tree_of_single_frames_names_its_people(people: Path):
    expected = [(person, "nm-01", view) for person in ("ada", "bob") for view in ("000", "090")]
    assert named(people) == expected
    assert SequenceFiles([people]).names() == ["-".join(name) for name in expected]


def test_the_folder_of_one_person_is_called_after_it_or_as_asked(people: Path):
    assert {label for label, *_ in named(people / "bob")} == {"bob"}
    assert {label for label, *_ in named(people / "bob", "robert")} == {"robert"}


def test_walks_side_by_side_have_no_name(people: Path):
    condition = people / "ada" / "nm-01"
    assert {label for label, *_ in named(condition)} == {""}
    assert SequenceFiles([condition]).names() == [str(condition / "000"), str(condition / "090")]


def test_a_tree_of_several_people_is_not_one_person(people: Path):
    with pytest.raises(ConfigError, match="2 identities itself"):
        named(people, "eve")


def test_the_shipped_checkpoint_embeds_a_tree_as_it_embeds_each_folder(people: Path):
    embedder = gait_plugins.Embedder("walkers/pretrained", device="cpu")
    whole = embedder.files([people])
    alone = [embedder.files([people / p / "nm-01" / v]) for p in ("ada", "bob") for v in ("000", "090")]
    assert list(whole.views) == ["000", "090"] * 2
    np.testing.assert_allclose(whole.embeddings, np.concatenate([a.embeddings for a in alone]), atol=1e-5)
    assert np.abs(whole.embeddings[0] - whole.embeddings[2]).max() > 1e-3


def test_masks_of_any_form_in_memory_are_the_same_walk(people: Path):
    embedder = gait_plugins.Embedder("walkers/pretrained", device="cpu")
    (folder,) = (people / "ada" / "nm-01").glob("000")
    walk = SequenceFiles([folder]).load(SequenceFiles([folder]).sequences("test")[0])[0]
    forms = embedder.arrays([walk, (walk > 0).astype(np.uint8), walk > 0, walk.astype(np.float32) / 255])
    assert np.abs(forms - forms[0]).max() < 1e-5
    with pytest.raises(DataError, match=r"array 0.*shape \[64, 64\]"):
        embedder.arrays(walk)  # the frames of one walk are no list of walks
    with pytest.raises(DataError, match="array 1"):
        embedder.arrays([walk, walk[:0]])
