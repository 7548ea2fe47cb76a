"""The stream that models of point clouds take: clouds of unequal sizes, or all of one size."""

from __future__ import annotations

from gait_plugins.api import Stream


class CloudFrames(Stream):
    """Point clouds after a model's transforms, ragged or of one size.

    Args:
        columns: of a point: x, y, z, and 4 with its height above the ground.
    """

    def __init__(self, columns: int) -> None:
        about = (
            "expected are normalised x, y, z and the height in metres, after PointCloudsTransform with "
            "scale_aware: true"
            if columns == 4
            else "expected are normalised x, y, z, after PointCloudsTransform without scale_aware"
        )
        super().__init__("points", (None, columns), "float32", about=about)

    def misfit(self, given: Stream) -> str | None:
        """As of any stream; a cloud of a fixed number of points is one too."""
        if len(given.shape) == 2 and not given.ragged:
            given = given.changed(shape=(None, given.shape[1]))
        return super().misfit(given)
