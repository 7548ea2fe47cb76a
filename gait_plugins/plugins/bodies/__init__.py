"""Bodies: gait from the labels of body parts (ParsingGait) and from parameters of a body model (SMPLGait)."""

from __future__ import annotations

from typing import Any

from gait_plugins.api import PublishedWork
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


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    opengait = "OpenGait: huggingface.co/opengait/OpenGait"
    academic = "OpenGait's README: academic purposes only"
    zoo = "OpenGait's model zoo"
    exact = "keys and outputs of the published code within rounding"
    return {
        "ParsingGait": PublishedWork(
            "Zheng et al., ACM MM 2023",
            models=("ParsingGait",),
            streams=("parsing",),
            configurations=("parsinggait/",),
            weights="Gait3D-Benchmark",
            licence="none stated",
            published="Gait3D-Benchmark's model zoo",
            seen=f"{exact}; walkers/parsinggait: NM 80.3, BG 71.7, CL 70.8",
        ),
        "SMPLGait": PublishedWork(
            "Zheng et al., CVPR 2022",
            models=("SMPLGait",),
            streams=("silhouettes", "parsing", "smpl"),
            configurations=("smplgait/",),
            weights=f"{opengait}, Gait3D-Benchmark",
            licence=f"{academic}; Gait3D-Benchmark: none stated",
            published=f"{zoo}; on labels of body parts Gait3D-Benchmark's model zoo",
            seen=exact,
        ),
    }
