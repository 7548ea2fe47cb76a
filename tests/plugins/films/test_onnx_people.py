"""The segmenter of ONNX files: maps, labels, instances and prototypes become people; faults are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.film_models.onnx_files import SIZE, colourful, constant, instances, prototypes, saved, semantic
from onnx import TensorProto, helper

from gait_plugins import ConfigError, DataError, Detection
from gait_plugins.errors import PluginLoadError
from gait_plugins.plugins.films.onnx_models.fitting import Fitting
from gait_plugins.plugins.films.onnx_models.people import OnnxPeople
from gait_plugins.testing.films import check_segmenter, example_film

EXAMPLE = example_film()


def overlap(one: Detection, other: Detection) -> float:
    masks = []
    for person in (one, other):
        mask = np.zeros((EXAMPLE.film.height, EXAMPLE.film.width), bool)
        left, top, right, bottom = person.box
        mask[top:bottom, left:right] = person.mask > 127
        masks.append(mask)
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def worst(segmenter: OnnxPeople, numbers: tuple[int, ...] = (10, 20, 30)) -> float:
    """The lowest overlap of a person with the truth; 0 where there are more or fewer people."""
    segmenter.begin(EXAMPLE.film, None)
    found = []
    for number in numbers:
        people = sorted(segmenter.people(EXAMPLE.frames[number]), key=lambda person: person.top)
        truth = sorted(EXAMPLE.people[number], key=lambda person: person.top)
        if len(people) != len(truth):
            return 0.0
        found += [overlap(one, other) for one, other in zip(people, truth, strict=True)]
    return min(found)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("logits", {"person": 1}),
        ("last", {"person": 1}),
        ("last", {"person": 1, "axis": "last"}),
        ("chances", {}),
        ("labels", {"person": 15}),
        ("labels", {}),
        ("logits", {"person": 1, "fit": "stretch"}),
        ("logits", {"person": 1, "mean": [0.0, 0.0, 0.0], "std": [1, 1, 1], "threshold": 0.4}),
    ],
)
def test_maps_become_people(tmp_path: Path, kind: str, options: dict[str, Any]):
    assert worst(OnnxPeople(semantic(tmp_path / "m.onnx", kind), **options)) > 0.75


def test_the_contract_is_kept(tmp_path: Path):
    check_segmenter(OnnxPeople(semantic(tmp_path / "m.onnx"), person=1))
    check_segmenter(OnnxPeople(instances(tmp_path / "i.onnx"), person=1))
    check_segmenter(OnnxPeople(prototypes(tmp_path / "p.onnx")))


@pytest.mark.parametrize("kind", ["v5", "v8", "rows"])
def test_prototypes_become_people_each_once(tmp_path: Path, kind: str):
    segmenter = OnnxPeople(prototypes(tmp_path / "p.onnx", kind))
    assert worst(segmenter) > 0.75
    assert [round(person.score, 2) for person in segmenter.people(EXAMPLE.frames[20])] == [0.9, 0.8]
    assert (
        len(OnnxPeople(prototypes(tmp_path / "p.onnx", kind), confidence=0.85).people(EXAMPLE.frames[20]))
        == 1
    )


def test_instances_with_masks_of_the_whole_picture_become_people(tmp_path: Path):
    segmenter = OnnxPeople(instances(tmp_path / "i.onnx"), person=1)
    assert worst(segmenter) > 0.75
    assert [round(person.score, 2) for person in segmenter.people(EXAMPLE.frames[20])] == [0.95, 0.9]


def test_masks_in_boxes_lie_where_the_boxes_are(tmp_path: Path):
    segmenter = OnnxPeople(instances(tmp_path / "i.onnx", in_boxes=True), person=1)
    first, second = segmenter.people(EXAMPLE.frames[20])
    # The frame of 160x120 is 128x96 in the input, with bars of 16 columns.
    assert np.allclose(first.box, [(32 - 16) * 1.25, 8 * 1.25, (64 - 16) * 1.25, 40 * 1.25], atol=3)
    assert np.allclose(second.box, [(80 - 16) * 1.25, 48 * 1.25, (112 - 16) * 1.25, 88 * 1.25], atol=4)
    assert 0.55 < first.area / (40 * 40) < 0.72  # a disc


def test_an_input_of_open_size_takes_the_size_that_is_written(tmp_path: Path):
    nodes, held = colourful(scale=255)
    path = saved(tmp_path / "m.onnx", nodes, {"logits": ["n", 1, "h", "w"]}, held, taken=("n", 3, "h", "w"))
    with pytest.raises(ConfigError, match="leaves the size of its input open"):
        OnnxPeople(path)
    assert worst(OnnxPeople(path, size=[120, 160])) > 0.95
    assert worst(OnnxPeople(path, size=[240, 240])) > 0.9


def test_pictures_of_whole_numbers_channels_last_and_blue_first(tmp_path: Path):
    cast = helper.make_node("Cast", ["picture"], ["floats"], to=TensorProto.FLOAT)
    turn = helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2])
    flip = helper.make_node("Gather", ["planes", "order"], ["red_first"], axis=1)
    nodes, held = colourful("red_first")
    path = saved(
        tmp_path / "m.onnx",
        [cast, turn, flip, *nodes],
        {"logits": [1, 1, *SIZE]},
        [*held, constant("order", [2, 1, 0], np.int64)],
        taken=(1, *SIZE, 3),
        dtype=TensorProto.UINT8,
    )
    assert worst(OnnxPeople(path, colours="bgr")) > 0.75


def test_a_picture_without_a_batch_axis(tmp_path: Path):
    nodes, held = colourful("batch", scale=255)
    whole = helper.make_node("Unsqueeze", ["picture", "zero"], ["batch"])
    held.append(constant("zero", [0], np.int64))
    path = saved(tmp_path / "m.onnx", [whole, *nodes], {"logits": [1, 1, *SIZE]}, held, taken=(3, *SIZE))
    assert worst(OnnxPeople(path)) > 0.75


def test_half_precision(tmp_path: Path):
    nodes, held = colourful("floats", scale=255)
    cast = helper.make_node("Cast", ["picture"], ["floats"], to=TensorProto.FLOAT)
    path = saved(
        tmp_path / "m.onnx", [cast, *nodes], {"logits": [1, 1, *SIZE]}, held, dtype=TensorProto.FLOAT16
    )
    assert worst(OnnxPeople(path)) > 0.75


def test_values_that_are_no_number_are_nobody(tmp_path: Path):
    nodes, held = colourful(scale=255)
    nodes.append(helper.make_node("Mul", ["logits", "nothing"], ["map"]))
    held.append(constant("nothing", np.nan))
    segmenter = OnnxPeople(saved(tmp_path / "m.onnx", nodes, {"map": [1, 1, *SIZE]}, held))
    assert segmenter.people(EXAMPLE.frames[20]) == []


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [(160, 96), (64, 128), (300, 300)])
def test_a_frame_comes_back_from_where_it_was_put(fit: Any, size: tuple[int, int]):
    smooth = np.hypot(*(np.mgrid[:120, :160] - np.array([60, 80])[:, None, None])).astype(np.float32)
    pixels = np.repeat(smooth.clip(0, 255).astype(np.uint8)[..., None], 3, 2)
    fitting = Fitting.of((160, 120), size, fit)
    back = fitting.to_frame(fitting.apply(pixels, 0)[..., 0].astype(np.float32), fitting.whole)
    assert abs(back - smooth)[8:-8, 8:-8].mean() < 1


# --- faults ----------------------------------------------------------------------------------------


def test_files_that_are_no_models_are_told(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        OnnxPeople(str(tmp_path / "none.onnx"))
    with pytest.raises(DataError, match="a folder"):
        OnnxPeople(str(tmp_path))
    whole = Path(semantic(tmp_path / "m.onnx")).read_bytes()
    for number, content in enumerate((b"", b"no model at all" * 20, whole[: len(whole) // 2])):
        damaged = tmp_path / f"{number}.onnx"
        damaged.write_bytes(content)
        with pytest.raises(DataError) as told:
            OnnxPeople(str(damaged))
        assert "is no ONNX model" in told.value.message or "cannot load" in told.value.message


@pytest.mark.parametrize("more", [{"opset": 99}, {"ir": 99}])
def test_versions_that_the_runtime_does_not_know_are_told(tmp_path: Path, more: dict[str, int]):
    with pytest.raises(DataError, match=r"of a version that ONNX Runtime .* does not know"):
        OnnxPeople(semantic(tmp_path / "m.onnx", **more))


def test_operators_that_the_runtime_does_not_know_are_told(tmp_path: Path):
    node = helper.make_node("Magic", ["picture"], ["map"], domain="elsewhere")
    with pytest.raises(DataError, match="cannot load the model"):
        OnnxPeople(saved(tmp_path / "m.onnx", [node], {"map": [1, 1, *SIZE]}))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "2 classes, and nobody has said which is the person"),
        ({"person": 2}, "person of onnx is 2, but the model has the classes 0 to 1"),
        ({"person": 1, "outputs": {"map": "bath"}}, "no output 'bath', but both"),
        ({"person": 1, "outputs": {"mask": "both"}}, "the key 'mask', expected map"),
        ({"person": 1, "size": [64, 64]}, "size of onnx is \\[64, 64\\], but the model takes \\[96, 160\\]"),
        ({"person": 1, "size": [64]}, "expected \\[height, width\\]"),
        ({"person": 1, "mean": [0.5]}, "expected three numbers"),
        ({"person": 1, "std": [0, 1, 1]}, "expected no 0"),
        ({"person": 1, "threshold": 2}, "threshold of OnnxPeople"),
        ({"form": "instances", "person": 1}, "which output of the model is the masks cannot be told"),
    ],
)
def test_options_that_do_not_fit_the_model_are_told(tmp_path: Path, options: dict[str, Any], told: str):
    with pytest.raises(ConfigError, match=told):
        OnnxPeople(semantic(tmp_path / "m.onnx"), **options)


def test_the_label_of_a_person_has_to_be_said(tmp_path: Path):
    with pytest.raises(ConfigError, match="which label is the person"):
        OnnxPeople(instances(tmp_path / "i.onnx"))


@pytest.mark.parametrize(
    "taken", [(1, 4, *SIZE), (2, 3, *SIZE), (1, 10), (SIZE[0],)], ids=["four", "batch", "flat", "line"]
)
def test_models_of_other_data_are_told(tmp_path: Path, taken: tuple[int, ...]):
    node = helper.make_node("Identity", ["picture"], ["map"])
    with pytest.raises(DataError, match=r"expected (one picture|1)"):
        OnnxPeople(saved(tmp_path / "m.onnx", [node], {"map": taken}, taken=taken))


def test_outputs_of_another_rank_are_told(tmp_path: Path):
    nodes, held = colourful(scale=255)
    nodes.append(helper.make_node("Flatten", ["logits"], ["flat"]))
    path = saved(tmp_path / "m.onnx", nodes, {"flat": [1, SIZE[0] * SIZE[1]]}, held)
    with pytest.raises(DataError, match="the output is \\[1, 15360\\], expected \\[1, classes, h, w\\]"):
        OnnxPeople(path)


def test_a_model_that_fails_is_told(tmp_path: Path):
    nodes, held = colourful(scale=255)
    nodes.append(helper.make_node("Reshape", ["logits", "wrong"], ["map"]))
    held.append(constant("wrong", [1, 1, 7, 11], np.int64))
    path = saved(tmp_path / "m.onnx", nodes, {"map": ["a", "b", "c", "d"]}, held, taken=(1, 3, "h", "w"))
    with pytest.raises(DataError, match="the model fails on a picture of 64x64"):
        OnnxPeople(path, size=[64, 64]).people(EXAMPLE.frames[20])


def test_the_way_to_the_runtime_is_told_where_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PluginLoadError, match="needs ONNX Runtime") as told:
        OnnxPeople(semantic(tmp_path / "m.onnx"))
    assert told.value.hint == "pip install 'gait-plugins-trackletgait[video]'"
