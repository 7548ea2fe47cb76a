"""Bodies: gait from the labels of body parts (ParsingGait) and from parameters of a body model (SMPLGait)."""

from __future__ import annotations

from typing import Any

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1
_HERE = "gait_plugins.plugins.bodies"


@hookimpl
def gait_models() -> Contribution:
    return {
        "ParsingGait": f"{_HERE}.parsinggait:ParsingGait",
        "SMPLGait": f"{_HERE}.smplgait:SMPLGait",
    }


@hookimpl
def gait_transforms() -> Contribution:
    return {"BaseParsingCuttingTransform": f"{_HERE}.labels:BaseParsingCuttingTransform"}


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """Frames that are cut as labels are labels: OpenGait's files do not say which of their files are."""
    from gait_plugins.plugins.bodies.config_compat import name_parsing

    name_parsing(config)
