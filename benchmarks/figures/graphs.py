"""ONNX graphs of the zoo's models: differences, sizes of the files and times, for the table of export.md.

    python benchmarks/figures/graphs.py --keep DIR              (an hour of one core; begun again, it goes on)
    python benchmarks/figures/graphs.py --keep DIR --write      (put what is kept into docs/export.md)

Each model comes in its smallest configuration, with random weights and with batch norms that have seen
synthetic walkers. On these the smaller graphs are measured. Times are of the processor, with one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from gait_plugins.api import GaitModel
from gait_plugins.config import Config, build, load_config, shipped
from gait_plugins.core.tools.onnx_graph import (
    FIXED,
    SIZES,
    EmbeddingGraph,
    Input,
    compare,
    embedded,
    latency_of,
    session_of,
    write_graph,
)
from gait_plugins.core.tools.onnx_precision import Precision, lessened, measured, require_accurate
from gait_plugins.core.tools.onnx_sample import Sample, samples
from gait_plugins.errors import ConfigError, GaitPluginsError
from gait_plugins.testing.streams import SIZES as AXES
from gait_plugins.testing.streams import taken_by

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
LATENTS = {"h": 96, "w": 48}
"""Pixels of the features of a diffusion model, and of the silhouettes on them."""
PEOPLE = 60
"""Where a configuration counts them in its data."""
FRAMES = 30
"""Of the models that are exported for a number of frames."""
WALKERS = {
    "type": "walkers",
    "train": 2,
    "test": 5,
    "nm": 2,
    "bg": 1,
    "cl": 1,
    "views": ["090"],
    "frames": 10,
}
SMALLER: tuple[Precision, ...] = ("float16", "int8")
HEAD = (
    "Configuration", "Model", "Frames", "Difference", "float32 MB", "float16 MB", "int8 MB",
    "PyTorch ms", "float32 ms", "int8 ms", "int8 moves", "Rank-1",
)  # fmt: skip


def chosen() -> list[tuple[str, int]]:
    """A configuration of each model and streams, and its number of parameters, the smallest first."""
    smallest: dict[tuple[str, str], tuple[bool, int, str]] = {}
    for name in shipped():
        config = load_config(name).counted(lambda _: PEOPLE)
        with torch.device("meta"):
            model = config.model_cfg.build()
        size = sum(parameter.numel() for parameter in model.parameters())
        key = config.model_cfg.name, str([each.name for each in model.streams or ()])
        found = (name.startswith(("walkers/", "own_data/")), size, name)
        smallest[key] = min(found, smallest.get(key, found))
    return sorted(((name, size) for _, size, name in smallest.values()), key=lambda one: one[1])


def figures(name: str, folder: Path) -> dict[str, Any]:
    """What is told of one configuration."""
    config = load_config(name).counted(lambda _: PEOPLE)
    torch.manual_seed(0)
    model = config.model_cfg.build()
    model.init_parameters()
    inputs = _inputs(model)
    path = folder / "float32.onnx"
    found: dict[str, Any] = {"model": config.model_cfg.name, "date": str(date.today())}
    try:
        sample = _sample(config, model, inputs)
        if sample is not None:
            _settle(model, inputs, sample[0])
        try:
            frames = None
            free, compared = write_graph(model.eval(), inputs, path)
        except ConfigError:
            frames = FRAMES
            free, compared = write_graph(model.eval(), inputs, path, frames)
    except GaitPluginsError as error:
        return {**found, "refused": error.message}
    graph = EmbeddingGraph(model, inputs).eval()
    took = latency_of(graph, inputs, path, frames)
    found |= {"frames": sorted({each.frames for each in compared}), "fixed": frames, "free": free}
    found |= {"difference": max(each.difference for each in compared), "float32": path.stat().st_size}
    found |= {"torch_ms": took.torch, "float32_ms": took.onnx}
    if sample is not None:
        found |= _smaller(config, graph, inputs, path, frames, free, sample)
    return found


def _smaller(
    config: Config,
    graph: EmbeddingGraph,
    inputs: Sequence[Input],
    path: Path,
    frames: int | None,
    free: bool,
    sample: tuple[Sample, Sample],
) -> dict[str, Any]:
    names = [each.name for each in inputs]
    tested, calibrating = (each.of_frames(frames) for each in sample)
    wanted = embedded(session_of(path, graph), names, tested)
    sizes = SIZES if frames is None else [(n, frames) for n in (FIXED if free else (1,))]
    found: dict[str, Any] = {}
    for precision in SMALLER:
        target = path.with_name(f"{precision}.onnx")
        try:
            lessened(path, target, precision, calibrating, names)
            session = session_of(target, graph)
            told = measured(wanted, embedded(session, names, tested), tested.labels, "euc")
            found |= {precision: target.stat().st_size, f"{precision}_shift": told.shift}
            found |= {f"{precision}_rank_1": told.rank_1, "sequences": told.sequences}
            require_accurate(precision, told, config.source)
            compared = compare(graph, inputs, target, sizes, precision, tested)
            found[f"{precision}_difference"] = max(each.difference for each in compared)
            if precision == "int8":
                found["int8_ms"] = latency_of(graph, inputs, target, frames, without_torch=True).onnx
        except GaitPluginsError as error:
            found[f"{precision}_refused"] = error.message
    return found


def _inputs(model: GaitModel) -> list[Input]:
    found = []
    streams = taken_by(model, (64, 44))
    sizes = AXES | (LATENTS if any(stream.name == "latents" for stream in streams) else {})
    for stream in streams:
        axes = (sizes.get(axis, 8) if isinstance(axis, str) else int(axis or 8) for axis in stream.shape)
        pictures = stream.name in ("", "silhouettes", "skeleton_maps")
        found.append(Input(stream.name or "silhouettes", tuple(axes), 255.0 if pictures else 1.0))
    return found


def _sample(config: Config, model: GaitModel, inputs: Sequence[Input]) -> tuple[Sample, Sample] | None:
    """Walkers as the model takes them; None where they have not what it takes."""
    streams = None if model.streams is None else [each.name for each in model.streams]
    try:
        found = samples(config, model, build("dataset", {**WALKERS, "streams": streams}))
    except GaitPluginsError:
        return None
    fit = [tuple(each.shape[1:]) for each in found[0].frames[0]] == [each.shape for each in inputs]
    return found if fit else None


def _settle(model: GaitModel, inputs: Sequence[Input], sample: Sample) -> None:
    """Give the batch norms the statistics of the sample, as a training would."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            module.train()
            module.momentum = None
            module.reset_running_stats()
        else:
            module.training = False
    graph = EmbeddingGraph(model, inputs)
    least = min(len(one[0]) for one in sample.frames)
    clips = sample.clips(len(sample.frames), least if least > 8 else FRAMES)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for begin in range(0, len(clips[0]), 5):
            graph(*(torch.from_numpy(each[begin : begin + 5]) for each in clips))
    model.eval()


