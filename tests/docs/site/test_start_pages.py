"""The quick starts: every command on them works one after the other, and prints what the page shows."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app

START = DOCS / "start"
PAGES = ("opengait", "films", "masks", "model", "paper")
SHORTER = {
    "data film": "--seconds 14",
    "train own_data/trackletgait": "-o trainer_cfg.total_iter=2 -o trainer_cfg.save_iter=2 "
    "-o evaluator_cfg.restore_hint=2",
    "train my_model.yaml": "-o trainer_cfg.total_iter=2 -o trainer_cfg.save_iter=2 "
    "-o evaluator_cfg.restore_hint=2 -o data_cfg.test=2",
    "embed my_model.yaml": "-o evaluator_cfg.restore_hint=2 -o data_cfg.test=2",
    "test walkers/gei": "-o data_cfg.test=2 -o data_cfg.frames=10",
    "train walkers/gaitbase": "-o data_cfg.train=12 -o data_cfg.test=2 -o data_cfg.frames=8 "
    "-o trainer_cfg.total_iter=2 -o trainer_cfg.save_iter=2 -o evaluator_cfg.restore_hint=2",
}
"""Beginning of a command -> what makes it shorter; the last of two overrides counts."""

OPENGAIT_YAML = """\
data_cfg:
  dataset_name: CASIA-B
  dataset_root: your_path
  dataset_partition: ./datasets/CASIA-B/CASIA-B.json
  num_workers: 1
  remove_no_gallery: false
  test_dataset_name: CASIA-B
evaluator_cfg:
  enable_float16: true
  restore_ckpt_strict: true
  restore_hint: 60000
  save_name: GaitBase_DA
  sampler: {batch_shuffle: false, batch_size: 16, sample_type: all_ordered, frames_all_limit: 720}
  metric: euc
  transform: [{type: BaseSilCuttingTransform}]
loss_cfg:
  - {loss_term_weight: 1.0, margin: 0.2, type: TripletLoss, log_prefix: triplet}
  - {loss_term_weight: 1.0, scale: 16, type: CrossEntropyLoss, log_prefix: softmax, log_accuracy: true}
model_cfg:
  model: Baseline
  backbone_cfg:
    type: ResNet9
    block: BasicBlock
    channels: [4, 4, 8, 8]
    layers: [1, 1, 1, 1]
    strides: [1, 2, 2, 1]
    maxpool: false
  SeparateFCs: {in_channels: 8, out_channels: 8, parts_num: 16}
  SeparateBNNecks: {class_num: 74, in_channels: 8, parts_num: 16}
  bin_num: [16]
optimizer_cfg: {lr: 0.1, momentum: 0.9, solver: SGD, weight_decay: 0.0005}
scheduler_cfg: {gamma: 0.1, milestones: [20000, 40000, 50000], scheduler: MultiStepLR}
trainer_cfg:
  enable_float16: true
  fix_BN: false
  with_test: false
  log_iter: 100
  restore_ckpt_strict: true
  restore_hint: 0
  save_iter: 20000
  save_name: GaitBase_DA
  sync_BN: true
  total_iter: 60000
  sampler:
    batch_shuffle: true
    batch_size: [8, 16]
    frames_num_fixed: 30
    sample_type: fixed_unordered
    type: TripletSampler
  transform: [{type: BaseSilCuttingTransform}]
"""
"""A file as OpenGait has them, of a network that is small enough for a test."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory with an OpenGait YAML in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(OPENGAIT_YAML)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_model"]:
        del sys.modules[name]


def fenced(text: str, language: str) -> list[str]:
    """The blocks of a language, those that say that they are not run excepted; broken lines are joined."""
    whole = re.sub(r" \\\n +", " ", text)
    return re.findall(rf"(?<!-->\n)```{language}\n(.*?)```", whole, re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The words of each command of the page, made shorter."""
    lines = [line for block in fenced(text, "bash") for line in block.splitlines()]
    more = [(line, words) for line in lines for start, words in SHORTER.items() if f" {start} " in f"{line} "]
    return [shlex.split(f"{line} {dict(more).get(line, '')}") for line in lines]


def masked(text: str) -> str:
    """Without what differs from run to run: numbers, and how wide a table is."""
    return re.sub(r"[\d.]+", "#", " ".join(text.split()))


def printed(page: Path) -> str:
    """What the commands of a page print; each has to end well. Files and scripts of the page come first."""
    text = page.read_text(encoding="utf-8")
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        Path(name).write_text(content)
    for script in fenced(text, "python"):
        exec(script, {"__name__": "__main__"})
    output = ""
    for program, *words in commands(text):
        result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
        assert program == "gait-plugins"
        assert result.exit_code == 0, f"{words}\n{result.output}"
        output += result.output
    return output


@pytest.mark.heavy
@pytest.mark.parametrize("name", [*PAGES, "windows"])
def test_the_commands_of_a_quick_start_work_and_print_what_it_shows(name: str, folder: Path) -> None:
    page = START / f"{name}.md"
    output = masked(printed(page))
    blocks = fenced(page.read_text(encoding="utf-8"), "text")
    shown = [line for block in blocks for line in block.splitlines() if not line.startswith("%pip")]
    assert name == "windows" or len(shown) >= 1
    assert [line for line in shown if masked(line) not in output] == []


def test_every_quick_start_has_five_commands() -> None:
    for name in PAGES:
        section = (START / f"{name}.md").read_text(encoding="utf-8").partition("## Five commands\n")[2]
        assert len(fenced(section.partition("\n## ")[0], "bash")[0].splitlines()) == 5, name


def test_every_block_of_commands_on_the_new_pages_is_run_or_says_that_it_is_not() -> None:
    run = [START / f"{name}.md" for name in (*PAGES, "windows")]
    others = [DOCS / "README.md", DOCS / "faq.md", *(DOCS / "concepts").glob("*.md")]
    assert sorted(START.glob("*.md")) == sorted(run)
    for page in others:
        text = page.read_text(encoding="utf-8")
        assert fenced(text, "bash") + fenced(text, "python") + fenced(text, "sh") == [], page.name
