"""Declarations of the walkers' streams: what each one's frames are, and which function makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gait_plugins.api.stream import Stream
from gait_plugins.io.ragged import Frames
from gait_plugins.plugins.walkers.streams import keypoints, maps, points, rgb, skeleton_maps, smpl
from gait_plugins.plugins.walkers.streams.scene import SCANS, Shot

Make = Callable[[Shot], Frames]


@dataclass(frozen=True)
class Kind:
    """A stream that the walkers can give."""

    stream: Stream
    make: Make
    version: int = 1
    """To be raised with every change of what is made; older caches are then left aside."""


_SILHOUETTES = Stream(
    *("silhouettes", (64, 64), "uint8", 0, 255), about="0 for the background and 255 for the person"
)
_KEYPOINTS = (
    "pixels of a camera image with 480 rows: right, down, confidence; a joint that was not found is 0, and "
    "so is a frame in which nobody was found"
)
_ALIGNED = "on the pixels of the aligned silhouettes, 0 for the background"

KINDS = {
    kind.stream.name: kind
    for kind in (
        Kind(_SILHOUETTES, lambda shot: shot.silhouettes),
        Kind(
            Stream("keypoints", (17, 3), "float32", about=f"17 joints in COCO's order, {_KEYPOINTS}"),
            keypoints.keypoints,
        ),
        Kind(
            Stream("keypoints_18", (18, 3), "float32", about=f"18 joints in OpenPose's order, {_KEYPOINTS}"),
            keypoints.keypoints_18,
        ),
        Kind(
            Stream(
                *("skeleton_maps", (2, 64, 64), "uint8", 0, 255),
                about="soft images of the keypoints: limbs, joints",
            ),
            skeleton_maps.skeleton_maps,
        ),
        Kind(
            Stream(
                *("parsing", (64, 64), "uint8", 0, 11),
                about="1 head, 2 torso, 3 left and 4 right arm, 5 and 6 hands, 7 and 8 legs, 9 and 10 feet, "
                f"11 dress, {_ALIGNED}",
            ),
            maps.parsing,
        ),
        Kind(
            Stream(
                *("depth", (3, 64, 64), "uint8", 0, 255),
                about=f"colours from blue (the farthest point of the frame) to red (the nearest), {_ALIGNED}",
            ),
            maps.depth,
        ),
        Kind(
            Stream(
                *("depth_metres", (64, 64), "float32", 0),
                about=f"metres along the camera's axis, {_ALIGNED}",
            ),
            maps.depth_metres,
        ),
        Kind(
            Stream(
                *("points", (None, 3), "float32"),
                clock=SCANS,
                about="x, y, z in metres from a laser scanner beside the camera; z is up, the person where x "
                "is negative",
            ),
            points.points,
        ),
        Kind(
            Stream(
                *("smpl", (85,), "float32"),
                about="camera 3 (scale, shift in metres), pose 72 (axis-angle of 24 joints, radians), shape "
                "10; made without the model's mesh",
            ),
            smpl.smpl,
        ),
        Kind(
            Stream(
                *("rgb", (3, 256, 128), "uint8", 0, 255),
                about="RGB, the person from the first row to the last, in proportion",
            ),
            rgb.rgb,
        ),
        Kind(
            Stream(
                *("rgb_square", (3, 128, 128), "uint8", 0, 255),
                about="RGB, the person's box squeezed to a square",
            ),
            rgb.rgb_square,
        ),
        Kind(
            Stream(
                *("silhouettes_square", (128, 128), "uint8", 0, 255),
                about="0 for the background and 255 for the person, on the pixels of rgb_square",
            ),
            rgb.silhouettes_square,
        ),
        Kind(
            Stream(
                "ratios", (), "float32", 0, about="width by height of the box that rgb_square was cut from"
            ),
            rgb.ratios,
        ),
        Kind(
            Stream(
                *("flow", (3, 64, 64), "uint8", 0, 255),
                about="motion to the next frame: right and down (128 stands still, 127 more are a tenth of the "
                f"person's height) and its length (1 to 255), {_ALIGNED}",
            ),
            maps.flow,
        ),
        Kind(
            Stream(
                *("latents", (4, 96, 48), "float32"),
                about="a stand-in that no diffusion model made: mixtures of the picture's colours",
            ),
            rgb.latents,
        ),
        Kind(
            Stream(
                *("silhouettes_96x48", (96, 48), "uint8", 0, 255),
                about="0 for the background and 255 for the person, on the pixels of the latents",
            ),
            rgb.silhouettes_96x48,
        ),
    )
}
"""Name of a stream -> how it is made."""


def declared(names: list[str], rate: float) -> tuple[Stream, ...]:
    """The streams of these names with their clocks: the camera's are in step with the first of them."""
    leader = next((name for name in names if KINDS[name].stream.clock is None), "")
    return tuple(
        stream if stream.clock else stream.at(rate if stream.name == leader else leader)
        for stream in (KINDS[name].stream for name in names)
    )
