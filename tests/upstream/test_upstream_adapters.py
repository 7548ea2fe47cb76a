"""Adapters by themselves: draws of both hosts, losses, transforms, frames, protocols in OpenGait's shape."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.files.walks import embedded, every
from torch import Tensor, nn

import gait_plugins
from gait_plugins import FrameSampler, Loss, Results, Transform
from gait_plugins.core.data import seeding as order
from gait_plugins.errors import DataError
from gait_plugins.nn import tensor_trees as nested
from gait_plugins.registry.manager import Manager
from upstream_patches.adapters import seeding as draws
from upstream_patches.adapters.frame_sampler import HostedFrames, adapt_frame_sampler
from upstream_patches.adapters.lifecycle import HostRun
from upstream_patches.adapters.loss import adapt_loss
from upstream_patches.adapters.protocol import adapt_protocol, embedding_set, in_lines
from upstream_patches.adapters.transform import HostedTransform, adapt_transform, pretreated
from upstream_patches.classes import class_names, class_targets
from upstream_patches.session import Session, TransformedBatch

OURS = "gait-plugins-trackletgait"


class HostLoss(nn.Module):
    """The shape of OpenGait's base class of losses."""

    def __init__(self, loss_term_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_term_weight = loss_term_weight


def hosting(loss: Loss) -> Any:
    """A loss that no plugin offers, as the host sees it."""

    class Hosted(HostLoss):
        pass

    adapted: Any = adapt_loss(type(loss), Hosted, "unused")
    hosted = adapted.__new__(adapted)
    Hosted.__init__(hosted)
    hosted.take(loss)
    return hosted


def test_both_hosts_draw_alike() -> None:
    for mine, core in (
        (draws.batch_rng(3, 7), order.batch_rng(3, 7)),
        (draws.slot_rng(3, 7, 2), order.slot_rng(3, 7, 2)),
    ):
        assert mine.integers(1 << 40) == core.integers(1 << 40)
    one, other = (draws.transform_rng(3, 7, 2, place).random() for place in (0, 1))
    assert one != other


def test_the_host_sees_which_options_a_component_takes() -> None:
    """It hands over those alone that the constructor's own parameters name."""
    component: type[Loss] = gait_plugins.get("loss", f"{OURS}/TripletLoss_HardEx")
    adapted: Any = adapt_loss(component, HostLoss, f"{OURS}/TripletLoss_HardEx")
    assert inspect.getfullargspec(adapted.__init__)[0] == ["self", "margin", "exclusion", "loss_term_weight"]
    transform = gait_plugins.get("transform", f"{OURS}/RandomRotate")
    make = adapt_transform(transform, f"{OURS}/RandomRotate", Session())
    assert "prob" in inspect.getfullargspec(make)[0]
    assert isinstance(make(prob=0.5), HostedTransform)


def test_a_loss_is_computed_in_float32_whatever_it_is_given() -> None:
    name = f"{OURS}/TripletLoss"
    plain = gait_plugins.build("loss", {"type": name, "margin": 0.3})
    hosted: Any = adapt_loss(type(plain), HostLoss, name)(margin=0.3, loss_term_weight=0.5)
    embeddings = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0)).half()
    labels = torch.arange(6) // 2
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, info = hosted(embeddings=embeddings, labels=labels)
    expected, figures = plain(embeddings=embeddings.float(), labels=labels)
    assert torch.equal(loss, expected)
    assert hosted.loss_term_weight == 0.5
    assert {key: value.dim() for key, value in info.items()} == dict.fromkeys(figures, 0)


def test_a_loss_gets_float32_however_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deep(Loss):
        gathers = True

        def forward(self, parts: Any, names: Any) -> Any:
            assert [part.dtype for part in parts["all"]] == [torch.float32, torch.int64]
            assert [len(part) for part in parts["all"]] == [6, 6]  # of both processes
            assert names == ("kept", None)
            product = parts["all"][0] @ parts["all"][0].T
            return product.sum(), {"float32": torch.tensor(product.dtype == torch.float32)}

    monkeypatch.setattr(nested, "gather_rows", lambda x: torch.cat([x, x]))
    hosted = hosting(Deep())
    parts = {"all": [torch.ones(3, 2).half(), torch.arange(3)]}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert hosted(parts=parts, names=("kept", None))[1]["float32"] == 1


def test_the_device_of_features_is_found_however_deep() -> None:
    deep = {"names": "none", "parts": [(None, torch.empty(1, device="meta"))]}
    assert nested.device_type(deep) == "meta"
    assert nested.device_type({"names": ["none"]}) == "cpu"


def test_the_parameters_of_a_loss_keep_their_names(tiny: Manager) -> None:
    hosted: Any = adapt_loss(gait_plugins.get("loss", "Contrast"), HostLoss, "Contrast")()
    assert list(hosted.state_dict()) == list(gait_plugins.build("loss", {"type": "Contrast"}).state_dict())
    assert isinstance(hosted, HostLoss)


