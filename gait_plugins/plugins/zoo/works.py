"""Published works of this plugin: weights and their licence, figures, and what of them was seen here."""

from __future__ import annotations

from typing import Any

from gait_plugins.api import PublishedWork

_OPENGAIT = "OpenGait: huggingface.co/opengait/OpenGait"
_ACADEMIC = "OpenGait's README: academic purposes only"
_ZOO = "OpenGait's model zoo"
_NOISE = "keys and outputs of the published code within rounding"

_ON_LABELS_TOO: dict[str, Any] = {
    "streams": ("silhouettes", "parsing"),
    "weights": f"{_OPENGAIT}, Gait3D-Benchmark",
    "licence": f"{_ACADEMIC}; Gait3D-Benchmark: none stated",
    "published": f"{_ZOO}; on labels of body parts Gait3D-Benchmark's model zoo",
}

WORKS = {
    "GaitBase": PublishedWork(
        "Fan et al., CVPR 2023",
        models=("Baseline",),
        configurations=("gaitbase/",),
        **_ON_LABELS_TOO,
        seen=f"{_NOISE}; walkers/gaitbase: NM 75.0, BG 68.0, CL 63.2",
    ),
    "GEI": PublishedWork(
        "Han and Bhanu, TPAMI 2006",
        models=("GEI",),
        streams=("silhouettes",),
        configurations=(),
        weights="none",
        licence="nothing is learnt",
        published="none on these data sets",
        seen="walkers/gei: NM 40.8, BG 33.5, CL 27.1",
    ),
    "DeepGaitV2": PublishedWork(
        "Fan et al., arXiv 2303.03301",
        models=("DeepGaitV2",),
        streams=("silhouettes",),
        configurations=("deepgaitv2/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published=_ZOO,
        seen=_NOISE,
    ),
    "SwinGait": PublishedWork(
        "Fan et al., arXiv 2303.03301",
        models=("SwinGait",),
        streams=("silhouettes",),
        configurations=("swingait/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published=_ZOO,
        seen=_NOISE,
        needs="those of a DeepGaitV2 that was trained on the same data set",
    ),
    "GaitSSB": PublishedWork(
        "Fan et al., TPAMI 2023",
        models=("GaitSSB_Pretrain", "GaitSSB_Finetune"),
        streams=("silhouettes",),
        configurations=("gaitssb/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published="in the paper, on GaitLU-1M, CASIA-B, OU-MVLP, GREW and Gait3D",
        seen="keys of the published code",
        needs="for fine-tuning those of its own pretraining",
    ),
    "GaitSet": PublishedWork(
        "Chao et al., AAAI 2019",
        models=("GaitSet",),
        configurations=("gaitset/",),
        **_ON_LABELS_TOO,
        seen=_NOISE,
    ),
    "GaitPart": PublishedWork(
        "Fan et al., CVPR 2020",
        models=("GaitPart",),
        configurations=("gaitpart/",),
        **_ON_LABELS_TOO,
        seen=_NOISE,
    ),
    "GaitGL": PublishedWork(
        "Lin et al., ICCV 2021",
        models=("GaitGL",),
        configurations=("gaitgl/",),
        **_ON_LABELS_TOO,
        seen=_NOISE,
    ),
    "GLN": PublishedWork(
        "Hou et al., ECCV 2020",
        models=("GLN",),
        configurations=("gln/",),
        **_ON_LABELS_TOO,
        seen=_NOISE,
        needs="for the second phase those of the first",
    ),
    "SkeletonGait": PublishedWork(
        "Fan et al., AAAI 2024",
        models=("DeepGaitV2",),
        streams=("skeleton_maps",),
        configurations=("skeletongait/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published=_ZOO,
        seen=f"{_NOISE}; walkers/skeletongait: NM 91.8, BG 91.9, CL 90.0",
    ),
    "SkeletonGait++": PublishedWork(
        "Fan et al., AAAI 2024",
        models=("SkeletonGaitPP",),
        streams=("skeleton_maps", "silhouettes"),
        configurations=("skeletongaitpp/",),
        weights=_OPENGAIT,
        licence=_ACADEMIC,
        published=f"{_ZOO}; another table of its authors gives 81.33 for SUSTech1K",
        seen=f"{_NOISE}; walkers/skeletongaitpp: NM 95.1, BG 92.9, CL 90.3",
    ),
    "MultiGait++": PublishedWork(
        "Jin et al., AAAI 2025",
        models=("MultiGaitpp",),
        streams=("silhouettes", "parsing", "flow"),
        configurations=("multigaitpp/",),
        weights="none that OpenGait names",
        licence="no weights",
        published="in the paper alone (arXiv 2412.11495), on Gait3D, GREW, CCPG and SUSTech1K",
        seen=_NOISE,
    ),
    "ScoNet": PublishedWork(
        "Zhou et al., MICCAI 2024",
        models=("ScoNet",),
        streams=("silhouettes",),
        configurations=("sconet/",),
        weights="none that OpenGait names",
        licence="no weights",
        published="arXiv 2407.05726, Scoliosis1K: accuracy 82.0, specificity 76.5 (ScoNet-MT)",
        seen=_NOISE,
    ),
}
