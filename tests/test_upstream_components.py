"""Components of every installed plugin inside the second host: found, fed, trained, saved, scored."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from fake_site import FakeSite, manifest
from upstream_host import mini, pin, write_data

import gait_plugins
from gait_plugins import EmbeddingSet, Results, Run, Transform, hookimpl
from gait_plugins.config import load_config
from gait_plugins.core.checkpoint import load_checkpoint
from gait_plugins.core.engine import train
from gait_plugins.core.options import RunOptions as CoreOptions
from gait_plugins.core.scoring import score
from gait_plugins.errors import ComponentConflict, ConfigError, UnknownComponent
from gait_plugins.manager import Manager, use_manager
from upstream_patches.checkout import Checkout
from upstream_patches.patch import Host
from upstream_patches.running import RunOptions, run

OURS = "gait-plugins-trackletgait"
CUT = [{"type": f"{OURS}/BaseSilCuttingTransform"}]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Checkout:
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    return checkout


def settings(tmp_path: Path) -> dict[str, Any]:
    """One configuration of the tiny plugin's components for both hosts."""
    weights = tmp_path / "start.pt"
    torch.manual_seed(0)
    model = gait_plugins.build("model", {"model": "TinyModel"})
    torch.save({"model": model.state_dict(), "iteration": 0}, weights)
    return {
        "data_cfg": {"dataset_name": "CASIA-B", "num_workers": 0, **write_data(tmp_path / "data")},
        "model_cfg": {"model": "TinyModel", "dropout": 0.0},
        "loss_cfg": [
            {"type": "Contrast", "log_prefix": "contrast"},
            {"type": "Softmax", "log_prefix": "softmax", "loss_term_weight": 0.5},
        ],
        "optimizer_cfg": {"solver": "SGD", "lr": 0.01, "momentum": 0.9},
        "scheduler_cfg": {"scheduler": "MultiStepLR", "milestones": [3], "gamma": 0.5},
        "trainer_cfg": {
            "save_name": "both",
            "total_iter": 6,
            "save_iter": 3,
            "log_iter": 1,
            "enable_float16": False,
            "restore_hint": str(weights),
            "optimizer_reset": True,
            "scheduler_reset": True,
            "sampler": {"type": "Draw", "batch_size": 8, "method": "FirstFrames", "frames": 4},
            "transform": CUT,
        },
        "evaluator_cfg": {
            "save_name": "both",
            "restore_hint": 6,
            "eval_func": "Nearest",
            "sampler": {"type": "InOrder", "batch_size": 3, "method": "FirstFrames"},
            "transform": CUT,
        },
    }


def write(tmp_path: Path, config: dict[str, Any]) -> Path:
    path = tmp_path / "both.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def in_host(checkout: Checkout, config: Path, phase: str = "train", *overrides: str) -> Host:
    options = RunOptions(device="cpu", overrides=overrides)
    return run(checkout, ["--cfgs", str(config), "--phase", phase], options)


def in_core(tmp_path: Path, config: Path, *overrides: str) -> Any:
    return load_config(config, overrides=[f"output_dir={tmp_path / 'core'}", *overrides])


def same(one: EmbeddingSet, other: EmbeddingSet) -> None:
    np.testing.assert_allclose(one.embeddings, other.embeddings, atol=1e-5)
    for name in ("labels", "types", "views"):
        assert list(getattr(one, name)) == list(getattr(other, name))


