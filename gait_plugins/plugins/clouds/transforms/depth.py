"""The transform of clouds to the depth images that LidarGait takes."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import Ragged, Stream, Transform
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.clouds.transforms.frames import cloud_example, require_clouds
from gait_plugins.prepare.clouds.projection import depth_image


class DepthImages(Transform):
    """Project each cloud to a depth image, uint8 ``[3, 64, 64]``: from blue (far) to red (near) on black.

    What ``gait-plugins data prepare --to depth`` makes once, made anew for each batch. Clouds are as the
    scanner has them, in metres and whole; the transform of images (``BaseSilTransform``) comes after it.

    Args:
        size: height and width of the images.
    """

    def __init__(self, size: int = 64) -> None:
        if isinstance(size, bool) or size < 8:
            raise ConfigError(
                f"size of DepthImages is {size!r}, expected pixels, at least 8", where="DepthImages"
            )
        self.size = size

    def __call__(self, sequence: np.ndarray | Ragged, rng: np.random.Generator) -> np.ndarray:
        return np.stack([depth_image(cloud, self.size) for cloud in require_clouds("DepthImages", sequence)])

    def becomes(self, stream: Stream) -> Stream | None:
        """Pictures of three channels."""
        if len(stream.shape) != 2:
            raise ConfigError(
                f"DepthImages takes clouds [m, 3], the stream {stream.name!r} has frames {stream.described}",
                where="DepthImages",
                hint="leave it out where the files hold depth images",
            )
        return stream.changed(shape=(3, self.size, self.size), dtype="uint8", low=0, high=255)

    def example_stream(self) -> Stream:
        return cloud_example()
