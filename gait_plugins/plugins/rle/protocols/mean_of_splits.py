"""Mean and deviation of the results of several splits, over as many trainings.

    python -m gait_plugins.plugins.rle.protocols.mean_of_splits FILES

where FILES are ``output/RegDB/CrossSpectralNet/RLE_regdb_*/results-12835-*.json``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gait_plugins.errors import DataError, GaitPluginsError
from gait_plugins.io.folders import require_regular
from gait_plugins.io.printable import say
from gait_plugins.plugins.rle.protocols.score_labels import spread

_SPLIT = re.compile(r"this is (split\d+) of (\d+)")


def combined(paths: Sequence[Path]) -> tuple[list[str], dict[str, list[float]]]:
    """The splits, and every figure of each of them in the same order.

    Raises:
        DataError: a file is no result of one split, or two are of the same one.
    """
    found: dict[str, dict[str, float]] = {}
    for path in paths:
        data = _read(path)
        named = next((match for note in data.get("notes", ()) if (match := _SPLIT.search(note))), None)
        if named is None:
            raise DataError(
                "the file holds no result of a single split",
                where=str(path),
                hint="give files of evaluate_RegDB",
            )
        if named[1] in found:
            raise DataError(
                f"{named[1]} is given twice",
                where=str(path),
                hint="give one file for each training: that of its last step",
            )
        found[named[1]] = data["metrics"]
    splits = sorted(found)
    names = list(found[splits[0]]) if splits else []
    return splits, {name: [found[split][name] for split in splits] for name in names}


def _read(path: Path) -> dict[str, Any]:
    try:
        require_regular(path)
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"the results cannot be read: {error}", where=str(path)) from error
    return data if isinstance(data, dict) else {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="one file of results for each split")
    options = parser.parse_args()
    try:
        splits, figures = combined(options.results)
    except GaitPluginsError as error:
        say(error, error=True)
        return 2
    say(f"{len(splits)} of 10 splits: {', '.join(splits)}; mean ± deviation (%)")
    for name, values in figures.items():
        say(f"  {name:<10} {spread(values)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
