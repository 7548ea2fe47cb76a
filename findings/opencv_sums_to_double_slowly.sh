#!/usr/bin/env bash
# Sums over the rows of a uint8 image, by cv2.reduce, to int32 and to float64.
#
# A good guess: both take about the same time; the result is a few hundred numbers, and the image is read once.
# Seen on 2026-11-28 with OpenCV 5.0.0.93 (headless) and numpy 2.4.6, Python 3.11, one thread: 240x320 take about 2
# microseconds to int32 and 65 to 230 to float64, some thirty times as long; numpy's own sum takes 27. So the grey-sum of
# a mask is worth an int32 and an int64 after it.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 opencv-python-headless==5.0.0.93
"$folder/venv/bin/python" - <<'PYTHON'
import time

import cv2
import numpy as np

cv2.setNumThreads(1)
image = np.random.default_rng(0).integers(0, 256, (240, 320)).astype(np.uint8)
seconds = {}
for name in ("CV_32S", "CV_64F"):
    best = 1.0
    for _ in range(50):
        began = time.perf_counter()
        for _ in range(10):
            sums = cv2.reduce(image, 1, cv2.REDUCE_SUM, dtype=getattr(cv2, name))
        best = min(best, (time.perf_counter() - began) / 10)
    assert (sums[:, 0] == image.sum(1)).all()
    seconds[name] = best
    print(cv2.__version__, name, f"{best * 1e6:.1f} microseconds")
assert seconds["CV_64F"] > 10 * seconds["CV_32S"], f"the behaviour has changed: {seconds}"
PYTHON
