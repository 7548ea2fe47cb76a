"""Experiment files of a checkout: walkers in the files that one reads, a small form of it, what came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.config import Config, load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.core.train.rehearsal import rehearse_without_data
from gait_plugins.errors import GaitPluginsError
from helpers.bodies.configs import narrow
from helpers.files.published_sets import SETS, Published
from helpers.files.walking_sets import WALKING, Held, clouds, frames, walking_copy
from helpers.hosts.stand_in_vits import OF, on_stand_in

NO_EXPERIMENTS = ("default.yaml", "skeletongait/pretreatment_heatmap.yaml")
"""OpenGait's defaults, and the settings of a script."""
STACKED = {2: ("silhouettes", "parsing"), 4: ("silhouettes", "flow"), 5: ("silhouettes", "parsing", "flow")}
"""Channels of maps -> the walkers' streams that they are."""
LENGTH = 2
"""Frames of a walk."""
OTHERS = Published(None, "", ("01", "02"))
"""A data set that is trained on alone."""


class Outcome(NamedTuple):
    """What came of one file."""

    name: str
    refused: str
    """Empty where it is accepted."""
    steps: int = 0
    results: str = ""
    note: str = ""

    def __str__(self) -> str:
        accepted, trained = "no" if self.refused else "yes", f"{self.steps} step" if self.steps else "no"
        return " | ".join([f"{self.name:55}", accepted, trained, self.results or "no", self.note])


def experiments(checkout: Path) -> list[str]:
    """Names below the checkout's configs."""
    root = checkout / "configs"
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*.yaml"))
    return [name for name in found if name not in NO_EXPERIMENTS]


def refusal(checkout: Path, name: str) -> str:
    """Why a file is refused, in a line; empty where it is accepted."""
    try:
        rehearse_without_data(load_config(checkout / "configs" / name))
    except GaitPluginsError as error:
        lines = [line.strip() for line in str(error).splitlines() if re.search(r"\.yaml:\d+: ", line)]
        said = [line.partition(".yaml:")[2].partition(": ")[2] for line in lines]
        return "; ".join(said or [str(error).split("\n")[0]])
    return ""


def tried(checkout: Path, name: str, folder: Path) -> Outcome:
    """Ask whether the file is accepted; if so train its small form for a step and test it."""
    refused = refusal(checkout, name)
    if refused:
        return Outcome(name, refused)
    source = str(checkout / "configs" / name)
    config = small_form(source, folder)
    results = train(config, RunOptions(device="cpu"))
    saved = list((folder / "output").rglob("*-00001.pt"))
    protocol = config.evaluator_cfg.protocol.name
    scored = results is not None and (results.metrics or results.files)
    note = "" if config.trainer_cfg.with_test else "no labels to test by"
    return Outcome(name, "", len(saved), protocol if scored else "", note)


def small_form(source: str, folder: Path, *more: str) -> Config:
    """The file on walkers, with an eighth of its widths, for a step of a small batch and the test.

    Args:
        source: a YAML file of OpenGait's.
        folder: for data and output.
        more: further overrides.
    """
    return load_config(source, [*small_settings(source, folder), *more])


def small_settings(source: str, folder: Path) -> list[str]:
    """The overrides of :func:`small_form`."""
    config = load_config(source)
    data, model, trainer = config.data_cfg, config.model_cfg, config.trainer_cfg
    members = data.dataset.options.get("of", {})
    overrides: dict[str, Any] = {"output_dir": folder / "output"}
    if not members:
        overrides |= _laid_out("data_cfg", data.test_dataset_name, config, data.dataset.options, folder)
    for number, (name, options) in enumerate(members.items()):  # OpenGait lists them
        overrides |= _laid_out(f"data_cfg.{number}", name, config, options, folder)
    groups = len(model.options.get("crop_list", [1, 1]))
    pairs = trainer.sampler.batch.name != "CommonSampler"
    overrides |= {
        "trainer_cfg.sampler.batch_size": [2, groups] if pairs else 4,
        "trainer_cfg.sampler.frames_num_fixed": LENGTH,
        "trainer_cfg.total_iter": 1,
        "trainer_cfg.save_iter": 1,
        "trainer_cfg.with_test": data.test_dataset_name not in ("GaitLU-1M",),
        "trainer_cfg.restore_hint": 0,  # a second stage without its first
        "trainer_cfg.init": "{}",
        "evaluator_cfg.restore_hint": 1,
    }
    if trainer.sampler.frames.options.get("sample_type", "").startswith("unfixed"):
        overrides |= {"trainer_cfg.sampler.frames_num_min": 1, "trainer_cfg.sampler.frames_num_max": LENGTH}
    if config.scheduler_cfg.scheduler == "OneCycleLR":
        overrides["scheduler_cfg.total_steps"] = 2
    joints = "keypoints" in (data.dataset.options.get("streams") or {})
    small = on_stand_in(model.name) if model.name in OF else _narrow(model.options, joints)
    overrides |= {f"model_cfg.{key}": value for key, value in small.items()}
    return [f"{key}={_written(value)}" for key, value in overrides.items()]


