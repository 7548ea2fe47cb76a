#!/usr/bin/env bash
# All 256 greys of a uint8 image, saved by matplotlib's imsave with the colour map "gray" from 0 to 255.
#
# A good guess: grey k is written as grey k, since the map has 256 steps.
# Seen on 2026-11-28 with matplotlib 3.11.2, numpy 2.4.6 and OpenCV 5.0.0.93 (headless), Python 3.11: 24 greys, 33 the
# first and 244 the last, come back one darker. The map holds k / 255, and bytes are made by * 255 without rounding, in
# imsave, in imshow and in cm.gray(k, bytes=True). Skeleton maps that are made by cm.gray(x)[..., :3] * 255 lack these
# greys too, so that weights trained on them have never seen one.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 matplotlib==3.11.2 \
    opencv-python-headless==5.0.0.93
cd "$folder"
MPLBACKEND=Agg "$folder/venv/bin/python" - <<'PYTHON'
import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cm

greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
plt.imsave("greys.png", greys, cmap="gray", vmin=0, vmax=255)
seen = {
    "imsave": cv2.imread("greys.png", cv2.IMREAD_GRAYSCALE),
    "bytes=True": cm.gray(greys, bytes=True)[..., 0],
    "* 255": (cm.gray(greys)[..., 0] * 255).astype(np.uint8),
}
for name, found in seen.items():
    lost = np.flatnonzero(found != greys)
    print("matplotlib", matplotlib.__version__, name, len(lost), "greys differ:", *lost[:4], "to", *lost[-1:])
    assert len(lost) == 24, f"the behaviour has changed: {len(lost)}"
    assert (greys.ravel()[lost] - found.ravel()[lost] == 1).all(), "the behaviour has changed"
PYTHON
