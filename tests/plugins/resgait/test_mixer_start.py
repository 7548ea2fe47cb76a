"""Where the mixer of a residual stage starts from, alone and in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.children import import_path
from helpers.golden_rules import sil
from test_residual_stage import batch_of, residual

from gait_plugins.api import GaitBatch
from gait_plugins.errors import ConfigError
from gait_plugins.nn import SeparateFCs
from gait_plugins.plugins.resgait.occlusion.targets import WHOLE
from gait_plugins.plugins.resgait.residual.mixer import MixerFit
from gait_plugins.plugins.resgait.residual.model import ResidualGait


def hidden_below(keep: float = 0.5, n: int = 8) -> GaitBatch:
    """Walks whose lower rows are black, and what they were."""
    frames = sil(n, 3, 64, 44)
    seen = frames.clone()
    seen[:, :, int(64 * keep) :] = 0
    labels = torch.arange(n) // 2
    return GaitBatch([seen], labels, ["nm-01"] * n, ["090"] * n, None, {WHOLE: frames})


def missed(model: ResidualGait, batch: GaitBatch) -> float:
    with torch.no_grad():
        wanted = model.full_component.part_embeddings(batch._replace(inputs=[batch.targets[WHOLE]]))
        return float((model.part_embeddings(batch) - wanted).norm(dim=1).mean())


def test_the_fitted_mixer_starts_nearer_to_whole_bodies_than_no_residual_at_all() -> None:
    torch.manual_seed(0)
    model = residual(mixer_batches=2).train()
    batches = [hidden_below(keep) for keep in (0.4, 0.7, 0.5)]
    for part in (model.full_component, model.mimic_component):
        part.init_parameters()
    model.mimic_component.eval()
    with torch.no_grad():
        model.occ_mixer_fc.fc_bin.zero_()
    before = [missed(model, batch) for batch in batches[:2]]
    taken = iter(batches)
    model.calibrate(taken)
    assert len(list(taken)) == 1
    after = [missed(model, batch) for batch in batches[:2]]
    assert sum(after) < 0.8 * sum(before)


def test_a_fit_finds_the_linear_map_that_made_its_samples_however_they_are_divided() -> None:
    torch.manual_seed(0)
    truth, together, divided = (SeparateFCs(3, 5, 4) for _ in range(3))
    x = torch.randn(400, 5, 3)
    wanted = truth(x).detach()
    whole, pieces = MixerFit(together), MixerFit(divided)
    whole.add(x, wanted)
    for rows in torch.split(torch.arange(400), 130):
        pieces.add(x[rows], wanted[rows])
    whole.finish()
    pieces.finish()
    assert torch.allclose(together.fc_bin, divided.fc_bin, atol=1e-6)
    assert torch.allclose(
        together.fc_bin, truth.fc_bin, rtol=0.05, atol=1e-2 * truth.fc_bin.abs().max().item()
    )


def test_what_was_whole_must_come_with_the_batches() -> None:
    with pytest.raises(ConfigError, match="the batches lack the frames before occlusion") as caught:
        residual(mixer_batches=1).calibrate([batch_of()])
    assert "keep_whole: true" in str(caught.value.hint)
    residual().calibrate([batch_of()])


def test_frames_that_changed_their_size_or_number_since_are_refused() -> None:
    batch = hidden_below()
    narrow = batch._replace(inputs=[batch.inputs[0][..., 10:-10]])
    frames = batch.inputs[0]
    packed = batch._replace(
        inputs=[frames.flatten(0, 1)[None]], seq_lens=torch.full((1, len(frames)), frames.shape[1])
    )
    for given in (narrow, packed):
        with pytest.raises(ConfigError, match="but before occlusion") as caught:
            residual(mixer_batches=1).calibrate([given])
        assert "last transform" in str(caught.value.hint)


def test_a_negative_number_of_batches_is_refused() -> None:
    with pytest.raises(ConfigError, match="mixer_batches is -1"):
        residual(mixer_batches=-1)


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_parts_that_saw_nothing_keep_their_weights(parts: int, caplog: pytest.LogCaptureFixture) -> None:
    mixer = SeparateFCs(3, 5, 4)
    drawn = mixer.fc_bin.detach().clone()
    x = torch.randn(9, 5, 3)
    x[..., parts:] = 0
    fit = MixerFit(mixer)
    fit.add(x, torch.randn(9, 4, 3))
    fit.finish()
    assert mixer.fc_bin.isfinite().all()
    kept = [torch.equal(mixer.fc_bin[part], drawn[part]) for part in range(3)]
    assert kept == [part >= parts for part in range(3)]
    assert ("the batches for the mixer hold no occlusion" in caplog.text) == (parts == 0)


def prepared(batches: int) -> ResidualGait:
    """A model with weights that do not depend on the process, whose norms do not depend on the batch."""
    torch.manual_seed(0)
    model = residual(mixer_batches=batches)
    model.init_parameters()
    return model.eval()


FIT = """
import sys, torch
import torch.distributed as dist
from test_mixer_start import hidden_below, prepared
rank, store, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
model = prepared(1)
model.calibrate([hidden_below((0.4, 0.7)[rank])])
torch.save(model.occ_mixer_fc.fc_bin.detach(), f"{out}-{rank}.pt")
dist.destroy_process_group()
"""


def test_two_processes_with_a_batch_each_fit_as_one_with_both(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", FIT, str(rank), str(tmp_path / "store"), str(tmp_path / "weights")],
            env=os.environ | {"PYTHONPATH": import_path()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    alone = prepared(2)
    drawn = alone.occ_mixer_fc.fc_bin.detach().clone()
    alone.calibrate([hidden_below(keep) for keep in (0.4, 0.7)])
    for process in started:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output[-3000:]
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first, second)
    assert not torch.allclose(first, drawn, atol=1e-3)
    torch.testing.assert_close(first, alone.occ_mixer_fc.fc_bin.detach(), atol=1e-5, rtol=1e-4)
