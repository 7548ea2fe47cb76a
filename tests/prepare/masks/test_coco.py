"""Annotations in COCO's form: run lengths, polygons and tracks become sequences, or errors in words."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.files.coco_files import FIRST, SECOND, SIZE, annotated, compressed, polygons, runs
from helpers.files.mask_forms import overlap
from helpers.files.prepare_runs import frames_of, gait, prepared, record_of

from gait_plugins.prepare import align_masks
from gait_plugins.prepare.masks import coco


def written(folder: Path, content: Any) -> Path:
    path = folder / "walks.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("encode", [runs, compressed, polygons])
def test_every_kind_of_segmentation_is_read(encode: Any, tmp_path: Path):
    source = written(tmp_path, annotated(encode))
    code, text = gait("prepare", source, tmp_path / "out")
    assert code == 0, text
    right = align_masks([mask * 255 for mask in FIRST])
    found = frames_of(tmp_path / "out/eve/nm/090/090.pkl")
    assert overlap(found, right) > (0.8 if encode is polygons else 0.999)


@pytest.mark.parametrize("track", ["track_id", "instance_id"])
def test_tracks_are_labels(track: str, tmp_path: Path):
    source = written(tmp_path, annotated(both=True, track=track))
    code, text = gait("prepare", source, tmp_path / "out")
    assert code == 2
    assert "(labels 3, 7)" in text
    assert "--each-label" in text
    assert gait("prepare", source, tmp_path / "one", "--label", 7)[0] == 0
    right = align_masks([mask * 255 for mask in SECOND])
    np.testing.assert_array_equal(frames_of(tmp_path / "one/eve/nm/090/090.pkl"), right)
    assert gait("prepare", source, tmp_path / "each", "--each-label")[0] == 0
    assert sorted(prepared(tmp_path / "each")) == ["eve-3/nm/090/090.pkl", "eve-7/nm/090/090.pkl"]
    code, text = gait("prepare", source, tmp_path / "none", "--label", 5)
    assert code == 2
    assert "do not have the chosen label" in text


def test_tracks_may_be_attributes(tmp_path: Path):
    content = annotated(both=True)
    for annotation in content["annotations"]:
        annotation["attributes"] = {"occluded": False, "track_id": annotation.pop("track_id")}
    source = written(tmp_path, content)
    assert gait("prepare", source, tmp_path / "each", "--each-label")[0] == 0
    assert len(prepared(tmp_path / "each")) == 2


def test_people_without_tracks_are_told(tmp_path: Path):
    code, text = gait("prepare", written(tmp_path, annotated(track=None)), tmp_path / "one")
    assert code == 0, text
    code, text = gait("prepare", written(tmp_path, annotated(both=True, track=None)), tmp_path / "out")
    assert code == 2
    assert "no track_id that tells people apart" in text


def test_youtube_vis_is_read(tmp_path: Path):
    video = {"id": 1, "file_names": [f"walk/{n:05d}.jpg" for n in range(10)], "height": 120, "width": 160}
    tracks = [
        {"id": 4, "video_id": 1, "segmentations": [None, *map(runs, FIRST[1:])]},
        {"id": 5, "video_id": 1, "segmentations": [runs(mask) for mask in SECOND]},
    ]
    source = written(tmp_path, {"videos": [video], "annotations": tracks})
    options = ("--pattern", "{id}/{frame}", "--type", "nm", "--view", "0", "--each-label")
    code, text = gait("prepare", source, tmp_path / "out", *options)
    assert code == 0, text
    assert prepared(tmp_path / "out") == {
        "walk-4/nm/0/0.pkl": (9, 64, 64),
        "walk-5/nm/0/0.pkl": (10, 64, 64),
    }


def test_one_name_for_all_of_it(tmp_path: Path):
    names = ("--id", "eve", "--type", "nm", "--view", "0")
    assert gait("prepare", written(tmp_path, annotated()), tmp_path / "out", *names)[0] == 0
    assert prepared(tmp_path / "out") == {"eve/nm/0/0.pkl": (10, 64, 64)}


@pytest.mark.parametrize(
    ("counts", "size"),
    [([5, -5, 19200], SIZE), ([1], SIZE), (["x"], SIZE), ([[1]], SIZE), ([19200], (160, 120)), (None, SIZE)],
)
def test_a_segmentation_that_is_none_is_left_out_and_told(counts: Any, size: Any, tmp_path: Path):
    content = annotated()
    content["annotations"][4]["segmentation"] = {"size": list(size), "counts": counts}
    code, text = gait("prepare", written(tmp_path, content), tmp_path / "out")
    assert code == 0, text
    assert prepared(tmp_path / "out") == {"eve/nm/090/090.pkl": (9, 64, 64)}
    assert record_of(tmp_path / "out")["sequences"]["eve/nm/090"][coco.UNDECODED] == ["eve/nm/090/2.jpg"]


@pytest.mark.parametrize("text", ["", "\x7f", "o" * 50, "1" * 500])
def test_damaged_run_lengths_are_left_out(text: str, tmp_path: Path):
    content = annotated(compressed)
    content["annotations"][0]["segmentation"]["counts"] = text
    code, _ = gait("prepare", written(tmp_path, content), tmp_path / "out")
    assert code == 0
    assert prepared(tmp_path / "out") == {"eve/nm/090/090.pkl": (9, 64, 64)}


def broken(change: Any) -> Any:
    content = copy.deepcopy(annotated())
    change(content)
    return content


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        7,
        {"images": [], "annotations": []},
        broken(lambda c: c["annotations"][0].pop("image_id")),
        broken(lambda c: c["annotations"][0].update(image_id=99)),
        broken(lambda c: c["annotations"][0].update(track_id=-4)),
        broken(lambda c: c["images"][0].update(height=10**6, width=10**6)),
        broken(lambda c: c["images"][0].update(file_name=4)),
        broken(lambda c: c["images"][0].update(file_name="a/b/c/\0")),
        broken(lambda c: c.update(images=None)),
    ],
)
def test_files_without_annotations_are_told(content: Any, tmp_path: Path):
    code, text = gait("prepare", written(tmp_path, content), tmp_path / "out")
    assert code == 2
    assert "the file holds no annotations of masks" in text
    assert "COCO's lists images" in text


def test_names_that_do_not_fit_are_told(tmp_path: Path):
    content = annotated()
    for image in content["images"]:
        image["file_name"] = image["file_name"].replace("/", "-")
    code, text = gait("prepare", written(tmp_path, content), tmp_path / "out")
    assert code == 2
    assert "such as eve-nm-090-0.jpg" in text


def test_a_missing_package_is_told_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = written(tmp_path, annotated(compressed))
    monkeypatch.setattr(coco.importlib.util, "find_spec", lambda name: None)
    code, text = gait("prepare", source, tmp_path / "out")
    assert code == 2
    assert "pip install 'gait-plugins-trackletgait[coco]'" in text
    assert gait("prepare", written(tmp_path, annotated()), tmp_path / "out")[0] == 0
