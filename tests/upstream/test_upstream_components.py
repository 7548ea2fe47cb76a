"""Components of every installed plugin inside the second host: fed, trained, saved, scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.hosts.two_hosts import Listener, in_core, in_host, same, settings, write
from helpers.hosts.upstream_host import mini, pin, write_data

import gait_plugins
from gait_plugins import EmbeddingSet, Transform, hookimpl
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions as CoreOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import ConfigError
from gait_plugins.registry.manager import Manager
from upstream_patches.checkout.tree import Checkout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Checkout:
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    return checkout


@pytest.fixture
def listener(tiny: Manager) -> Listener:
    listener = Listener()
    tiny.register(listener, distribution="listening", version="1")
    return listener


def test_both_hosts_draw_the_same_batches_and_reach_the_same_losses(
    checkout: Checkout, tmp_path: Path, listener: Listener
):
    """Same seed, weights and components: what is logged agrees, and so do the weights and the scores."""
    config = write(tmp_path, settings(tmp_path))
    host = in_host(checkout, config, "train")
    theirs = listener.of("step")
    listener.heard.clear()
    train(in_core(tmp_path, config), CoreOptions(device="cpu"))
    ours = listener.of("step")
    assert len(ours) == len(theirs) == 6
    for mine, other in zip(ours, theirs, strict=True):
        assert set(mine[2]) == set(other[2])
        for name, value in mine[2].items():
            np.testing.assert_allclose(value, other[2][name], atol=1e-4, err_msg=name)
    assert len({event[2]["scalar/loss"] for event in ours}) == 6
    assert {
        "model/TinyModel",
        "loss/Contrast",
        "loss/Softmax",
        "frame_sampler/FirstFrames",
        "batch_sampler/Draw",
    } <= set(host.session.used)
    assert host.session.used["model/TinyModel"]["distribution"] == "tiny-gait"
    file = checkout.root / "output/CASIA-B/TinyModel/both/checkpoints/both-00006.pt"
    assert load_checkpoint(file)["plugins"] == host.session.used


def test_checkpoints_travel_both_ways_with_embeddings_and_scores(
    checkout: Checkout, tmp_path: Path, listener: Listener, monkeypatch
):
    found: list[EmbeddingSet] = []
    nearest = gait_plugins.get("protocol", "Nearest")
    evaluate = nearest.evaluate
    monkeypatch.setattr(nearest, "evaluate", lambda self, data: found.append(data) or evaluate(self, data))
    config = write(tmp_path, settings(tmp_path))
    in_host(checkout, config, "train")
    file = checkout.root / "output/CASIA-B/TinyModel/both/checkpoints/both-00006.pt"
    in_host(checkout, config, "test", "evaluator_cfg.sampler.batch_size=2")
    score(in_core(tmp_path, config, f"evaluator_cfg.restore_hint={file}"), CoreOptions(device="cpu"))
    same(*found)
    theirs, ours = (event[2] for event in listener.of("evaluated"))
    assert theirs.metrics == ours.metrics
    assert load_checkpoint(file)["losses"]["contrast.scale"].shape == (1,)

    found.clear()
    train(in_core(tmp_path, config), CoreOptions(device="cpu"))
    own = next((tmp_path / "core").rglob("both-00006.pt"))
    score(in_core(tmp_path, config), CoreOptions(device="cpu"))
    in_host(checkout, config, "test", f"evaluator_cfg.restore_hint={own}")
    same(*found)
    in_host(checkout, config, "train", f"trainer_cfg.restore_hint={own}", "trainer_cfg.total_iter=1")


def test_what_a_test_draws_of_a_sequence_is_its_own_in_every_batch(
    checkout: Checkout, tmp_path: Path, scored_sets: list[EmbeddingSet]
):
    config = settings(tmp_path)
    config["evaluator_cfg"]["sampler"]["frames"] = 2
    config["evaluator_cfg"]["transform"] = [{"type": "Shift"}]
    path = write(tmp_path, config)
    in_host(checkout, path, "train")
    for size in (1, 3, 8):
        in_host(checkout, path, "test", f"evaluator_cfg.sampler.batch_size={size}")
    whole = scored_sets[-1]
    for found in scored_sets[:-1]:
        same(found, whole)
    in_host(checkout, path, "test", "trainer_cfg.seed=7", "evaluator_cfg.sampler.batch_size=8")
    assert np.abs(scored_sets[-1].embeddings - whole.embeddings).max() > 1e-3


def test_hooks_are_heard_as_in_our_own_trainer(checkout: Checkout, tmp_path: Path, listener: Listener):
    config = write(tmp_path, settings(tmp_path))
    in_host(checkout, config, "train", "trainer_cfg.with_test=true", "trainer_cfg.log_iter=2")
    order = [event[:2] for event in listener.heard]
    assert order == [
        ("begin", "train"),
        *(("step", step) for step in (1, 2, 3)),
        ("saved", 3),
        ("evaluated", 3),
        *(("step", step) for step in (4, 5, 6)),
        ("saved", 6),
        ("evaluated", 6),
        ("end", None),
    ]
    assert [bool(event[2]) for event in listener.of("step")] == [False, True] * 3
    logged = listener.of("step")[1][2]
    assert {"scalar/loss", "scalar/contrast/loss", "scalar/softmax/loss", "scalar/learning_rate"} <= set(
        logged
    )
    assert logged["image/frames"].ndim == 4
    assert all(event[3] for event in listener.of("saved"))
    (run,) = listener.runs
    assert run.folder == (checkout.root / "output/CASIA-B/TinyModel/both").resolve()
    assert (run.total_steps, run.log_every, run.first_step, run.is_main) == (6, 2, 0, True)
    assert run.provenance["model/TinyModel"]["version"] == "1.0"
    records = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert [r["type"] for r in records].count("step") == 3
    assert records[-1] == {"type": "run_end", "time": records[-1]["time"], "error": None}
    assert list((run.folder / "summary").glob("events.*"))


def test_the_hosts_own_models_are_heard_too(checkout: Checkout, tmp_path: Path, listener: Listener):
    config = write(tmp_path, {"data_cfg": write_data(tmp_path / "data")})
    in_host(checkout, config, "train", "trainer_cfg.with_test=true")
    assert [event[1] for event in listener.of("step")] == [1, 2, 3, 4]
    (evaluated,) = listener.of("evaluated")
    assert set(evaluated[2].metrics) == {"NM@R1"}
    assert "OpenGait's own" in evaluated[2].notes[0]
    in_host(checkout, config, "test")
    assert [run.phase for run in listener.runs] == ["train", "test"]


def test_a_run_that_breaks_is_told_to_monitors(checkout: Checkout, tmp_path: Path, listener: Listener):
    config = settings(tmp_path)
    config["model_cfg"] = {"model": "TinyModel", "classes": 2}
    with pytest.raises(IndexError):
        in_host(
            checkout, write(tmp_path, config | {"trainer_cfg": config["trainer_cfg"] | {"restore_hint": 0}})
        )
    assert isinstance(listener.of("end")[0][1], IndexError)


def test_transforms_draw_by_seed_step_and_slot(checkout: Checkout, tmp_path: Path, listener: Listener):
    """The same in every run, also after a break; other draws for another seed."""
    config = write(tmp_path, settings(tmp_path))
    shift = "trainer_cfg.transform=[{type: Shift}]"

    def losses(*overrides: str) -> list[float]:
        listener.heard.clear()
        in_host(checkout, config, "train", shift, *overrides)
        return [event[2]["scalar/loss"] for event in listener.of("step")]

    first = losses()
    assert losses() == first
    assert losses("trainer_cfg.seed=1") != first
    losses("trainer_cfg.total_iter=3")
    resumed = losses(
        "trainer_cfg.restore_hint=3", "trainer_cfg.optimizer_reset=false", "trainer_cfg.scheduler_reset=false"
    )
    assert len(resumed) == 3
    assert resumed[0] == pytest.approx(first[3], abs=1e-6)  # before its first update


def test_workers_change_no_frame(checkout: Checkout, tmp_path: Path, listener: Listener):
    config = write(tmp_path, settings(tmp_path))
    found = []
    for workers in (0, 2):
        listener.heard.clear()
        in_host(checkout, config, "train", f"data_cfg.num_workers={workers}")
        found.append([event[2]["scalar/loss"] for event in listener.of("step")])
    assert found[0] == found[1]


def test_a_test_takes_each_sequence_once_and_in_order(checkout: Checkout, tmp_path: Path, tiny: Manager):
    config = settings(tmp_path)
    config["evaluator_cfg"]["sampler"] = {"type": "Draw", "method": "FirstFrames"}
    with pytest.raises(ConfigError, match="Draw does not take every sequence once and in order"):
        in_host(checkout, write(tmp_path, config), "test")


def test_what_transforms_know_reaches_the_model(checkout: Checkout, tmp_path: Path, tiny: Manager):
    class Marked(Transform):
        """Says of each sequence what it drew."""

        def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return self.with_targets(sequence, rng)[0]

        def with_targets(
            self, sequence: np.ndarray, rng: np.random.Generator
        ) -> tuple[np.ndarray, dict[str, Any]]:
            drawn = int(rng.integers(1, 200))
            return np.full_like(sequence, drawn), {"drawn": drawn}

    class Knowing(gait_plugins.get("model", "TinyModel")):  # type: ignore[misc]
        def forward(self, batch: Any) -> Any:
            frames, drawn = batch.inputs[0], batch.targets["drawn"]
            if batch.seq_lens is None:
                assert torch.equal(frames[:, 0, 0, 0].long(), drawn)
            else:
                assert torch.equal(frames[0, :, 0, 0].long(), drawn.repeat_interleave(batch.seq_lens[0]))
            seen.append(drawn)
            return super().forward(batch)

    class Manifest:
        @hookimpl
        def gait_transforms(self) -> dict[str, type]:
            return {"Marked": Marked}

        @hookimpl
        def gait_models(self) -> dict[str, type]:
            return {"Knowing": Knowing}

    seen: list[torch.Tensor] = []
    tiny.register(Manifest(), distribution="knowing-gait", version="1")
    config = write(tmp_path, settings(tmp_path))
    marked = [f"{section}.transform=[{{type: Marked}}]" for section in ("trainer_cfg", "evaluator_cfg")]
    in_host(checkout, config, "train", "model_cfg.model=Knowing", "trainer_cfg.with_test=true", *marked)
    assert len({tuple(drawn.tolist()) for drawn in seen}) > 6
