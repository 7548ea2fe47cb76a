#!/usr/bin/env bash
# The histogram of one channel of a uint8 picture, as trackers keep it of each person's clothes, by OpenCV 4 and 5.
#
# A good guess: [bins, 1] in both, as code that reads hist[:, 0] expects.
# Seen on 2026-11-28 with opencv-python-headless 4.12.0.88 and 5.0.0.93, Python 3.11: OpenCV 4 gives [8, 1], OpenCV 5 [8].
# hist[:, 0] fails, and a product of two such histograms is another one: [8, 1] * [8] is [8, 8]. hist.ravel() serves both.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat > "$folder/histogram.py" <<'PYTHON'
import sys

import cv2
import numpy as np

clothes = np.arange(64, dtype=np.uint8).reshape(8, 8)
found = cv2.calcHist([clothes], [0], None, [8], [0, 256])
print("OpenCV", cv2.__version__, "shape", found.shape, "values", found.ravel().astype(int).tolist())
expected = (8, 1) if cv2.__version__.startswith("4.") else (8,)
sys.exit(0 if found.shape == expected else "the behaviour has changed")
PYTHON
for release in 4.12.0.88 5.0.0.93; do
    python3 -m venv --clear "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opencv-python-headless==$release" "numpy<2.5"
    "$folder/venv/bin/python" "$folder/histogram.py"
done