def table(kept: dict[str, dict[str, Any]]) -> str:
    """The table of the page, with what it was made by."""
    rows = [HEAD, *(_row(name, found) for name, found in kept.items() if "difference" in found)]
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    without = [f"- `{name}` ({f['model']}): {f['refused']}" for name, f in kept.items() if "refused" in f]
    missing = ", ".join(f"`{name}`" for name, found in kept.items() if not found)
    without += [f"- Not measured in this run: {missing}."] if missing else []
    days = sorted({found["date"] for found in kept.values() if found})
    versions = f"torch {torch.__version__}, onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"
    made = f"Made on {days[-1]} with Python {platform.python_version()}, {versions}, by"
    told = [
        f"{made} `python benchmarks/figures/graphs.py`.",
        "",
        head,
        "|---|---|" + "--:|" * (len(HEAD) - 2),
    ]
    return "\n".join([*told, *body, *([""] if without else []), *without])


def _row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    def megabytes(key: str) -> str:
        cell = f"{found[key] / 1e6:.1f}" if key in found else "-"
        return f"{cell} (refused)" if f"{key}_refused" in found and key in found else cell

    rank = found.get("int8_rank_1")
    return (
        f"`{name}`",
        found["model"],
        f"{found['fixed']} alone" if found["fixed"] else ", ".join(map(str, found["frames"])),
        f"{found['difference']:.0e}",
        megabytes("float32"),
        megabytes("float16"),
        megabytes("int8"),
        f"{found['torch_ms']:.0f}",
        f"{found['float32_ms']:.0f}",
        f"{found['int8_ms']:.0f}" if "int8_ms" in found else "-",
        f"{found['int8_shift']:.1%}" if "int8_shift" in found else "-",
        "-" if rank is None else f"{rank[0]} > {rank[1]} of {found['sequences']}",
    )


def _kept(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is measured of each configuration; nothing of one that is not."""
    for name, _ in chosen():
        file = folder / f"{name.replace('/', '-')}.json"
        yield name, json.loads(file.read_text()) if file.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of what is measured")
    parser.add_argument("--write", action="store_true", help="write the table, and measure nothing")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    if options.write:
        made = table(dict(_kept(options.keep)))
        pattern = r"(<!-- generated: graphs -->\n).*?(<!-- end -->)"
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(
            re.sub(pattern, lambda match: f"{match[1]}{made}\n{match[2]}", text, flags=re.DOTALL),
            encoding="utf-8",
        )
        return
    for name, _ in chosen():
        file = options.keep / f"{name.replace('/', '-')}.json"
        if not file.exists():
            with TemporaryDirectory() as folder:
                found = figures(name, Path(folder))
            file.write_text(json.dumps(found))
            print(name, found, flush=True)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
