"""Use of a model: sequences embedded from the disk, and embeddings scored at GREW's size."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tables import Row

from gait_plugins import EmbeddingSet, build
from gait_plugins.config import load_config
from gait_plugins.core.assembly.components import build_model
from gait_plugins.core.tools.embedder import Embedder
from gpu_parts.plain_trainer import Files, embedded, opengait_flags, ranked
from gpu_parts.training import Bench


def embedding(bench: Bench, network: str, seconds: float) -> list[Row]:
    """Frames a second of ``embed``, as it is and with its fast option, beside the plain way."""
    config = bench.config(network)
    path = bench.folder / f"{network}.pt"
    model = build_model(config)
    torch.save({"model": model.state_dict(), "iteration": 1}, path)
    ways = {"ours": Embedder(config, path, device=bench.machine.device.type)}
    fast = _fast(config, path, bench.machine.device.type)
    if fast is not None:
        ways["fast"] = fast
    first = Files(bench.walks.tested)
    trainer, files = bench.plain(network), Files(bench.walks.tested)
    first.files = first.files[:8]
    with opengait_flags():
        embedded(trainer, first, bench.size)  # warm
        begun, ends = bench.machine.now(), time.monotonic() + seconds / 3
        found, frames = embedded(trainer, files, bench.size, lambda _: time.monotonic() < ends)
        plain = frames / (bench.machine.now() - begun)
    rows, total = [], bench.walks.frames_tested
    for name, embedder in ways.items():
        _warm(embedder)
        begun = bench.machine.now()
        ours = embedder.test_set().embeddings
        rate = total / (bench.machine.now() - begun)
        words = "embed" if name == "ours" else "embed, fast"
        rows.append(Row(f"{words}, {network}, {len(bench.walks.tested)} sequences", plain, rate, "frames/s"))
        apart = float(np.abs(found - ours[: len(found)]).max() / np.abs(found).max())
        told = f"{apart:.0e} of the largest number"
        close = apart < (2e-2 if name == "ours" else 5e-2)
        rows.append(Row(f"largest difference of them ({words})", None, told, holds=close))
    return rows


def _fast(config: Any, path: Path, device: str) -> Embedder | None:
    """The embedder with ``evaluator_cfg.fast``; None before there was such an option."""
    if "fast" not in type(config.evaluator_cfg).model_fields:
        return None
    tested = {**config.data["evaluator_cfg"], "fast": True, "precision": None}
    return Embedder(load_config({**config.data, "evaluator_cfg": tested}), path, device=device)


def _warm(embedder: Embedder) -> None:
    rng = np.random.default_rng(0)
    embedder.arrays([(rng.random((length, 64, 64)) > 0.5).astype(np.uint8) * 255 for length in (40, 70, 100)])


def evaluation(bench: Bench, seconds: float) -> list[Row]:
    """Ranking as many probes as GREW has against as many sequences, and the memory of it."""
    count = bench.size.probes
    data = _grew(count)
    protocol = build("protocol", {"eval_func": "evaluate_real_scene"})
    gallery, probes = data.embeddings[:count], data.embeddings[count:]
    rows, spent, memory = [], {}, {}
    ways = {
        "plain": lambda: ranked(probes, gallery, bench.machine.device),
        "ours": lambda: protocol.evaluate(data),
    }
    found: dict[str, Any] = {}
    for name, way in ways.items():
        memory[name], found[name] = bench.machine.peak(way)
        begun = bench.machine.now()
        way()
        spent[name] = bench.machine.now() - begun
    rows.append(Row(f"evaluation, {count} probes x {count}", spent["plain"], spent["ours"], "s"))
    rows.append(Row("peak memory of it", memory["plain"], memory["ours"], "MiB"))
    hits = 100 * float((data.labels[:count][found["plain"][:, 0]] == data.labels[count:]).mean())
    same = abs(hits - found["ours"].metrics["Rank-1"]) < 0.05
    rows.append(Row("Rank-1 of both", f"{hits:.2f}", f"{found['ours'].metrics['Rank-1']:.2f}", holds=same))
    return rows


def _grew(count: int) -> EmbeddingSet:
    """Two takes of everybody, 256 channels and 16 parts."""
    rng = np.random.default_rng(0)
    people = np.concatenate([np.arange(count)] * 2)
    vectors = rng.standard_normal((2 * count, 256, 16), dtype=np.float32)
    vectors[count:] = 0.12 * vectors[:count] + vectors[count:]
    types = np.array(["01"] * count + ["02"] * count)
    views = np.array([f"v{number}" for number in range(2 * count)])
    return EmbeddingSet(vectors, np.char.zfill(people.astype(str), 5), types, views, "GREW")
