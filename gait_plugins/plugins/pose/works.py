"""Published works of this plugin: weights and their licence, figures, and what of them was seen here."""

from __future__ import annotations

from gait_plugins.api import PublishedWork

_OPENGAIT = "OpenGait: huggingface.co/opengait/OpenGait"
_ACADEMIC = "OpenGait's README: academic purposes only"
_NOISE = "keys, outputs and losses of the published code within rounding"

WORKS = {
    "GaitGraph": PublishedWork(
        "Teepe et al., ICIP 2021",
        models=("GaitGraph1",),
        streams=("keypoints",),
        configurations=("gaitgraph1/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published="OpenGait's table of pose models",
        seen=_NOISE,
    ),
    "GaitGraph2": PublishedWork(
        "Teepe et al., CVPRW 2022",
        models=("GaitGraph2",),
        streams=("keypoints",),
        configurations=("gaitgraph2/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published="OpenGait's table of pose models",
        seen=f"{_NOISE}; walkers/gaitgraph2: NM 73.5, BG 71.1, CL 67.9",
    ),
    "GaitTR": PublishedWork(
        "Zhang et al., arXiv 2204.03873",
        models=("GaitTR",),
        streams=("keypoints",),
        configurations=("gaittr/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published="OpenGait's table of pose models",
        seen=f"{_NOISE}; walkers/gaittr: NM 84.4, BG 81.8, CL 78.9",
    ),
    "MSGG": PublishedWork(
        "Peng et al., 2022",
        models=("MultiScaleGaitGraph",),
        streams=("keypoints",),
        configurations=("msgg/",),
        weights="none that OpenGait names",
        licence="no weights",
        published="in the paper alone; OpenGait gives no figure",
        seen=_NOISE,
    ),
}