class Stamp(Transform):
    """Writes a draw into every pixel."""

    divisor = 5.0

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.full_like(sequence, rng.integers(1, 255))


def prepared(inputs: Any, transforms: list[Any], session: Session, iteration: int = 0) -> Any:
    """A batch as a host of OpenGait's shape prepares it."""
    model = SimpleNamespace(training=True, trainer_trfs=transforms, iteration=iteration)

    def inputs_pretreament(model: Any, inputs: Any) -> Any:
        sources = [
            torch.from_numpy(np.asarray([transform(clip) for clip in clips])).float().requires_grad_()
            for transform, clips in zip(model.trainer_trfs, inputs[0], strict=True)
        ]
        return sources, *inputs[1:]

    return pretreated(inputs_pretreament, model, inputs, session)


def test_packed_and_stacked_sequences_are_transformed_alike() -> None:
    """Each by itself, with the same draws, and divided once on the device."""
    clips = [np.ones((3, 4, 4), np.uint8), np.ones((3, 4, 4), np.uint8)]
    meta = ([0, 1], ["nm-01"] * 2, ["090"] * 2)
    session = Session()
    hosted = HostedTransform(Stamp(), session)
    stacked = prepared(([clips], *meta, None), [hosted], session)[0][0]
    packed = prepared(([[np.concatenate(clips)]], *meta, np.asarray([[3, 3]])), [hosted], session)[0][0]
    assert torch.equal(stacked.flatten(0, 1), packed[0])
    first, second = (float(value) * 5 for value in stacked.detach()[:, 0, 0, 0])
    assert first != second
    assert first == pytest.approx(round(first))
    again = prepared(([clips], *meta, None), [hosted], session, iteration=1)[0][0]
    assert not torch.equal(again, stacked)
    assert session.transformed is None


def test_within_the_hosts_own_pipeline_a_transform_divides_itself() -> None:
    session = Session()
    hosted = HostedTransform(Stamp(), session)
    session.transformed = TransformedBatch(0, 0, None)
    found = hosted(np.ones((2, 4, 4), np.uint8))
    assert found.dtype == np.float32
    assert found.max() <= 51
    session.transformed = None
    assert hosted(np.ones((2, 4, 4), np.uint8)).dtype == np.float32  # a model that prepares its own batches


