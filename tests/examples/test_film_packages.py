"""The example packages for films: their own mapping, with doubles of SAM 2, ultralytics and rtmlib."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.places import ROOT

from gait_plugins import ConfigError, DataError, Detection, FilmFrame
from gait_plugins.testing import check_pose_estimator, check_segmenter, example_film

EXAMPLE = example_film()
PACKAGES = {
    "gait_sam2": "sam2_segmenter",
    "gait_ultralytics": "ultralytics_segmenter",
    "gait_rtmlib": "rtmlib_poses",
}


@pytest.fixture(autouse=True)
def paths(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for folder in PACKAGES.values():
        monkeypatch.syspath_prepend(str(ROOT / "examples" / folder))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]


def component(package: str, hook: str, name: str) -> Any:
    """The class that a manifest names."""
    module, _, attribute = getattr(importlib.import_module(package), hook)()[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def double(monkeypatch: pytest.MonkeyPatch, name: str, **held: object) -> None:
    module = ModuleType(name)
    for key, value in held.items():
        setattr(module, key, value)
    monkeypatch.setitem(sys.modules, name, module)


def figures(pixels: np.ndarray) -> np.ndarray:
    """Where the coloured figures are in a frame or a part of one."""
    return pixels[..., 1] < 75


@pytest.mark.parametrize(("package", "folder"), PACKAGES.items())
def test_a_manifest_imports_nothing_of_the_library(package: str, folder: str):
    importlib.import_module(package)
    assert f"{package}.segmenter" not in sys.modules
    texts = "".join(path.read_text() for path in (ROOT / "examples" / folder).rglob("*.py"))
    assert len(texts.splitlines()) < 140
    assert "What was tried" in (ROOT / "examples" / folder / "README.md").read_text()


# --- SAM 2 -----------------------------------------------------------------------------------------


class Predictor:
    """As ``SAM2ImagePredictor`` of sam2 1.1.0: shapes, order of colours, floats of 0 and 1."""

    score = 0.9

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: object) -> Predictor:
        assert kwargs == {"device": "cpu"}
        return cls()

    def __init__(self, sam_model: object = None) -> None:
        self.loaded = sam_model

    def set_image(self, image: np.ndarray) -> None:
        self.image = image[..., ::-1]  # it is given RGB

    def predict(self, box: np.ndarray, multimask_output: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert not multimask_output
        masks = np.zeros((len(box), 1, *self.image.shape[:2]), np.float32)
        for place, (left, top, right, bottom) in enumerate(box.round().astype(int)):
            masks[place, 0, top:bottom, left:right] = figures(self.image[top:bottom, left:right])
        scores = np.full((len(box), 1), self.score, np.float32)
        return (masks, scores, masks) if len(box) > 1 else (masks[0], scores[0], masks[0])


@pytest.fixture
def sam(monkeypatch: pytest.MonkeyPatch) -> Any:
    def build_sam2(config_file: str, ckpt_path: str, device: str = "cuda") -> object:
        if not Path(ckpt_path).exists():
            raise FileNotFoundError(ckpt_path)
        return config_file

    known = {"facebook/sam2.1-hiera-tiny": ("configs/sam2.1/sam2.1_hiera_t.yaml", "sam2.1_hiera_tiny.pt")}
    double(monkeypatch, "sam2")
    double(monkeypatch, "sam2.build_sam", HF_MODEL_ID_TO_FILENAMES=known, build_sam2=build_sam2)
    double(monkeypatch, "sam2.sam2_image_predictor", SAM2ImagePredictor=Predictor)
    return component("gait_sam2", "gait_segmenters", "SAM2")


class Truth:
    """Proposals that are right, a few pixels too large."""

    def __init__(self, most: int = 2) -> None:
        self.most = most

    def begin(self, film: object, preview: object) -> None:
        pass

    def people(self, frame: FilmFrame) -> list[Detection]:
        found = []
        for person in EXAMPLE.people[frame.number][: self.most]:
            mask = np.full((person.height, person.width), 255, np.uint8)
            found.append(Detection(person.left, person.top, mask))
        return found

    def remarks(self) -> list[str]:
        return ["told"]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_sam_outlines_one_proposal_or_several(sam: Any, most: int):
    segmenter = sam(proposals=Truth(most))
    people = sorted(segmenter.people(EXAMPLE.frames[20]), key=lambda person: person.top)
    assert [person.box for person in people] == [person.box for person in EXAMPLE.people[20][:most]]
    for person, truth in zip(people, EXAMPLE.people[20], strict=False):
        assert person.area == pytest.approx(truth.area, rel=0.1)
        assert person.score == pytest.approx(0.9)
    assert segmenter.remarks() == ["told"]


def test_the_contract_is_kept_with_sam(sam: Any):
    check_segmenter(sam())


def test_sam_gives_a_pixel_to_one_person(sam: Any):
    class Twice(Truth):
        def people(self, frame: FilmFrame) -> list[Detection]:
            return [*super().people(frame), *super().people(frame)]

    people = sam(proposals=Twice()).people(EXAMPLE.frames[20])
    assert len(people) == 2


def test_an_outline_that_sam_doubts_stays_the_proposals(sam: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Predictor, "score", 0.2)
    people = sam(proposals=Truth()).people(EXAMPLE.frames[20])
    assert all(person.mask.all() for person in people)


def test_sams_weights_are_from_the_hub_or_a_file(sam: Any, tmp_path: Path):
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"w")
    loaded = sam(proposals=Truth(), checkpoint=str(weights)).predictor.loaded
    assert loaded == "configs/sam2.1/sam2.1_hiera_t.yaml"
    with pytest.raises(DataError, match="the weights do not load into"):
        sam(proposals=Truth(), checkpoint=str(tmp_path / "none.pt"))
    with pytest.raises(DataError, match="there is no model 'tiny'"):
        sam(proposals=Truth(), model="tiny")


# --- ultralytics -----------------------------------------------------------------------------------


class Tensor:
    """A tensor on a GPU: numpy cannot read it before it is on the processor."""

    def __init__(self, values: object) -> None:
        self._values = np.asarray(values, np.float32)

    def cpu(self) -> np.ndarray:
        return self._values


class YOLO:
    """As ``ultralytics.YOLO`` 8.4.190: results of BGR pictures; its tracker turns their order."""

    task = "segment"

    def __init__(self, model: str) -> None:
        self.calls: list[dict[str, Any]] = []

    def predict(self, source: np.ndarray, **options: Any) -> list[Any]:
        assert source.flags.writeable
        assert options["retina_masks"]
        assert options["classes"] == [0]
        self.calls.append(options)
        mask = figures(source)
        masks = [np.where(np.arange(len(mask))[:, None] < 60, mask, 0), mask * 1]
        masks[1][:60] = 0
        masks = [each for each in masks if each.any()]
        boxes = SimpleNamespace(conf=Tensor([0.8, 0.6][: len(masks)]), id=None)
        result = SimpleNamespace(boxes=_Boxes(len(masks), boxes.conf), masks=None)
        if masks:
            result.masks = SimpleNamespace(data=Tensor(masks))
        return [result]

    def track(self, source: np.ndarray, persist: bool, tracker: str, **options: Any) -> list[Any]:
        [result] = self.predict(source, **options)
        self.calls[-1] |= {"persist": persist, "tracker": tracker}
        if result.masks is not None and persist:  # at the first frame nobody is sure yet
            turned = result.masks.data.cpu()[::-1]
            result.masks.data = Tensor(turned)
            result.boxes.id = Tensor([7, 3][: len(turned)])
        return [result]


class _Boxes:
    def __init__(self, count: int, conf: Tensor) -> None:
        self.count, self.conf, self.id = count, conf, None

    def __len__(self) -> int:
        return self.count


@pytest.fixture
def yolo(monkeypatch: pytest.MonkeyPatch) -> Any:
    double(monkeypatch, "ultralytics", YOLO=YOLO)
    return component("gait_ultralytics", "gait_segmenters", "Ultralytics")


@pytest.mark.parametrize("tracker", ["bytetrack.yaml", None])
def test_the_contract_is_kept_with_ultralytics(yolo: Any, tracker: str | None):
    check_segmenter(yolo(tracker=tracker))


def test_numbers_of_ultralytics_tracker_stay_with_the_masks(yolo: Any):
    segmenter = yolo()
    segmenter.begin(EXAMPLE.film, None)
    assert segmenter.people(EXAMPLE.frames[19]) == []
    people = {person.label: person.box for person in segmenter.people(EXAMPLE.frames[20])}
    assert people == {7: EXAMPLE.people[20][1].box, 3: EXAMPLE.people[20][0].box}
    segmenter.begin(EXAMPLE.film, None)
    segmenter.people(EXAMPLE.frames[0])
    assert [call["persist"] for call in segmenter.model.calls] == [False, True, False]


def test_without_its_tracker_people_have_no_labels(yolo: Any):
    segmenter = yolo(tracker=None)
    segmenter.begin(EXAMPLE.film, None)
    people = segmenter.people(EXAMPLE.frames[20])
    assert [(person.box, person.label) for person in people] == [
        (truth.box, None) for truth in EXAMPLE.people[20]
    ]
    empty = FilmFrame(0, 0.0, np.full_like(EXAMPLE.frames[0].pixels, 120))
    assert segmenter.people(empty) == []


def test_a_model_without_masks_is_refused(yolo: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(YOLO, "task", "detect")
    with pytest.raises(ConfigError, match="for the task 'detect', expected 'segment'"):
        yolo()


# --- rtmlib ----------------------------------------------------------------------------------------


class Pose:
    """As ``rtmlib.RTMPose`` 0.0.16: it prints, and takes no boxes for a box of the whole picture."""

    joints = 17

    def __init__(self, onnx_model: str, model_input_size: tuple[int, int], backend: str, device: str) -> None:
        assert isinstance(model_input_size, tuple)
        print(f"load {onnx_model} with {backend} backend")

    def __call__(self, image: np.ndarray, bboxes: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
        boxes = np.array(bboxes or [[0, 0, image.shape[1], image.shape[0]]], float)
        shares = np.linspace(0, 1, self.joints)[None, :, None]
        places = boxes[:, None, :2] + shares * (boxes[:, None, 2:] - boxes[:, None, :2])
        return places, np.full(places.shape[:2], 1.2)


@pytest.fixture
def rtmpose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    double(monkeypatch, "rtmlib", RTMPose=Pose)
    path = tmp_path / "pose.onnx"
    path.write_bytes(b"")
    estimator = component("gait_rtmlib", "gait_pose_estimators", "RTMPose")
    return lambda **options: estimator(**{"path": str(path), **options})


def test_the_contract_is_kept_with_rtmlib(rtmpose: Any, capsys: pytest.CaptureFixture[str]):
    check_pose_estimator(rtmpose())
    assert capsys.readouterr().out == ""


def test_joints_lie_in_the_boxes_of_the_people(rtmpose: Any):
    people = EXAMPLE.people[20]
    found = rtmpose().keypoints(EXAMPLE.frames[20], people)
    assert np.allclose(found[:, 0, :2], [person.box[:2] for person in people])
    assert np.allclose(found[:, -1, :2], [person.box[2:] for person in people])
    assert (found[..., 2] == 1).all()


def test_nobody_has_no_skeleton(rtmpose: Any):
    assert rtmpose().keypoints(EXAMPLE.frames[0], []).shape == (0, 17, 3)


def test_models_of_other_joints_and_missing_files_are_told(rtmpose: Any, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DataError, match="no such file"):
        rtmpose(path="https://nowhere.invalid/pose.onnx")
    monkeypatch.setattr(Pose, "joints", 26)
    with pytest.raises(DataError, match=r"joints \[2, 26, 2\], expected \[2, 17, 2\]"):
        rtmpose().keypoints(EXAMPLE.frames[20], EXAMPLE.people[20])
