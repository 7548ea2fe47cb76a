"""Processor time and peak memory of a command by two Pythons in turns: this one's and that of another one.

    python benchmarks/starting/beside.py --python OLD/bin/python -- -m gait_plugins plugins list
    python benchmarks/starting/beside.py --python OLD/bin/python -- -m gait_plugins config check NAME
    python benchmarks/starting/beside.py --python OLD/bin/python --cold -- -m gait_plugins config check NAME
    python benchmarks/starting/beside.py --python OLD/bin/python --rounds 3 -- benchmarks/evaluation.py grew

A first run of each is not counted: it compiles modules, and lets ``config check`` keep what it accepts. With
``--cold`` every run has an empty cache. The command runs in an empty folder, so that each Python imports its
own package.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """What one run took."""

    seconds: float
    """Of processor time, in all threads and children that it waited for."""
    mebibytes: float
    """Peak of resident memory."""


def run(python: str, words: list[str], cache: Path, place: Path) -> Cost:
    """Run a command once; raises ``SystemExit`` where it fails."""
    variables = {**os.environ, "GAIT_PLUGINS_CACHE": str(cache)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen([python, *words], cwd=place, env=variables, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{python} {' '.join(words)} ended with {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10)


def main() -> None:
    """Print the medians of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", required=True, help="of the environment to compare with")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cold", action="store_true", help="an empty cache for every run")
    parser.add_argument("words", nargs="+", help="arguments of Python, after --")
    options = parser.parse_args()
    words = [str(Path(word).resolve()) if Path(word).is_file() else word for word in options.words]
    pythons = {"before": str(Path(options.python).absolute()), "now": sys.executable}
    costs: dict[str, list[Cost]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "place"
        place.mkdir()
        for turn in range(options.rounds + 1):
            for name, python in pythons.items():
                cache = Path(folder) / f"{name}{turn if options.cold else ''}"
                cost = run(python, words, cache, place)
                costs[name] += [cost] if turn else []
    medians = {
        name: [statistics.median(column) for column in zip(*each, strict=True)]
        for name, each in costs.items()
    }
    print(" ".join(options.words))
    for name, (seconds, peak) in medians.items():
        print(f"  {name:6}  {seconds:8.3f} s of processor time  {peak:8.0f} MiB")
    ratios = [now / before for now, before in zip(medians["now"], medians["before"], strict=True)]
    print(f"  ratio   {ratios[0]:8.2f}{'':21}{ratios[1]:8.2f}")


if __name__ == "__main__":
    main()