def _written(value: Any) -> str:
    """As an override holds it."""
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _narrow(options: Mapping[str, Any], joints: bool) -> dict[str, Any]:
    """Small widths; those of joints are small, and foreign weights ask for theirs: these are left out."""
    foreign = [key for key in options if key.startswith("pretrained_")]
    if joints:
        return dict.fromkeys(({"class_num", "num_id"} & options.keys()), 3)
    return dict.fromkeys(foreign, "null") if foreign else narrow(dict(options))


def _laid_out(
    section: str, name: str, config: Config, options: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Overrides that name a small copy of a data set in files that are chosen as the options say."""
    data_set = name if name in WALKING else "others"
    WALKING.setdefault("others", OTHERS)
    streams = list(_streams(config, options, name))
    used = options.get("data_in_use") or [True] * len(streams)
    chosen = all(isinstance(place, bool) for place in used)
    places = [place for place, taken in enumerate(used) if taken] if chosen else list(used)
    count = len(used) if chosen else max(used) + 1
    held = _held(dict(zip(places, streams, strict=True)), count)
    root, partition = walking_copy(data_set, held, folder / name)
    named = {"dataset_root": root, "dataset_partition": partition, "num_workers": 0}
    return {f"{section}.{key}": value for key, value in named.items()}


def _held(streams: Mapping[int, tuple[str, ...]], count: int) -> Held:
    """Files of a view folder: the streams at their places, stubs elsewhere."""

    def held(person: int, view: str) -> Mapping[str, Any]:
        files: dict[str, Any] = {f"{number:02d}-stub.pkl": {"no": "frames"} for number in range(count)}
        for place, names in streams.items():
            files[f"{place:02d}-stub.pkl"] = _stacked(names, person, view)
        return files

    return held


def _stacked(names: tuple[str, ...], person: int, view: str) -> Any:
    """One file: a stream's frames, or those of several on each other."""
    if names == ("points",):
        return clouds(person, view)[:LENGTH]
    if names == ("rgb as photographs",):
        return frames("rgb", person, view)[:LENGTH].transpose(0, 2, 3, 1)
    if names == ("heights and widths",):
        ratios = frames("ratios", person, view)[:LENGTH]
        return np.stack([np.full_like(ratios, 100), 100 * ratios], 1)
    parts = [frames(name, person, view)[:LENGTH] for name in names]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part[:, None] if part.ndim == 3 else part for part in parts], 1).astype(np.uint8)


def _streams(config: Config, options: Mapping[str, Any], data_set: str) -> Iterator[tuple[str, ...]]:
    """The walkers' streams that the file's inputs are."""
    declared = options.get("streams") or config.data_cfg.dataset.options.get("streams")
    if not declared:
        large = data_set in SETS and SETS[data_set].size == 128
        coloured = "depth" if _channels(config) == 3 else ""
        yield (coloured or ("silhouettes_square" if large else "silhouettes"),)
        return
    for name, spec in declared.items():
        if name == "keypoints":
            many = spec["joints"] == "alphapose" or (spec["joints"], data_set) == ("any", "OUMVLP")
            yield ("keypoints_18",) if many else ("keypoints",)
        elif name == "maps":
            yield STACKED[spec["channels"]]
        elif name == "silhouettes" and "latents" in declared:
            yield ("silhouettes_96x48",)
        elif name in ("rgb", "silhouettes") and {"rgb", "silhouettes"} <= declared.keys():
            yield (f"{name}_square",)
        elif name == "rgb" and spec.get("shape", [])[-1:] == [3]:
            yield ("rgb as photographs",)
        elif name == "ratios" and spec.get("shape") == [2]:
            yield ("heights and widths",)
        else:
            yield (name,)


def _channels(config: Config) -> int:
    """Channels of a frame, where the model's backbone says them."""
    backbone = config.model_cfg.options.get("backbone_cfg") or {}
    return int(backbone.get("in_channel", 1)) if isinstance(backbone, dict) else 1
