"""``gait-plugins demo``: compares networks on synthetic walkers, or names walkers in a film."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.api.commands import chosen_out, old_option, out_option, override_option
from gait_plugins.io.printable import say

if TYPE_CHECKING:
    from gait_plugins.api import Results
    from gait_plugins.config import Config

CONTENDERS = {
    "Gait Energy Image": "walkers/gei",
    "GaitBase (small)": "walkers/gaitbase",
    "TrackletGait (small)": "walkers/trackletgait",
}
"""Shown name -> shipped configuration."""


def demo(
    out: Annotated[Path, out_option("DIR", "Folder for runs, logs and pictures.")] = Path("demo-output"),
    video: Annotated[
        bool,
        typer.Option(
            "--video", help="Enroll five people from a film and name them in another, in DIR/video."
        ),
    ] = False,
    override: Annotated[
        list[str] | None, override_option("Override a setting of every run; may be repeated.")
    ] = None,
    old: Annotated[Path | None, old_option("--output")] = None,
) -> None:
    """Train TrackletGait and GaitBase on synthetic walkers and compare them; takes minutes on a CPU.

    With --video a small model is trained on synthetic walkers, five others are enrolled from a film of a
    street, and are named in a film of another camera, in which people walk who are not enrolled.
    """
    from gait_plugins.cli.video.demo import run_film_demo
    from gait_plugins.config import load_config
    from gait_plugins.config.yaml.overrides import written

    output = out if old is None else chosen_out("demo", None, output=old)
    if video:
        run_film_demo(output / "video", override or [])
        return
    started = time.monotonic()
    rows: list[tuple[str, Results, float]] = []
    for name, shipped in CONTENDERS.items():
        settings = [written("output_dir", str(output)), *(override or [])]
        config = load_config(shipped, overrides=settings)
        if _trains_in_16_bits(config):
            config = load_config(shipped, overrides=["evaluator_cfg.fast=true", *settings])
        if not rows:
            _picture(config, output / "walkers.png")
        began = time.monotonic()
        results = _contend(config)
        if results is not None:
            rows.append((name, results, time.monotonic() - began))
    if rows:
        _print(rows)
        say(f"runs, checkpoints and TensorBoard logs: {output}/ (tensorboard --logdir {output})")
        say(f"silhouettes: {output / 'walkers.png'}")
        say(f"{time.monotonic() - started:.0f} s in all")


def _trains_in_16_bits(config: Config) -> bool:
    """Whether the test of a training may round: its fast copy then takes two thirds of the time."""
    from gait_plugins.core.runtime.precision import precision_in_use

    section = config.trainer_cfg
    return _is_trained(config) and "16" in precision_in_use(section.precision, section.enable_float16, "cpu")


def _picture(config: Config, path: Path) -> None:
    from gait_plugins.core.assembly.components import build_dataset
    from gait_plugins.core.tools.contact_sheet import contact_sheet

    contact_sheet(build_dataset(config), path)


def _contend(config: Config) -> Results | None:
    from gait_plugins.core.evaluate.score import score
    from gait_plugins.core.runtime.options import RunOptions
    from gait_plugins.core.train.loop import train

    options = RunOptions(device="cpu", overwrite=True)
    return train(config, options) if _is_trained(config) else score(config, options)


def _is_trained(config: Config) -> bool:
    """False for an energy image: it has no weights."""
    from gait_plugins.core.assembly.checks import count_parameters
    from gait_plugins.core.assembly.components import build_model

    return count_parameters(build_model(config)) > 0


def _print(rows: list[tuple[str, Results, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    first = rows[0][1]
    table = Table(title=f"{first.protocol}: Rank-1 in %")
    table.add_column("")
    for figure in first.metrics:
        table.add_column(figure, justify="right")
    table.add_column("seconds", justify="right")
    for name, results, seconds in rows:
        figures = [f"{results.metrics[figure]:.1f}" for figure in first.metrics]
        table.add_row(name, *figures, f"{seconds:.0f}")
    Console().print(table)
