"""Model cards: what published weights are, in Markdown under a YAML header, as the Hub reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
import yaml

from gait_plugins.core.checkpoints.trust import synthetic_sets
from gait_plugins.core.publish.source import Publishable
from gait_plugins.registry.components import BUILT_IN
from gait_plugins.version import __version__

WEIGHTS, CONFIG, CARD, FIGURES = "model.safetensors", "config.yaml", "README.md", "results.json"
"""The files of a publication."""
_TASK = "image-feature-extraction"
"""The Hub's name for what comes nearest."""


class About(NamedTuple):
    """What is said of a publication beside what its files tell."""

    repository: str
    licence: str
    sha256: str
    bytes: int
    shortened: tuple[str, ...]
    """Settings that held the path of a folder here, and hold its name now."""


def model_card(source: Publishable, about: About) -> str:
    """The card of a publication."""
    header = yaml.safe_dump(_header(source, about), sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n" + "\n".join(_lines(source, about)) + "\n"


def _header(source: Publishable, about: About) -> dict[str, Any]:
    config = source.config
    tags = ["gait-recognition", "gait-plugins", _model(source).rpartition("/")[2]]
    tags += ["synthetic-people"] * bool(synthetic_sets(config.data))
    found: dict[str, Any] = {
        "license": about.licence,
        "library_name": BUILT_IN,
        "pipeline_tag": _TASK,
        "tags": list(dict.fromkeys(tags)),
    }
    results = [_index_entry(each) for each in source.results if _numbers(each)]
    if results:
        found["model-index"] = [{"name": about.repository.rpartition("/")[2], "results": results}]
    return found


def _index_entry(results: Mapping[str, Any]) -> dict[str, Any]:
    name = _dataset(results)
    return {
        "task": {"type": _TASK, "name": "gait recognition"},
        "dataset": {"name": name, "type": "-".join(name.lower().split())},
        "metrics": [
            {"type": key, "name": key, "value": round(value, 4)} for key, value in _numbers(results).items()
        ],
    }


def _lines(source: Publishable, about: About) -> Iterator[str]:
    config, checkpoint = source.config, source.checkpoint
    yield from (f"# {about.repository.rpartition('/')[2]}", "")
    yield f"Weights for gait recognition, made with {BUILT_IN} {__version__}."
    made_up = synthetic_sets(config.data)
    if made_up:
        yield from (
            "",
            f"**Trained on synthetic people ({', '.join(made_up)}).** How well the model tells real",
        )
        yield "people apart is not known."
    yield from ("", "| | |", "|---|---|")
    rows = {
        "Model": _model(source),
        "Trained on": config.data_cfg.dataset_name,
        "Iterations": checkpoint.get("iteration", "unknown"),
        "Weights": f"`{WEIGHTS}`, {about.bytes} bytes",
        "SHA-256": f"`{about.sha256}`",
        "Configuration": f"`{CONFIG}`",
        "Licence": about.licence,
        "Versions": ", ".join(_versions(checkpoint)),
    }
    yield from (f"| {title} | {_cell(row)} |" for title, row in rows.items())
    yield from ("", "## Figures", "", *_figures(source))
    yield from ("", "## Use", "", *_use(about))


def _figures(source: Publishable) -> Iterator[str]:
    if not source.results:
        yield "None were published with these weights."
        return
    for number, each in enumerate(source.results):
        if number:
            yield ""
        rule = each.get("scored_as")
        scored = f", scored as {rule}" if rule and rule != each.get("dataset") else ""
        counts = f"{each.get('probes')} probes, {each.get('gallery')} gallery sequences"
        yield f"{_dataset(each)}{scored}, by {each.get('protocol')}: {counts}."
        yield from ("", "| Figure | Value |", "|---|---|")
        yield from (f"| {_cell(key)} | {value:.2f} |" for key, value in _numbers(each).items())
        notes = each.get("notes") or []
        yield from (line for note in notes for line in ("", f"Note: {note}"))


def _use(about: About) -> Iterator[str]:
    yield from (
        "```sh",
        f"hf download {about.repository} {WEIGHTS} {CONFIG} --local-dir weights",
        f"gait-plugins embed weights/{CONFIG} DATA --checkpoint weights/{WEIGHTS} -O embeddings.npz",
        "```",
        "",
        f"This needs {BUILT_IN} and huggingface_hub. DATA is a folder of silhouettes, or sequence",
        "files. `gait-plugins test` scores the weights, on the data in `-o data_cfg.dataset_root=DIR`.",
    )
    if about.shortened:
        yield from ("", f"Set to your own folders: {', '.join(f'`{key}`' for key in about.shortened)}.")


def _model(source: Publishable) -> str:
    """The name of the model; of one in a file without its folder."""
    name = source.config.model_cfg.name
    return name.rpartition("/")[2] if ".py:" in name else name


def _versions(checkpoint: Mapping[str, Any]) -> Iterator[str]:
    yield f"torch {torch.__version__.partition('+')[0]}"
    origins = checkpoint.get("plugins", {}).values()
    found = {
        str(o["distribution"]): str(o.get("version"))
        for o in origins
        if isinstance(o, Mapping) and "distribution" in o
    }
    yield from (f"{name} {version}" for name, version in sorted(found.items()))


def _dataset(results: Mapping[str, Any]) -> str:
    return str(results.get("dataset") or "unknown data set")


def _numbers(results: Mapping[str, Any]) -> dict[str, float]:
    found = results["metrics"].items()
    return {str(k): float(v) for k, v in found if isinstance(v, int | float) and not isinstance(v, bool)}


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
