"""Three years of OpenGait's commits, out of the git directory that ``OPENGAIT_HISTORY`` names."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch
from helpers.hosts import history
from helpers.hosts.upstream_host import content, write_data

from upstream_patches.patches import load
from upstream_patches.patches.patch import SEVERAL, fitting
from upstream_patches.run import pins
from upstream_patches.run.program import RunOptions, run

pytestmark = [
    pytest.mark.opengait,
    pytest.mark.heavy,
    # torch, of a temporal convolution as narrow as here: "This is not an error".
    pytest.mark.filterwarnings("ignore:Grad strides do not match"),
]
A_YEAR_APART = (
    "0efafd4779f127fbce34f22aff301bd82e923da5",
    "347d157f9c4ddace8857a2c7f7c04be920bca69e",
    "494bea5b8521fe5b046bd32a5687f7b6cd931ee8",
)


@pytest.fixture(scope="module")
def repository() -> Path:
    named = os.environ.get("OPENGAIT_HISTORY")
    if not named:
        pytest.skip("OPENGAIT_HISTORY names no git directory of OpenGait")
    return Path(named)


def test_every_commit_that_touched_what_the_patches_rely_on_fits(repository: Path, tmp_path: Path):
    commits = history.commits(repository)
    assert len(commits) > 20
    pinned = {pin.commit: pin for pin in pins.pinned()}
    for commit in commits:
        checkout = history.at(repository, commit.name, tmp_path / commit.name)
        fit, off = fitting(load(), checkout)
        assert set(off) <= {SEVERAL}, commit
        assert len(fit) == len(load()), commit
        if commit.name in pinned:
            assert pins.verify(checkout, load()).files == pinned[commit.name].files


SMALL = {
    "configs/gaitset/gaitset.yaml": (),
    "trackletgait/casiab": (
        "model_cfg.SeparateBNNecks.class_num=4",
        "model_cfg.widths=[4,8]",
        "model_cfg.stem_channels=4",
        "model_cfg.embedding_channels=8",
    ),
}


@pytest.mark.parametrize("commit", A_YEAR_APART)
def test_three_commits_a_year_apart_train_and_test(
    repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], commit: str
):
    """GaitSet of OpenGait and TrackletGait_s of this package, on the CPU; each of the commits is pinned."""
    checkout = history.at(repository, commit, tmp_path / "OpenGait")
    data = write_data(tmp_path / "data", kinds=("nm-01", "nm-05", "bg-01", "cl-01"), views=("000", "090"))
    before = content(checkout)
    for config, more in SMALL.items():
        settings = (
            *(f"data_cfg.{name}={path}" for name, path in data.items()),
            "data_cfg.dataset_name=CASIA-B",
            "data_cfg.test_dataset_name=CASIA-B",
            "data_cfg.num_workers=0",
            "trainer_cfg.total_iter=3",
            "trainer_cfg.save_iter=3",
            "trainer_cfg.log_iter=1",
            "trainer_cfg.sampler.batch_size=[2,2]",
            "trainer_cfg.sampler.frames_num_fixed=8",
            "evaluator_cfg.restore_hint=3",
            *more,
        )
        for phase in ("train", "test"):
            run(checkout, ["--cfgs", config, "--phase", phase], RunOptions("cpu", overrides=settings))
            said = capfd.readouterr().err
            assert ("Iteration 00003" if phase == "train" else "NM@R1: ") in said
            if phase == "test":
                assert re.findall(r"NM@R1: [\d.]+%", said)
    saved = sorted((checkout.root / "output").rglob("*-00003.pt"))
    assert [torch.load(file, weights_only=True)["iteration"] for file in saved] == [3, 3]
    assert content(checkout) == before
