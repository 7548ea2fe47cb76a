"""Targets: what transforms and data sets know of a sequence reaches the model, the loss and the protocol."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML, TinyModel, TinyPlugin, TinyWalks
from torch import Tensor

from gait_plugins import DataError, GaitBatch, Loss, Protocol, Results, SequenceRef, Transform, hookimpl
from gait_plugins.api import EmbeddingSet
from gait_plugins.config import load_config
from gait_plugins.core.assembly.batches import build_batches
from gait_plugins.core.assembly.components import build_dataset
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.data.loader import batches
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import ConfigError
from gait_plugins.registry.manager import Manager, use_manager
from gait_plugins.testing import check_protocol


class Darken(Transform):
    """Makes a share of the rows black, and says how many; ``silent`` keeps that of some to itself."""

    def __init__(self, silent: bool = False) -> None:
        self.silent = silent

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        dark = copy.copy(sequence)
        rows = int(rng.integers(0, sequence.shape[1]))
        dark[:, :rows] = 0
        if self.silent and rows % 2:
            return dark, {}
        return dark, {"rows": rows, "share": rows / sequence.shape[1]}

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.with_targets(sequence, rng)[0]


class CountedWalks(TinyWalks):
    """Knows how long each of its sequences is."""

    def targets(self, ref: SequenceRef) -> Mapping[str, Any]:
        return {"frames": np.array([3 + ref.source[1]])}


class ShareModel(TinyModel):
    """Tells the share of dark rows."""

    def __init__(self) -> None:
        super().__init__()
        self.share = torch.nn.Linear(4, 1)

    def forward(self, batch: GaitBatch) -> Any:
        output = super().forward(batch)
        embeddings = output["inference_feat"]["embeddings"]
        share = self.share(embeddings.squeeze(2)).squeeze(1)
        if self.training:
            output["training_feat"] = {"share": {"share": share, "target": batch.targets["share"]}}
        output["inference_feat"]["share"] = share
        return output


class ShareLoss(Loss):
    """Squared error."""

    def forward(self, share: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        loss = (share - target).square().mean()
        return loss, {"loss": loss.detach()}


class ShareError(Protocol):
    """Mean absolute error of the share."""

    outputs = ("share",)

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        shares = np.linspace(0, 1, 5)
        names = np.array(list("abcde"))
        empty = np.zeros((5, 1, 1), np.float32)
        return EmbeddingSet(
            empty, names, names, names, "x", outputs={"share": shares}, targets={"share": shares**2}
        )

    def evaluate(self, data: EmbeddingSet) -> Results:
        error = np.abs(data.outputs["share"] - data.targets["share"]).mean()
        return Results("error of the share", data.dataset_name, {"MAE": 100 * float(error)}, len(data), 0)


class SharePlugin(TinyPlugin):
    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"ShareModel": ShareModel, "TinyModel": TinyModel}

    @hookimpl
    def gait_losses(self) -> dict[str, type]:
        return {"ShareLoss": ShareLoss}

    @hookimpl
    def gait_transforms(self) -> dict[str, type]:
        return {"Darken": Darken}

    @hookimpl
    def gait_datasets(self) -> dict[str, type]:
        return {"CountedWalks": CountedWalks}

    @hookimpl
    def gait_protocols(self) -> dict[str, type]:
        return {"ShareError": ShareError}


@pytest.fixture(autouse=True)
def _plugin() -> Iterator[None]:
    manager = Manager(allow=[])
    manager.register(SharePlugin(), distribution="share-gait", version="1.0")
    use_manager(manager)
    yield
    use_manager(None)


def load(tmp_path: Path, *overrides: str) -> Any:
    path = tmp_path / "share.yaml"
    path.write_text(f"output_dir: {tmp_path / 'output'}\n{TINY_YAML}")
    darken = "[{type: Compose, trf_cfg: [{type: Darken}, {type: BaseSilTransform}]}]"
    return load_config(
        str(path),
        overrides=[
            "data_cfg.type=CountedWalks",
            "model_cfg.model=ShareModel",
            "loss_cfg=[{type: ShareLoss, log_prefix: share}]",
            f"trainer_cfg.transform={darken}",
            f"evaluator_cfg.transform={darken}",
            "evaluator_cfg.eval_func=ShareError",
            *overrides,
        ],
    )


def test_a_batch_with_targets_unpacks_into_the_five_of_opengait():
    frames, labels = torch.zeros(2, 1, 4, 4), torch.zeros(2)
    batch = GaitBatch([frames], labels, ["a"] * 2, ["b"] * 2, None, {"share": torch.ones(2)})
    assert len(batch) == 5
    assert torch.equal(batch._replace(labels=labels + 1).targets["share"], torch.ones(2))
    assert torch.equal(batch.to("cpu").targets["share"], torch.ones(2))
    assert torch.equal(pickle.loads(pickle.dumps(batch)).targets["share"], torch.ones(2))
    assert GaitBatch(*batch).targets == {}


def test_targets_come_with_their_sequences_from_any_number_of_workers(tmp_path: Path):
    config = load(tmp_path)
    maker = build_batches(config, build_dataset(config), "train")
    seen = {}
    for workers in (0, 2):
        made = [batch.targets for batch in batches(maker, range(3), workers=workers, pin=False)]
        seen[workers] = {name: torch.stack([one[name] for one in made]) for name in made[0]}
    assert {name: value.dtype for name, value in seen[0].items()} == {
        "frames": torch.int64,
        "rows": torch.int64,
        "share": torch.float32,
    }
    assert seen[0]["frames"].shape == (3, 8, 1)
    assert seen[0]["share"].shape == (3, 8)
    assert torch.equal(seen[0]["rows"] / 8, seen[0]["share"])
    assert all(torch.equal(seen[0][name], seen[2][name]) for name in seen[0])


def test_a_model_learns_a_target_and_a_protocol_scores_its_output(tmp_path: Path):
    train(load(tmp_path), RunOptions(device="cpu"))
    results = score(load(tmp_path), RunOptions(device="cpu"))
    assert results is not None
    folder = tmp_path / "output" / "Tiny" / "ShareModel" / "tiny"
    weights = load_checkpoint(checkpoint_path(folder, "tiny", 6))["model"]
    assert weights["share.bias"].abs() > 0
    again = score(load(tmp_path, "evaluator_cfg.sampler.batch_size=20"), RunOptions(device="cpu"))
    assert again is not None
    assert again.metrics["MAE"] == pytest.approx(results.metrics["MAE"], abs=1e-4)


def test_an_output_that_the_model_lacks_is_named(tmp_path: Path):
    plain = load(tmp_path, "model_cfg.model=TinyModel", "evaluator_cfg.restore_hint=plain.pt")
    torch.save(TinyModel().state_dict(), tmp_path / "plain.pt")
    plain.evaluator_cfg.restore_hint = str(tmp_path / "plain.pt")
    with pytest.raises(ConfigError, match=r"TinyModel returns \['embeddings'\].*'share' is needed"):
        score(plain, RunOptions(device="cpu"))


def test_sequences_without_a_target_that_others_have_are_named(tmp_path: Path):
    config = load(tmp_path, "trainer_cfg.transform=[{type: Darken, silent: true}]")
    with pytest.raises(DataError, match=r"-nm-0\d-090 has the targets \['frames'\]"):
        train(config, RunOptions(device="cpu"))


def test_a_protocol_without_a_gallery_keeps_the_contract():
    check_protocol(ShareError())
