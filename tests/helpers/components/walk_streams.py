"""The example plugin of several streams, imported from where it lies, and its batches."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gait_plugins.api import FrameSampler, JointTransform, SequenceIndex
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.core.data.streams import take
from helpers.places import ROOT

SOURCES = ROOT / "examples" / "streams_plugin"
if str(SOURCES) not in sys.path:
    sys.path.append(str(SOURCES))

from walk_streams.components import CLOUD, JOINTS, PICTURES, MirrorWalk, StickWalks, ThreeStreams  # noqa: E402

from helpers.components.tiny import Draw  # noqa: E402

__all__ = [
    "CLOUD",
    "JOINTS",
    "PICTURES",
    "SOURCES",
    "MirrorWalk",
    "StickWalks",
    "ThreeStreams",
    "stick_batches",
]


def stick_batches(
    frames: FrameSampler, joint: Sequence[JointTransform] = (MirrorWalk(),), size: int = 6
) -> BatchMaker:
    """What makes batches of the example's walks for its model."""
    walks = StickWalks()
    taken = take(walks.streams(), ThreeStreams.streams, {})
    index = SequenceIndex(walks.sequences("train"))
    return BatchMaker(walks, index, Draw(size), frames, [None] * 3, joint=joint, taken=taken)
