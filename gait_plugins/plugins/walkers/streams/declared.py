"""Declarations of the walkers' streams: what each one's frames are, and which function makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gait_plugins.api import SILHOUETTES
from gait_plugins.api.stream import Axis, Stream
from gait_plugins.io.ragged import Frames
from gait_plugins.plugins.walkers.streams import keypoints, maps, points, rgb, smpl
from gait_plugins.plugins.walkers.streams.scene import SCANS, Shot

Make = Callable[[Shot], Frames]


@dataclass(frozen=True)
class Kind:
    """A stream that the walkers can give."""

    stream: Stream
    make: Make
    version: int = 1
    """To be raised with every change of what is made; older caches are then left aside."""


def _grey(
    name: str, shape: tuple[Axis, ...], make: Make, about: str, high: int = 255, version: int = 1
) -> Kind:
    return Kind(Stream(name, shape, low=0, high=high, about=about), make, version)


def _real(
    name: str,
    shape: tuple[Axis, ...],
    make: Make,
    about: str,
    low: float | None = None,
    clock: float | None = None,
) -> Kind:
    return Kind(Stream(name, shape, "float32", low=low, clock=clock, about=about), make)


_MASK = "0 for the background and 255 for the person"
_FOUND = (
    "pixels of a camera image with 480 rows: right, down, confidence; a joint that was not found is 0, and "
    "so is all of a frame in which nobody was"
)
_ALIGNED = "on the pixels of the aligned silhouettes, 0 for the background"

_KINDS = (
    Kind(SILHOUETTES.changed(shape=(64, 64)), lambda shot: shot.silhouettes),
    _real("keypoints", (17, 3), keypoints.keypoints, f"17 joints in COCO's order, {_FOUND}"),
    _real("keypoints_18", (18, 3), keypoints.keypoints_18, f"18 joints in OpenPose's order, {_FOUND}"),
    _grey(
        *("skeleton_maps", (2, 64, 64), keypoints.skeleton_maps),
        "soft images of the keypoints: limbs, joints",
        version=2,
    ),
    _grey(
        *("parsing", (64, 64), maps.parsing),
        "1 head, 2 torso, 3 left and 4 right arm, 5 and 6 hands, 7 and 8 legs, 9 and 10 feet, 11 dress, "
        + _ALIGNED,
        high=11,
    ),
    _grey(
        *("depth", (3, 64, 64), maps.depth),
        f"RGB from blue (the farthest point of the frame) to red (the nearest), {_ALIGNED}",
    ),
    _real(
        *("depth_metres", (64, 64), maps.depth_metres),
        f"metres along the camera's axis, {_ALIGNED}",
        low=0,
    ),
    _real(
        *("points", (None, 3), points.points),
        "x, y, z in metres from a laser scanner beside the camera; z is up, the person passes where x is "
        "negative",
        clock=SCANS,
    ),
    _real(
        *("smpl", (85,), smpl.smpl),
        "camera 3 (scale, shift in metres), pose 72 (axis-angle of 24 joints, radians), shape 10; made "
        "without the model's mesh",
    ),
    _grey("rgb", (3, 256, 128), rgb.rgb, "RGB, the person from the first row to the last, in proportion"),
    _grey("rgb_square", (3, 128, 128), rgb.rgb_square, "RGB, the person's box squeezed to a square"),
    _grey(
        *("silhouettes_square", (128, 128), rgb.silhouettes_square),
        f"{_MASK}, on the pixels of rgb_square",
    ),
    _real("ratios", (), rgb.ratios, "width by height of the box that rgb_square was cut from", low=0),
    _grey(
        *("flow", (3, 64, 64), maps.flow),
        "motion to the next frame: right and down (128 stands still, 127 more are a tenth of the person's "
        f"height) and its length (1 to 255), {_ALIGNED}",
    ),
    _real(
        *("latents", (4, 96, 48), rgb.latents),
        "a stand-in that no diffusion model made: mixtures of the picture's colours",
    ),
    _grey("silhouettes_96x48", (96, 48), rgb.silhouettes_96x48, f"{_MASK}, on the pixels of the latents"),
)

KINDS = {kind.stream.name: kind for kind in _KINDS}
"""Name of a stream -> how it is made."""


def declared(names: list[str], rate: float) -> tuple[Stream, ...]:
    """The streams of these names with their clocks: the camera's are in step with the first of them."""
    leader = next((name for name in names if KINDS[name].stream.clock is None), "")
    return tuple(
        stream if stream.clock else stream.changed(clock=rate if stream.name == leader else leader)
        for stream in (KINDS[name].stream for name in names)
    )
