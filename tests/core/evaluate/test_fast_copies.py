"""Fast tests and embeddings: by a fused copy, in 16-bit floats where they are faster, and told apart."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML, TinyModel, seen_weights
from typer.testing import CliRunner

import gait_plugins
from gait_plugins import CheckpointError, GaitBatch, ModelOutput
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.core.evaluate.fast import FastCopy
from gait_plugins.core.runtime import precision
from gait_plugins.core.tools.embedder import Embedder


@pytest.fixture
def yaml_path(tiny: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_YAML)
    torch.save({"model": seen_weights(), "iteration": 8}, tmp_path / "a.pt")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture(params=["avx512_bf16", ""])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of this machine, as far as the choice of a precision goes: with bfloat16, or without."""
    found = (request.param,) if request.param else ()
    monkeypatch.setattr(precision, "bfloat16_instructions", lambda: found)
    return "bf16-mixed" if found else "32-true"


def embedder(path: Path, *overrides: str, fast: bool = False) -> Embedder:
    config = load_config(str(path), overrides=overrides)
    return Embedder(config, path.with_name("a.pt"), device="cpu", fast=fast)


def test_a_fast_embedder_gives_nearly_the_same(
    yaml_path: Path, processor: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    plain, fast = embedder(yaml_path).test_set(), embedder(yaml_path, fast=True).test_set()
    reach = np.abs(plain.embeddings).max()
    gap = np.abs(fast.embeddings - plain.embeddings).max() / reach
    assert gap < (1e-5 if processor == "32-true" else 1e-2)
    assert fast.embeddings.dtype == np.float32
    assert (plain.origin.precision, fast.origin.precision) == ("32-true", f"{processor}, fused")
    assert "fast: 1 of 1 batch norms are folded into other layers" in caplog.text


def test_the_copy_is_made_once_and_the_model_stays(yaml_path: Path) -> None:
    fast = embedder(yaml_path, fast=True)
    state = {name: value.clone() for name, value in fast.model.state_dict().items()}
    fast.test_set()
    assert fast.fast is not None
    made = fast.fast._made
    fast.arrays([np.zeros((3, 64, 64), np.uint8)])
    assert fast.fast._made is made
    assert made is not fast.model
    assert all(torch.equal(value, state[name]) for name, value in fast.model.state_dict().items())


def test_a_precision_that_is_written_stays(yaml_path: Path) -> None:
    found = embedder(yaml_path, "evaluator_cfg.fast=true", "evaluator_cfg.precision=32-true").test_set()
    assert found.origin.precision == "32-true, fused"


def test_plain_and_fast_embeddings_are_not_mixed(yaml_path: Path, processor: str) -> None:
    plain, fast = embedder(yaml_path).test_set(), embedder(yaml_path, fast=True).test_set()
    with pytest.raises(CheckpointError, match=f"precision {processor}, fused, now 32-true") as caught:
        fast.extended(plain)
    told = f"-o evaluator_cfg.precision={processor} -o evaluator_cfg.fast=true"
    assert told in (caught.value.hint or "")
    with pytest.raises(CheckpointError) as caught:
        plain.extended(fast)
    assert "-o evaluator_cfg.precision=32-true -o evaluator_cfg.fast=false" in (caught.value.hint or "")
    settings = ("evaluator_cfg.fast=true", f"evaluator_cfg.precision={processor}")
    fast.extended(embedder(yaml_path, *settings).test_set())  # what the hint says


def test_a_test_is_fast_by_its_option_and_its_key(
    yaml_path: Path, processor: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    weights = yaml_path.with_name("a.pt")
    plain = gait_plugins.test(str(yaml_path), checkpoint=weights, device="cpu")
    assert "fast:" not in caplog.text
    fast = gait_plugins.test(str(yaml_path), checkpoint=weights, device="cpu", fast=True)
    assert caplog.text.count("fast: 1 of 1") == 1
    loaded = load_config(str(yaml_path))
    gait_plugins.test(loaded, checkpoint=weights, device="cpu", fast=True)
    gait_plugins.test(str(yaml_path), ["evaluator_cfg.fast=true"], checkpoint=weights, device="cpu")
    assert caplog.text.count("fast: 1 of 1") == 3
    assert plain is not None
    assert fast is not None
    assert plain.dataset == fast.dataset


def test_a_model_that_cannot_be_copied_computes_itself(
    yaml_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: TinyModel, memo: object) -> TinyModel:
        raise TypeError("cannot pickle the lock")

    monkeypatch.setattr(TinyModel, "__deepcopy__", refuse, raising=False)
    plain = embedder(yaml_path).test_set()
    found = embedder(yaml_path, "evaluator_cfg.precision=32-true", fast=True).test_set()
    assert "no copy can be made of it: cannot pickle the lock" in caplog.text
    np.testing.assert_array_equal(found.embeddings, plain.embeddings)


def test_what_is_wrong_with_a_batch_is_said_by_the_model(yaml_path: Path) -> None:
    fast = embedder(yaml_path, fast=True)
    assert isinstance(fast.fast, FastCopy)
    with pytest.raises(gait_plugins.GaitPluginsError):
        fast.arrays([np.zeros((3, 4), np.uint8)])


def test_a_batch_that_the_model_refuses_does_not_end_the_fast_copy(
    yaml_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = TinyModel.forward

    def choosy(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        if not batch.inputs[0].any():
            raise ValueError("nobody is to be seen")
        return forward(self, batch)

    monkeypatch.setattr(TinyModel, "forward", choosy)
    fast = embedder(yaml_path, fast=True)
    assert fast.fast is not None
    with pytest.raises(gait_plugins.GaitPluginsError, match="nobody is to be seen"):
        fast.arrays([np.zeros((3, 64, 64), np.uint8)])
    fast.arrays([np.full((3, 64, 64), 255, np.uint8)])
    assert fast.fast._made is not None
    assert fast.fast._made is not fast.model


def test_the_commands_take_fast_and_refuse_a_gallery_of_another_precision(yaml_path: Path) -> None:
    def gait(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*words, "--checkpoint", str(yaml_path.with_name("a.pt"))])
        assert done.exit_code == code, done.output
        return done.output

    np.save("walk.npy", np.full((4, 64, 64), 255, np.uint8))
    gait("embed", str(yaml_path), "--fast", "-O", "fast.npz")
    gait("enroll", str(yaml_path), "walk.npy", "--id", "ann", "--gallery", "people.gallery", "--fast")
    assert "ann" in gait("identify", str(yaml_path), "walk.npy", "--gallery", "people.gallery", "--fast")
    told = gait("identify", str(yaml_path), "walk.npy", "--gallery", "people.gallery", code=2)
    assert "fused, now 32-true" in told
    assert "-o evaluator_cfg.fast=true" in told.replace("\n", " ")


def test_fast_tests_during_a_training_leave_it_as_it_is(
    yaml_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def trained(*overrides: str) -> dict[str, torch.Tensor]:
        done = gait_plugins.train(
            str(yaml_path), ["trainer_cfg.with_test=true", *overrides], device="cpu", overwrite=True
        )
        weights: dict[str, torch.Tensor] = torch.load(done.checkpoint, weights_only=False)["model"]
        return weights

    plain = trained()
    assert "fast:" not in caplog.text
    fast = trained("evaluator_cfg.fast=true")
    assert caplog.text.count("fast: 1 of 1") == 3  # after each checkpoint
    assert all(torch.equal(value, fast[name]) for name, value in plain.items())