class Listener:
    """Everything that the hooks say, in order."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.runs: list[Run] = []

    @hookimpl
    def gait_run_begin(self, run: Run) -> None:
        self.runs.append(run)
        self.heard.append(("begin", run.phase))

    @hookimpl
    def gait_step_end(self, step: int, metrics: dict[str, Any]) -> None:
        self.heard.append(("step", step, dict(metrics)))

    @hookimpl
    def gait_checkpoint_saved(self, path: Path, step: int) -> None:
        self.heard.append(("saved", step, path, path.is_file()))

    @hookimpl
    def gait_evaluated(self, step: int, results: Results) -> None:
        self.heard.append(("evaluated", step, results))

    @hookimpl
    def gait_run_end(self, error: BaseException | None) -> None:
        self.heard.append(("end", error))

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.heard if event[0] == kind]


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


def test_a_name_that_the_host_has_means_the_hosts_own(checkout: Checkout, tmp_path: Path, tiny: Manager):
    config = write(tmp_path, {"data_cfg": write_data(tmp_path / "data")})
    assert in_host(checkout, config).session.used == {}
    terms = f"loss_cfg={{type: {OURS}/TripletLoss, log_prefix: triplet}}"
    host = in_host(checkout, config, "train", terms)
    assert list(host.session.used) == ["loss/TripletLoss"]


def test_an_unknown_name_gets_the_nearest_of_all_packages(checkout: Checkout, tmp_path: Path, tiny: Manager):
    config = write(tmp_path, settings(tmp_path))
    for override, near in (
        ("model_cfg.model=TinyModle", "TinyModel"),
        ("trainer_cfg.sampler.method=FirstFrame", "FirstFrames"),
        ("trainer_cfg.sampler.type=Drew", "Draw"),
        ("trainer_cfg.transform=[{type: Shft}]", "Shift"),
        ("loss_cfg=[{type: Contrasts, log_prefix: contrast}]", "Contrast"),
    ):
        with pytest.raises(UnknownComponent, match=f"did you mean '{near}'"):
            in_host(checkout, config, "train", override)


def test_two_packages_with_one_name_conflict(checkout: Checkout, tmp_path: Path, tiny: Manager):
    class Rival:
        @hookimpl
        def gait_models(self) -> dict[str, type]:
            return {"TinyModel": gait_plugins.get("model", "tiny-gait/TinyModel")}

    config = write(tmp_path, settings(tmp_path))
    tiny.register(Rival(), distribution="rival-gait", version="3")
    with pytest.raises(ComponentConflict, match="rival-gait 3"):
        in_host(checkout, config)
    host = in_host(checkout, config, "train", "model_cfg.model=tiny-gait/TinyModel")
    assert host.session.used["model/TinyModel"]["distribution"] == "tiny-gait"


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch) -> Iterator[FakeSite]:
    site = FakeSite(tmp_path, monkeypatch)
    site.module("strange_parts", "from torch import nn\nclass Wide(nn.Identity):\n    pass\n")
    site.package("strange-gait", manifest(gait_backbones={"Wide": "strange_parts:Wide"}))
    use_manager(None)
    yield site
    use_manager(None)


def test_nothing_is_imported_before_a_yaml_names_it(
    checkout: Checkout, tmp_path: Path, stranger: FakeSite, monkeypatch
):
    config = write(tmp_path, {"data_cfg": write_data(tmp_path / "data")})
    in_host(checkout, config)
    assert "strange_parts" not in sys.modules
    model = checkout.root / "opengait/modeling/models/miniset.py"
    model.write_text(model.read_text().replace('"type": "Plain"', '"type": "Wide"'))
    with pytest.raises(RuntimeError):  # an identity has no channels for the head
        in_host(checkout, config)
    assert "strange_parts" in sys.modules


def test_options_that_a_component_refuses_are_told(checkout: Checkout, tmp_path: Path, tiny: Manager):
    config = write(tmp_path, settings(tmp_path))
    with pytest.raises(ConfigError, match="frames"):
        in_host(checkout, config, "train", "trainer_cfg.sampler.frames=many")


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


def test_options_that_nobody_reads_are_errors_before_any_work(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    """The host itself only logs them; what its default.yaml alone says is no mistake."""
    config = write(tmp_path, settings(tmp_path))
    for override, words in (
        ("model_cfg.clases=3", "'clases'"),
        ("loss_cfg=[{type: Softmax, log_prefix: softmax, poisson: 1}]", "'poisson'"),
        ("loss_cfg={type: Softmax, log_prefix: softmax, poisson: 1}", "'poisson'"),
        ("trainer_cfg.sampler.frame=3", "'frame'"),
        ("evaluator_cfg.metrics=cos", "'metrics'"),
        ("trainer_cfg.transform=[{type: Shift, by: 3}]", "'by'"),
        ("evaluator_cfg.transform=[{type: Shift, by: 3}]", "'by'"),
        ("trainer_cfg.sampler.batch_size=[2, 2]", "batch_size"),
    ):
        with pytest.raises(ConfigError, match=words):
            in_host(checkout, config, "train", override)
    options = RunOptions(device="cpu", without=("frame-samplers",))
    with pytest.raises(ConfigError, match="FirstFrames needs the patch frame-samplers"):
        run(checkout, ["--cfgs", str(config)], options)
    assert not (checkout.root / "output").exists()


def test_hooks_see_the_configuration_of_plugins_models_alone(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    class Dialect:
        @hookimpl
        def gait_configure(self, config: dict[str, Any]) -> None:
            config["model_cfg"]["channels"] = config["trainer_cfg"].pop("width", 4)

    tiny.register(Dialect(), distribution="dialect", version="1")
    config = settings(tmp_path)
    config["trainer_cfg"] |= {"width": 6, "restore_hint": 0}
    in_host(checkout, write(tmp_path, config))
    file = checkout.root / "output/CASIA-B/TinyModel/both/checkpoints/both-00006.pt"
    assert load_checkpoint(file)["model"]["conv.weight"].shape[0] == 6
    host = in_host(
        checkout, write(tmp_path, {"data_cfg": config["data_cfg"], "trainer_cfg": {"width": 6}}), "train"
    )
    assert host.session.cfgs["trainer_cfg"]["width"] == 6


def test_a_loss_is_added_to_a_model_that_does_not_know_it(
    checkout: Checkout, tmp_path: Path, listener: Listener
):
    config = settings(tmp_path)
    config["loss_cfg"].append({"type": "Contrast", "log_prefix": "again", "features": "contrast"})
    path = write(tmp_path, config)
    in_host(checkout, path)
    theirs = listener.of("step")[0][2]
    listener.heard.clear()
    train(in_core(tmp_path, path), CoreOptions(device="cpu"))
    ours = listener.of("step")[0][2]
    assert ours["scalar/again/loss"] == ours["scalar/contrast/loss"]
    assert ours["scalar/loss"] == pytest.approx(theirs["scalar/loss"], abs=1e-4)
    config["loss_cfg"][-1]["features"] = "contrasts"
    path = write(tmp_path, config)
    for start in (
        lambda: in_host(checkout, path),
        lambda: train(in_core(tmp_path, path, f"output_dir={tmp_path / 'x'}"), CoreOptions("cpu")),
    ):
        with pytest.raises(ConfigError, match="no features called 'contrasts'; it gives contrast, softmax"):
            start()


def test_what_is_tested_follows_what_is_trained_where_nobody_says_otherwise(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    config = settings(tmp_path)
    for key in ("save_name", "restore_hint"):
        del config["evaluator_cfg"][key]
    path = write(tmp_path, config)
    in_host(checkout, path, "train", "trainer_cfg.total_iter=3")
    in_host(checkout, path, "test", "trainer_cfg.total_iter=3")
    with pytest.raises(FileNotFoundError, match="both-00002"):
        in_host(checkout, path, "test", "evaluator_cfg.restore_hint=2")


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


def test_the_name_that_a_model_of_the_checkout_has_on_our_trainer_is_known(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    config = write(tmp_path, {"data_cfg": write_data(tmp_path / "data")})
    assert in_host(checkout, config, "train", "model_cfg.model=opengait/MiniSet").session.used == {}
