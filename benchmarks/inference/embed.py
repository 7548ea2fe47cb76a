"""Embedding of sequences of unequal length, end to end: plain, fast, and by another environment.

    python benchmarks/inference/embed.py [--python OTHER/bin/python] [--narrow|--wide] [--rounds 5]

Every alternative is a process of its own, which reads the same files (walkers of 20 to 60 frames), transforms
and embeds them, in turns with the others. ``--python`` is the Python of an environment with another
version of this package. Times are the processor's, of all its threads. Networks have random weights, and
statistics of their batch norms as a training leaves them. After the times: how far the distances between two
sequences lie from those of the first alternative, the largest and the mean, as a share of the distance.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

NARROW = {"walkers/trackletgait": 96, "walkers/gaitbase": 96}
WIDE = {"trackletgait/casiab": 12, "gaitbase/casiab": 12, "deepgaitv2/casiab": 12}
"""Configurations, and how many sequences they embed."""
SHORTEST, LONGEST = 20, 60
SETTINGS = ["data_cfg.num_workers=0"]


class Alternative:
    """A process that embeds when it is told to.

    Args:
        python: of its environment.
        config, folder: the configuration, and where files and weights lie.
        overrides: settings of its own.
        threads: that it may use.
    """

    def __init__(
        self, python: str, config: str, folder: Path, overrides: Sequence[str], threads: int
    ) -> None:
        words = [python, __file__, "--serve", config, str(folder), *overrides]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "passive",
            "PYTHONPATH": "",
        }
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def seconds(self, target: Path | None = None) -> float:
        """Processor seconds of embedding all files once; the embeddings are written to ``target``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(str(target or "")) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("a process has ended; its message is above")
        return float(answer)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def serve(config: str, folder: str, overrides: list[str]) -> None:
    """Embed the files for each line that comes in."""
    import resource

    import torch

    from gait_plugins.config import load_config

    try:
        from gait_plugins.core.tools.embedder import Embedder
    except ImportError:  # where versions before 0.2 have it
        from gait_plugins.core.embedder import Embedder  # type: ignore[no-redef,import-not-found]

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    loaded = load_config(config, [*SETTINGS, *overrides])
    embedder = Embedder(loaded, Path(folder) / "weights.pt", device="cpu")
    files = sorted((Path(folder) / "walks").iterdir())
    for line in sys.stdin:
        began = resource.getrusage(resource.RUSAGE_SELF)
        found = embedder.files(files)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        target = json.loads(line)
        if target:
            np.save(target, found.embeddings)
        print(ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime, flush=True)


def make_walks(folder: Path, count: int) -> int:
    """Write walkers of unequal length as files; the number of frames."""
    import gait_plugins

    people = -(-count // 12)
    data = gait_plugins.build("dataset", {"type": "walkers", "train": 0, "test": people, "frames": LONGEST})
    refs = list(data.sequences("test"))
    rng = np.random.default_rng(0)
    folder.mkdir()
    total = 0
    for place in rng.permutation(len(refs))[:count]:
        frames = data.load(refs[place])[0][: rng.integers(SHORTEST, LONGEST, endpoint=True)]
        np.save(folder / f"{refs[place].name}.npy", frames)
        total += len(frames)
    return total


def make_weights(config: str, folder: Path) -> None:
    """Write random weights whose norms have seen walkers."""
    import torch

    from gait_plugins.config import load_config
    from gait_plugins.core.assembly.components import build_model

    loaded = load_config(config, SETTINGS)
    torch.manual_seed(0)
    model = build_model(loaded)
    model.init_parameters()
    for part in model.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.momentum = None  # the mean of all that they see
    walks = [np.load(path)[:8] for path in sorted((folder / "walks").iterdir())[:8]]
    frames = torch.from_numpy(np.stack(walks)).float()[..., 10:-10] / 255
    with torch.no_grad():
        for some in frames.split(4):
            model.train()(some)
    torch.save({"model": model.state_dict()}, folder / "weights.pt")


def distances(file: Path) -> np.ndarray:
    """Between all pairs: the mean over the parts of the Euclidean distance, as the protocols take it."""
    values = np.load(file).astype(np.float64)
    apart = np.sqrt(((values[:, None] - values[None]) ** 2).sum(2)).mean(2)
    return apart[np.triu_indices(len(values), 1)]


def measured(config: str, count: int, options: argparse.Namespace) -> Mapping[str, Any]:
    """One network: seconds and distances of every alternative."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = make_walks(folder / "walks", count)
        make_weights(config, folder)
        chosen: dict[str, tuple[str, list[str]]] = {}
        if options.python:
            chosen["before"] = (options.python, [])
        chosen["plain"] = (sys.executable, [])
        chosen["fused, float32"] = (
            sys.executable,
            ["evaluator_cfg.fast=true", "evaluator_cfg.precision=32-true"],
        )
        chosen["fast"] = (sys.executable, ["evaluator_cfg.fast=true"])
        running = {
            key: Alternative(python, config, folder, overrides, options.threads)
            for key, (python, overrides) in chosen.items()
        }
        try:
            first = {key: one.seconds(folder / f"{key}.npy") for key, one in running.items()}
            rounds: dict[str, list[float]] = {key: [] for key in running}
            for _ in range(options.rounds):
                for key, one in running.items():
                    rounds[key].append(one.seconds())
        finally:
            for one in running.values():
                one.close()
        base = distances(folder / f"{next(iter(chosen))}.npy")
        shifts = {key: np.abs(distances(folder / f"{key}.npy") - base) / base for key in chosen}
    return {"frames": frames, "first": first, "rounds": rounds, "shifts": shifts}


def tell(config: str, count: int, found: Mapping[str, Any]) -> None:
    """Print the table of a network."""
    print(f"{config}: {count} sequences, {found['frames']} frames")
    medians = {key: statistics.median(values) for key, values in found["rounds"].items()}
    base = next(iter(medians.values()))
    print(f"  {'':16}{'first':>8}{'median':>8}{'ratio':>7}   largest and mean shift of a distance")
    for key, value in medians.items():
        shift = found["shifts"][key]
        print(
            f"  {key:16}{found['first'][key]:7.2f}s{value:7.2f}s{base / value:6.2f}x   "
            f"{shift.max():.1e}  {shift.mean():.1e}"
        )


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], sys.argv[4:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", help="of an environment with another version of this package")
    parser.add_argument("--narrow", action="store_true", help="the networks of the demo alone")
    parser.add_argument("--wide", action="store_true", help="the published widths alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    networks = NARROW if options.narrow else WIDE if options.wide else {**NARROW, **WIDE}
    for config, count in networks.items():
        tell(config, count, measured(config, count, options))


if __name__ == "__main__":
    main()