def loaded(length: int, label: str, sources: int = 1) -> Any:
    frames = np.arange(length, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    return [frames] * sources, [label, "nm-01", "090", []]


def test_every_source_of_a_sequence_gives_the_same_frames() -> None:
    name = f"{OURS}/tracklet_mix_p"
    component: type[FrameSampler] = gait_plugins.get("frame_sampler", name)
    make = adapt_frame_sampler(component, name, Session())
    collate = make(["a", "b"], {"method": name, "frames_num_fixed": 16, "batch_size": [2, 2], "type": "Any"})
    assert isinstance(collate, HostedFrames)
    batch = collate([loaded(9, "b", 2), loaded(40, "a", 2)])
    assert batch.labels == [1, 0]
    assert batch.lengths is None
    (one, two), (same_one, same_two) = batch.sequences
    assert one.shape == (16, 4, 4)
    np.testing.assert_array_equal(one, same_one)
    np.testing.assert_array_equal(two, same_two)
    with pytest.raises(DataError, match="a-nm-01-090 has no frames"):
        collate([loaded(0, "a")])


def test_a_test_takes_the_middle_frames_and_a_training_draws_them() -> None:
    name = f"{OURS}/random"
    component: type[FrameSampler] = gait_plugins.get("frame_sampler", name)
    options = {"method": name, "sample_type": "fixed_ordered", "frames_num_fixed": 4, "batch_size": 1}
    starts = {}
    for phase in ("train", "test"):
        make = adapt_frame_sampler(component, name, Session(loading=phase))  # type: ignore[arg-type]
        collate = make(["a"], options)
        starts[phase] = {int(collate([loaded(20, "a")]).sequences[0][0][0, 0, 0]) for _ in range(20)}
    assert len(starts["train"]) > 3
    assert starts["test"] == {8}


def test_a_random_clip_of_a_transform_is_the_middle_one_in_a_test() -> None:
    name = f"{OURS}/RandomSelectSequence"
    session = Session()
    make = adapt_transform(gait_plugins.get("transform", name), name, session)
    hosted, frames = make(sequence_length=4), np.arange(20.0)
    starts: dict[bool, set[float]] = {True: set(), False: set()}
    for number in range(20):
        for names in (None, ["a-nm-01-090"]):
            session.transformed = TransformedBatch(number, number, None, names)
            starts[names is None].add(float(hosted(frames)[0]))
    assert len(starts[True]) > 3
    assert starts[False] == {8.0}


def test_a_protocol_returns_the_figures_of_the_hosts_tensorboard_and_tells_the_log(tmp_path: Path) -> None:
    data = embedded(every(["075", "076"], ["nm-01", "nm-05", "bg-01", "cl-01"], ["000", "090"]), "CASIA-B")
    name = f"{OURS}/evaluate_indoor_dataset"
    session, lines = Session(), []
    evaluate = adapt_protocol(gait_plugins.get("protocol", name), name, session, lines.append)
    given = {
        "embeddings": data.embeddings.astype(np.float16),
        "labels": data.labels.tolist(),
        "types": data.types.tolist(),
        "views": data.views.tolist(),
    }
    found = evaluate(given, "CASIA-B", metric="cos", cross_view_gallery=False)
    assert found["scalar/test_accuracy/NM@R1"] == 100
    assert session.results is not None
    assert any("CASIA-B" in line for line in lines)
    assert [line for line in lines if line.strip().startswith("NM")]
    missing = tmp_path / "none.json"
    session.cfgs = {"data_cfg": {"dataset_partition": str(missing)}}
    with pytest.raises(DataError, match="partition"):
        evaluate(given, "CASIA-B")
    missing.write_text('{"TRAIN_SET": [], "TEST_SET": [], "PROBE_SET": ["075-nm-05-000"]}')
    evaluate(given, "CASIA-B")


def test_the_files_of_a_protocol_lie_in_the_run_folder(tmp_path: Path, tiny: Manager) -> None:
    told: list[str] = []
    model = SimpleNamespace(
        engine_cfg={},
        save_path=str(tmp_path / "run"),
        cfgs={"data_cfg": {"dataset_name": "HID"}, "evaluator_cfg": {}},
        iteration=8,
        msg_mgr=SimpleNamespace(log_info=told.append),
    )
    session = Session(results=Results("HID", "HID", {}, 3, 4, files={"submission.csv": "a,b\n"}))
    HostRun(model, "test", session).evaluated(None)
    assert (tmp_path / "run/submission-8.csv").read_text() == "a,b\n"
    assert "submission-8.csv" in told[0]


def test_results_without_tables_are_shown_as_figures_with_their_notes() -> None:
    results = Results("by hand", "CASIA-B", {"NM@R1": 12.345}, 3, 4, notes=("a note",))
    lines = in_lines(results)
    assert lines[0] == "CASIA-B: by hand"
    assert any(line.split() == ["NM@R1", "12.35"] or line.split() == ["NM@R1", "12.34"] for line in lines)
    assert lines[-1] == "note: a note"


def test_rows_of_one_process_are_not_gathered() -> None:
    class Sees(Loss):
        gathers = True

        def forward(self, x: Tensor, name: str) -> Any:
            return x.sum(), {"rows": torch.tensor(float(len(x)))}

    assert hosting(Sees())(x=torch.ones(3, 1), name="kept")[1]["rows"] == 3


def test_classes_are_given_by_the_types_that_opengait_hands_over():
    cfgs = {"data_cfg": {"classes": {"sound": ["nm-*"], "bent": ["bg-*", "cl-*"]}}}
    assert class_names(cfgs) == ("sound", "bent")
    assert class_targets(cfgs, ["cl-01", "nm-02", "bg-01"])["class"].tolist() == [1, 0, 1]
    assert class_targets({"data_cfg": {}}, ["cl-01"]) == {}
    with pytest.raises(DataError, match="belongs to 0 of the classes"):
        class_targets(cfgs, ["xx-01"])


@pytest.mark.parametrize(
    ("partition", "probes"),
    [
        ({"PROBE_SET": ["2-nm-000"]}, {"2-nm-000"}),
        ({"GALLERY_SET": ["2-nm-000"]}, {"1-nm-000"}),  # CCGR-MINI lists its gallery alone
        ({}, None),
    ],
)
@pytest.mark.parametrize(
    "several", [False, True]
)  # FoundationGait lists data sets and is tested on the first
def test_probes_are_those_of_the_partition(
    partition: dict[str, Any], probes: set[str] | None, several: bool, tmp_path: Path
) -> None:
    (tmp_path / "people.json").write_text(json.dumps({"TRAIN_SET": [], "TEST_SET": ["1", "2"], **partition}))
    section = {"dataset_name": "CCGR-MINI", "dataset_partition": str(tmp_path / "people.json")}
    session = Session()
    session.cfgs = {"data_cfg": [section, {"dataset_name": "GREW"}] if several else section}
    walks = {"labels": ["1", "2"], "types": ["nm", "nm"], "views": ["000", "000"]}
    found = embedding_set({"embeddings": np.zeros((2, 3, 1)), **walks}, "CCGR-MINI", session)
    assert found.probe_set == probes
