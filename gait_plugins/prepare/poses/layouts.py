"""Layouts of pose files, as data sets and estimators have them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from gait_plugins.api import track
from gait_plugins.io.folders import by_numbers, is_hidden, suffix
from gait_plugins.prepare.find import DEEPEST, Sources, check_distinct, files_below, numbered
from gait_plugins.prepare.layouts import LAYOUTS, OWN, Layout, layout_named
from gait_plugins.prepare.manifest import RECORD
from gait_plugins.prepare.patterns import Name, Rule
from gait_plugins.prepare.poses.tables import ARRAYS

SUFFIXES = (".json", ".txt", *ARRAYS)
"""What a file of poses may end in; a table ends in .csv."""
_PLAIN = Rule("{id}/{type}/{view}/{frame}")
_WHOLE = tuple(Rule(f"{{id}}/{{type}}/{{view}}{kind}") for kind in (".json", *ARRAYS))
TABLE_RULE = Rule("**/{id}-{kind}-{take}-{view}/{frame}", type="{kind}-{take}")
"""Names of images in GaitGraph's table: ``x/001-nm-01-090/000123.jpg``."""
POSE_LAYOUTS = {
    OWN: Layout((_PLAIN, *_WHOLE), "a file a frame, or one a sequence", natural=True),
    "CASIA-B": Layout((_PLAIN, TABLE_RULE), "GaitGraph's casia-b_pose_coco.csv, or one's own estimates"),
    "OUMVLP": Layout(
        (Rule("{id}/{view}_{type}/{frame}.json"), Rule("{id}/{type}/{view}/{frame}.json")),
        "the unpacked poses of AlphaPose or OpenPose",
    ),
    "GREW": Layout(
        (
            Rule("train/{id}/{view}/{frame}_2d_pose.txt", id="{id}train", type="00"),
            Rule("test/gallery/{id}/{view}/{frame}_2d_pose.txt", type="{number}"),
            Rule("test/probe/{view}/{frame}_2d_pose.txt", id="probe", type="03"),
            _PLAIN,
        ),
        "the unpacked train and test archives of poses",
    ),
    "Gait3D": Layout((_PLAIN,), "the folder of poses"),
    "CCPG": Layout((_PLAIN,), "the folder of poses"),
    "SUSTech1K": Layout((Rule("{id}/{type}/{view}/03-{file}.pkl"),), "the pickles: those of 03"),
}
"""Data set -> where its poses lie. Others are laid out as one's own."""


def pose_layout(dataset: str) -> Layout:
    """Where the poses of a data set lie; case, hyphens and underscores do not matter.

    Raises:
        ConfigError: no data set has that name; tells the nearest.
    """
    masks = layout_named(dataset)
    name = next(name for name, layout in LAYOUTS.items() if layout is masks)
    return POSE_LAYOUTS.get(name, POSE_LAYOUTS[OWN])


def find_poses(root: Path, layout: Layout) -> Sources:
    """All sequences of pose files below a folder, by the layout's rules.

    Raises:
        DataError: the folder cannot be listed, or two folders or files would become one sequence.
    """
    found = Sources()
    files = track(files_below(root, "", found, DEEPEST), f"listing {root}", unit="file")
    return group_poses(root, files, layout, found, SUFFIXES)


def group_poses(
    root: Path, files: Iterable[str], layout: Layout, found: Sources, kinds: tuple[str, ...] | None = None
) -> Sources:
    """The sequences that these files, or images of a table, make up.

    Args:
        root: the source, for errors.
        files: paths below it.
        layout: where sequences lie.
        found: takes them.
        kinds: what files end in; None: anything.
    """
    walks: defaultdict[Name, list[str]] = defaultdict(list)
    whole: set[str] = set()
    for path in files:
        if kinds is not None and suffix(path) not in kinds:
            found.others.append(path)
            continue
        rule, name = _named(path, layout)
        if name is None:
            found.misfits += [path] if path != RECORD else []
            continue
        walks[name].append(path)
        if rule is not None and rule.of_videos:
            whole.add(path)
    check_distinct(root, walks, whole.__contains__)
    for name, paths in sorted(numbered(walks).items()):
        found.sequences[name] = sorted(paths, key=by_numbers) if layout.natural else sorted(paths)
    return found


def _named(path: str, layout: Layout) -> tuple[Rule | None, Name | None]:
    for rule in layout.rules:
        name = rule.name(path)
        if name is not None and not any(is_hidden(part) for part in name):
            return rule, name
    return None, None
