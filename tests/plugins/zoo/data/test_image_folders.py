"""Folders of raw images are read as sequences, aligned as `data prepare` aligns them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.files.layout_files import image_folders, picture

from gait_plugins import DataError, build
from gait_plugins.api import FindingLog
from gait_plugins.plugins.zoo.data.image_folders import ImageFolders
from gait_plugins.prepare.align import align_mask


def folders(place: Path, people: tuple[str, ...] = ("001", "002"), frames: int = 12) -> ImageFolders:
    image_folders(place, people, frames)
    (place / "p.json").write_text(json.dumps({"TRAIN_SET": [people[0]], "TEST_SET": list(people[1:])}))
    return ImageFolders(str(place / "raw"), str(place / "p.json"))


def test_each_image_is_a_frame_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    data = folders(tmp_path)
    refs = data.sequences("train")
    assert [(r.label, r.type, r.view) for r in refs] == [("001", "bg-01", "090"), ("001", "nm-01", "090")]
    (frames,) = data.load(refs[0])
    assert np.array_equal(frames, np.stack([align_mask(picture(step)) for step in range(12)]))


def test_images_without_a_person_are_left_out(tmp_path: Path) -> None:
    data = folders(tmp_path)
    ref = data.sequences("train")[0]
    cv2.imwrite(ref.source[3], np.zeros((120, 160), np.uint8))
    (frames,) = data.load(ref)
    assert len(frames) == data.length(ref) == 11


def test_a_sequence_without_any_person_says_why(tmp_path: Path) -> None:
    data = folders(tmp_path, frames=2)
    ref = data.sequences("train")[0]
    for path in ref.source:
        cv2.imwrite(path, np.zeros((120, 160), np.uint8))
    with pytest.raises(
        DataError, match=r"none of the 2 images of 001-bg-01-090 gives a silhouette.*no person"
    ):
        data.load(ref)


def test_aligned_images_are_brought_to_their_size_alone(tmp_path: Path) -> None:
    data = folders(tmp_path)
    as_is = ImageFolders(data.root, data.partition_path, align=False, size=32)
    (frames,) = as_is.load(as_is.sequences("test")[0])
    assert np.array_equal(frames[0], cv2.resize(picture(0), (32, 32), interpolation=cv2.INTER_CUBIC))


def test_a_kept_sequence_is_read_once(tmp_path: Path) -> None:
    data = folders(tmp_path)
    kept = ImageFolders(data.root, data.partition_path, cache=True)
    ref = kept.sequences("test")[0]
    first = kept.load(ref)[0]
    Path(ref.source[0]).unlink()
    assert np.array_equal(kept.load(ref)[0], first)


def test_single_frames_of_raw_images(tmp_path: Path) -> None:
    data = folders(tmp_path)
    options = {"dataset_root": data.root, "dataset_partition": data.partition_path}
    frames = build(
        "dataset",
        {"type": "SilhouetteFrames", "of": {"type": "ImageFolders", **options}, "frames_per_sequence": 4},
    )
    refs = frames.sequences("test")
    assert [frames.targets(ref)["frame"] for ref in refs] == [0, 3, 6, 9] * 2
    assert frames.load(refs[1])[0].shape == (1, 64, 64)


def test_what_it_holds_is_counted_and_checked(tmp_path: Path) -> None:
    data = folders(tmp_path)
    report = data.check()
    assert report.counts["train frames"] == 24
    assert not report.errors
    (tmp_path / "raw/001/nm-01/090/0.png").write_bytes(b"no image")
    (tmp_path / "raw/001/nm-01/000").mkdir()
    again = ImageFolders(data.root, data.partition_path)
    assert again.check().counts["train frames"] == 23
    log = FindingLog()
    again.find("train", ["001"], log)
    assert [finding.problem for finding in log.findings()] == ["view folders hold no image"]
