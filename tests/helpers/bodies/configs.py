"""The configurations of labels and body models: OpenGait's names, their data, and a small form of each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from gait_plugins.config import Config, load_config
from helpers.files.walking_sets import walking_copy

STEPS = 1
WIDTH = re.compile(r"(?<=C-)\d+")


class Shipped(NamedTuple):
    """A shipped configuration."""

    name: str
    file: str
    """OpenGait's, in its folder ``configs``."""
    data_set: str
    contents: str
    """Of a view folder: a key of ``walking_sets.CONTENTS``."""


_FILES = """
gaitbase/gait3d_parsing gaitbase/gaitbase_gait3d_parsing_btz32x2_fixed Gait3D-Parsing pars
gaitgl/gait3d_parsing gaitgl/gaitgl_gait3d_parsing Gait3D-Parsing pars
gaitpart/gait3d_parsing gaitpart/gaitpart_gait3d_parsing Gait3D-Parsing pars
gaitset/gait3d_parsing gaitset/gaitset_gait3d_parsing Gait3D-Parsing pars
gln/gait3d_parsing_phase1 gln/gln_phase1_gait3d_parsing Gait3D-Parsing pars
gln/gait3d_parsing_phase2 gln/gln_phase2_gait3d_parsing Gait3D-Parsing pars
parsinggait/gait3d_parsing parsinggait/parsinggait_gait3d_parsing Gait3D-Parsing pars
smplgait/gait3d smplgait/smplgait Gait3D sils, smpls
smplgait/gait3d_parsing smplgait/smplgait_gait3d_parsing Gait3D-Parsing pars, sils, smpls
"""
BODIES = [
    Shipped(name, f"{file}.yaml", data_set, contents)
    for name, file, data_set, contents in (line.split(" ", 3) for line in _FILES.split("\n") if line)
]


def narrow(options: Any) -> Any:
    """The same options with an eighth of every width, and three classes.

    Widths are channels; numbers of a frame's channels and of layers are less than 8.
    """
    if isinstance(options, dict):
        kept = ("layers", "strides", "bin_num", "parts_num", "gcn_cfg", "dropout", "scale")
        found = {key: value if key in kept else narrow(value) for key, value in options.items()}
        return found | ({"class_num": 3} if "class_num" in options else {})
    if isinstance(options, list):
        return [narrow(value) for value in options]
    if isinstance(options, str):
        return WIDTH.sub(lambda number: str(int(number[0]) // 8), options)
    return (
        options // 8
        if isinstance(options, int) and not isinstance(options, bool) and options > 8
        else options
    )


def small_form(source: str, shipped: Shipped, folder: Path, *more: str) -> Config:
    """A configuration on a small copy of its data, for a step of a small batch, and the test.

    Args:
        source: the name of a shipped configuration, or OpenGait's file.
        shipped: its data.
        folder: for data and output.
        more: further overrides.
    """
    config = load_config(source)
    root, partition = walking_copy(shipped.data_set, shipped.contents, folder)
    overrides: dict[str, Any] = {
        "data_cfg.dataset_root": root,
        "data_cfg.dataset_partition": partition,
        "data_cfg.num_workers": 0,
        "output_dir": folder / "output",
        "trainer_cfg.sampler.batch_size": [2, 2],
        "trainer_cfg.sampler.frames_num_fixed": 6,
        "trainer_cfg.total_iter": STEPS,
        "trainer_cfg.save_iter": STEPS,
        "trainer_cfg.log_iter": 1,
        "trainer_cfg.with_test": True,
        "trainer_cfg.restore_hint": 0,
        "evaluator_cfg.restore_hint": STEPS,
    }
    overrides |= {f"model_cfg.{key}": value for key, value in narrow(config.model_cfg.options).items()}
    return load_config(source, [*(f"{key}={value}" for key, value in overrides.items()), *more])
