"""What a component's own code raises reaches the user with the component, its package and the line."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.components.tiny import Draw, FirstFrames, Nearest, Shift, Softmax, TinyModel, TinyWalks

from gait_plugins import ComponentFailure, DataError, EmbeddingSet, GaitBatch, Results, hookimpl
from gait_plugins.api import ModelOutput, SequenceRef
from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.registry.manager import Manager


class BadModel(TinyModel):
    def forward(self, batch: GaitBatch) -> ModelOutput:
        return super().forward(batch._replace(inputs=[batch.inputs[0][..., None]]))


class BadLoss(Softmax):
    def forward(self, logits, labels):
        return logits @ logits, {}


class BadTransform(Shift):
    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sequence["frames"]  # type: ignore[call-overload, no-any-return]


class BadWalks(TinyWalks):
    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        return [np.load(f"nowhere/{ref.name}.npy")]


class BadFrames(FirstFrames):
    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        return np.array([length + 1] * 4)


class BadDraw(Draw):
    def batch(self, index, number, rng):
        raise KeyError(number)


class BadProtocol(Nearest):
    def evaluate(self, data: EmbeddingSet) -> Results:
        return super().evaluate(None)  # type: ignore[arg-type]


class KilledTransform(Shift):
    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGKILL)
        return sequence


class BadPlugin:
    """The manifest."""

    @hookimpl
    def gait_models(self):
        return {"BadModel": BadModel}

    @hookimpl
    def gait_losses(self):
        return {"BadLoss": BadLoss}

    @hookimpl
    def gait_transforms(self):
        return {"BadTransform": BadTransform, "KilledTransform": KilledTransform}

    @hookimpl
    def gait_datasets(self):
        return {"BadWalks": BadWalks}

    @hookimpl
    def gait_frame_samplers(self):
        return {"BadFrames": BadFrames}

    @hookimpl
    def gait_batch_samplers(self):
        return {"BadDraw": BadDraw}

    @hookimpl
    def gait_protocols(self):
        return {"BadProtocol": BadProtocol}


@pytest.fixture(autouse=True)
def _bad(tiny: Manager) -> None:
    tiny.register(BadPlugin(), distribution="bad-gait", version="3.1")


def run(yaml_path: Path, *overrides: str) -> None:
    train(load_config(str(yaml_path), overrides=overrides), RunOptions(device="cpu"))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("override", "raised"),
    [
        ("model_cfg.model=BadModel", "RuntimeError"),
        ("loss_cfg.1.type=BadLoss", "RuntimeError"),
        ("trainer_cfg.transform.0.type=BadTransform", "IndexError"),
        ("data_cfg.type=BadWalks", "FileNotFoundError"),
        ("trainer_cfg.sampler.method=BadFrames", "IndexError"),
        ("trainer_cfg.sampler.type=BadDraw", "KeyError"),
    ],
)
def test_failing_component_is_named_with_package_and_line(
    tiny_yaml: Path, override: str, raised: str, workers: int
):
    with pytest.raises(ComponentFailure) as caught:
        run(tiny_yaml, override, f"data_cfg.num_workers={workers}")
    name = override.rpartition("=")[2]
    assert f"{name} (bad-gait 3.1) raised {raised}" in caught.value.message
    file, _, line = str(caught.value.where).partition(".py")
    assert Path(file + ".py") == Path(__file__)
    if name == "BadFrames":  # nothing of it was running when what it returned turned out to be wrong
        assert not line
    else:
        written = Path(__file__).read_text().splitlines()
        assert f"class {name}" in "\n".join(written[int(line[1:]) - 4 : int(line[1:])])


def test_failing_protocol_is_named(tiny_yaml: Path):
    with pytest.raises(ComponentFailure, match=r"BadProtocol \(bad-gait 3.1\) raised"):
        run(tiny_yaml, "evaluator_cfg.eval_func=BadProtocol", "trainer_cfg.with_test=true")


def test_the_way_to_a_failure_in_a_worker_is_kept(tiny_yaml: Path):
    with pytest.raises(ComponentFailure) as caught:
        run(tiny_yaml, "trainer_cfg.transform.0.type=BadTransform", "data_cfg.num_workers=1")
    assert any("Traceback" in note for note in caught.value.__notes__)
    assert pickle.loads(pickle.dumps(caught.value)).where == caught.value.where


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a POSIX signal")
def test_a_killed_worker_is_told_in_words(tiny_yaml: Path):
    with pytest.raises(DataError, match="a loader worker ended unexpectedly"):
        run(tiny_yaml, "trainer_cfg.transform.0.type=KilledTransform", "data_cfg.num_workers=1")
