"""Correctness: the tests that need a GPU, an exact resume, and losses in mixed precision."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from tables import Row

from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gpu_parts.budget import LeftOut
from gpu_parts.training import Bench, Watch

ROOT = Path(__file__).resolve().parents[2]
COMPARED = ("model", "losses", "optimizer", "scheduler", "scaler")


def marked_tests(bench: Bench, seconds: float) -> list[Row]:
    """The tests marked ``cuda``, in a process of their own.

    Raises:
        LeftOut: there is no GPU, or no pytest, or no tests beside this folder.
    """
    if not bench.machine.on_gpu:
        raise LeftOut("there is no GPU, every one of them would be skipped")
    marked = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if "mark.cuda" in path.read_text())
    if not marked:
        raise LeftOut("the tests are not beside this folder")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "cuda", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *map(str, marked)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=max(seconds, 30),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [Row("tests marked cuda", None, f"not done in {seconds:.0f} s", holds=False)]
    if "No module named pytest" in done.stderr:
        raise LeftOut("pytest is not installed")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    said = "; ".join([lines[-1] if lines else done.stderr.strip()[-200:], *failed])
    words = re.sub(r"=+|\s+", " ", said).strip()
    return [Row("tests marked cuda", None, words, holds=done.returncode == 0)]


def resumed(bench: Bench, precision: str, network: str, seconds: float) -> list[Row]:
    """Whether a training that is resumed half-way ends as the one that never stopped."""
    name = f"resume-{precision}"
    config = bench.config(network, precision, save_name=name, total_iter=4, save_iter=2)
    whole = _final(bench, config, name, resume=False)
    again = _final(bench, config, name, resume=True)
    where = _different(whole, again)
    words = "equal to the last bit"
    if where:
        words = f"differs in {where[0]}"
        repeated = _different(whole, _final(bench, config, name, resume=False))
        words += "; so do two whole trainings" if repeated else "; two whole trainings are equal"
    return [Row(f"resume after 2 of 4 steps, {network}, {precision}", None, words, holds=not where)]


def _final(bench: Bench, config: Any, name: str, resume: bool) -> dict[str, Any]:
    """The last checkpoint of a training, which is taken away again."""
    device = bench.machine.device.type
    train(config, RunOptions(device=device, overwrite=not resume, resume=resume))
    (path,) = bench.folder.rglob(checkpoint_path(Path(), name, 4).name)
    found = {key: load_checkpoint(path)[key] for key in COMPARED}
    path.unlink()
    return found


def _different(one: Any, other: Any, where: str = "") -> list[str]:
    """Names of what is not the same in two trees of tensors."""
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [where]
    if isinstance(one, dict):
        if list(one) != list(other):
            return [where]
        pairs = [(one[key], other[key], f"{where}/{key}".strip("/")) for key in one]
        return list(itertools.chain.from_iterable(_different(*pair) for pair in pairs))
    if isinstance(one, list | tuple):
        pairs = [(a, b, f"{where}/{n}") for n, (a, b) in enumerate(zip(one, other, strict=True))]
        return list(itertools.chain.from_iterable(_different(*pair) for pair in pairs))
    return [] if one == other else [where]


def precisions(bench: Bench, network: str, steps: int, seconds: float) -> list[Row]:
    """The mean loss of a short training, in mixed precision and in float32."""
    asked = ("16-mixed", "bf16-mixed") if bench.machine.on_gpu else ("bf16-mixed",)
    losses = {precision: _losses(bench, network, steps, precision) for precision in ("32-true", *asked)}
    mean = {name: sum(found) / len(found) for name, found in losses.items()}
    return [
        Row(
            f"mean loss of {steps} steps, {network}, {p}",
            mean["32-true"],
            mean[p],
            "loss",
            least=0.8,
            most=1.25,
        )
        for p in asked
    ]


def _losses(bench: Bench, network: str, steps: int, precision: str) -> list[float]:
    config = bench.config(
        network, precision, save_name=f"loss-{precision}", total_iter=steps, save_iter=steps, log_iter=1
    )
    watch = Watch(bench.machine, 1, steps)
    train(config, RunOptions(device=bench.machine.device.type, overwrite=True, monitors=(watch,)))
    return watch.losses
