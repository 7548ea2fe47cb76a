"""Settings of OpenGait's files of these models: what its code implies, and what has no effect."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

RECOGNISER = ("conv3d", "LTA", "GLConvA0", "GLConvA1", "GLConvB2", "HPP", "Head0", "Bn", "Head1")
"""Parts of GaitGL with weights, as for CASIA-B."""


def name_recogniser(config: MutableMapping[str, Any]) -> None:
    """Write down that GaitEdge's section ``GaitGL`` is of GaitGL, in place."""
    model = _model(config, "GaitEdge")
    if isinstance(model.get("GaitGL"), MutableMapping):
        model["GaitGL"].setdefault("model", "GaitGL")


def start_from_both(config: MutableMapping[str, Any]) -> None:
    """Turn GaitEdge's ``restore_hint: [segmentation, GaitGL]`` into ``trainer_cfg.init``, in place.

    OpenGait reads both files one after the other and takes what fits.
    """
    trainer = config.get("trainer_cfg")
    if not _model(config, "GaitEdge") or not isinstance(trainer, MutableMapping):
        return
    files = trainer.get("restore_hint")
    if not isinstance(files, list) or len(files) != 2 or not all(isinstance(file, str) for file in files):
        return
    segmentation, recogniser = files
    trainer["restore_hint"] = 0
    if trainer.get("init") is None:
        trainer["init"] = {"Backbone": segmentation, **dict.fromkeys(RECOGNISER, recogniser)}


def set_input_aside(config: MutableMapping[str, Any]) -> None:
    """Move ``backbone_cfg.in_channel`` of DenoisingGait, which has no effect, to where that is told."""
    model = _model(config, "DenoisingGait")
    backbone = model.get("backbone_cfg")
    if (
        isinstance(backbone, MutableMapping)
        and isinstance(model, MutableMapping)
        and "in_channel" in backbone
    ):
        model["in_channel"] = backbone.pop("in_channel")


def _model(config: Mapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """The model's section where it is of this model and not of a checkout; an empty one elsewhere."""
    found = config.get("model_cfg")
    if not isinstance(found, MutableMapping):
        return {}
    package, _, called = str(found.get("model")).rpartition("/")
    return found if called == name and package != "opengait" else {}
