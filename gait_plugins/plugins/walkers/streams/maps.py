"""Maps of the body on the silhouettes' pixels: parts, depth and motion."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.plugins.walkers.streams.scene import Shot

FLOW_LIMIT = 0.1
"""Statures in a frame that the flow can tell."""


def parsing(shot: Shot) -> np.ndarray:
    """The part of the body at each pixel of the silhouettes, uint8 0 to 11 ``[t, 64, 64]``."""
    parts = np.where(shot.surface.mask, shot.scene.parts[shot.surface.hull], 0).astype(np.uint8)
    aligned = shot.aligned(filled(parts, shot.surface.mask), cv2.INTER_NEAREST)
    return np.where(shot.silhouettes > 0, aligned, 0).astype(np.uint8)


def depth_metres(shot: Shot) -> np.ndarray:
    """Distance along the camera's axis at each pixel of the silhouettes, metres, float32 ``[t, 64, 64]``."""
    distance = np.float32(shot.camera.distance) - shot.surface.near
    aligned = shot.aligned(filled(distance, shot.surface.mask), cv2.INTER_NEAREST)
    metres = aligned * np.float32(shot.scene.stature)
    return np.where(shot.silhouettes > 0, metres, np.float32(0))


def depth(shot: Shot) -> np.ndarray:
    """The same in the colours from blue (far) to red (near) of each frame, uint8 ``[t, 3, 64, 64]``."""
    metres = depth_metres(shot)
    body = metres > 0
    near = np.where(body, metres, np.inf).min((1, 2), keepdims=True)
    far = metres.max((1, 2), keepdims=True)
    part = (far - metres) / np.maximum(far - near, np.float32(1e-6))
    return np.where(body[:, None], jet(np.where(body, part, 0)), 0).astype(np.uint8)


def flow(shot: Shot) -> np.ndarray:
    """Motion to the next frame at each pixel of the silhouettes, uint8 ``[t, 3, 64, 64]``.

    Right, down and length of the motion within the walker's frame, from the motion of the body itself.
    """
    moved = motion(shot)
    length = np.hypot(moved[..., :1], moved[..., 1:])
    signed = 128 + 127 * np.clip(moved / FLOW_LIMIT, -1, 1)
    coded = np.concatenate([signed, 1 + 254 * np.minimum(length / FLOW_LIMIT, 1)], 3)
    body = filled(np.rint(coded).astype(np.uint8), shot.surface.mask)
    aligned = shot.aligned(body, cv2.INTER_NEAREST).transpose(0, 3, 1, 2)
    return np.where(shot.silhouettes[:, None] > 0, aligned, 0).astype(np.uint8)


def motion(shot: Shot) -> np.ndarray:
    """Right and down of the motion to the next frame, statures ``[t, h, w, 2]`` on the surface's pixels.

    A point of a hull moves as the two ends of the hull do, in proportion to where it lies between them.
    """
    scene, hulls = shot.scene, shot.scene.walked.hulls
    places = shot.camera.place(scene.further.centres)
    steps = (places[1:] - places[:-1])[..., :2].astype(np.float32)
    places = places[:-1].astype(np.float32)
    start, end = places[:, hulls[:, 0]], places[:, hulls[:, -1]]
    frame, row, column = np.nonzero(shot.surface.mask)
    hull = shot.surface.hull[frame, row, column]
    point = shot.surface.seen()[frame, row, column]
    along = (end - start)[frame, hull]
    reach = np.einsum("mi,mi->m", point - start[frame, hull], along)
    share = np.clip(reach / np.maximum(np.einsum("mi,mi->m", along, along), 1e-9), 0, 1)[:, None]
    first, last = steps[:, hulls[:, 0]][frame, hull], steps[:, hulls[:, -1]][frame, hull]
    result = np.zeros((*shot.surface.codes.shape, 2), np.float32)
    result[frame, row, column] = first + share * (last - first)
    return result


def filled(maps: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Maps ``[t, h, w]`` or ``[t, h, w, c]`` whose background has the value of the nearest pixel of the body.

    A segmentation is ragged: it has pixels where there is no body.
    """
    result = np.empty_like(maps)
    for frame, body, out in zip(maps, mask, result, strict=True):
        _, nearest = cv2.distanceTransformWithLabels(
            (~body).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        values = np.empty((nearest.max() + 1, *frame.shape[2:]), frame.dtype)
        values[nearest[body]] = frame[body]
        out[...] = values[nearest]
    return result


def jet(part: np.ndarray) -> np.ndarray:
    """Colours of numbers 0 to 1 ``[t, h, w]`` from dark blue to dark red, uint8 RGB ``[t, 3, h, w]``."""
    centres = np.array([3.0, 2.0, 1.0], np.float32)[:, None, None]
    return np.rint(255 * np.clip(1.5 - np.abs(4 * part[:, None] - centres), 0, 1)).astype(np.uint8)
