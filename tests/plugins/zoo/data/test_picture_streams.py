"""Streams of pictures: what a data check says of them."""

from __future__ import annotations

import numpy as np
import pytest

from gait_plugins.api import Stream
from gait_plugins.api.report import FindingLog
from gait_plugins.plugins.zoo.data.streams import Maps, SkeletonMaps


@pytest.mark.parametrize("stream", [Maps(2), SkeletonMaps()])
def test_a_data_check_tells_of_black_frames_and_of_channels_that_are_not_grey_values(stream: Stream):
    maps = np.full((5, 2, 8, 8), 255, np.uint8)
    log = FindingLog()
    stream.examine(maps, "fine", log)
    assert log.findings() == ()
    maps[1] = 0
    maps[:, 1] //= 255
    stream.examine(maps, "masks", log)
    assert [finding.examples for finding in log.findings()] == [
        ("masks (1 of 5 frames)",),
        ("masks (channel 1: brightest value 1)",),
    ]
