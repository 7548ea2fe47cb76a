#!/usr/bin/env bash
# MediaPipe's pose_landmark_full.tflite, which has five outputs (joints, presence, mask, heat maps, joints in metres), read
# by OpenCV 5 with the engine that it takes by itself, and with the classic one.
#
# A good guess: the outputs are those of the model, whichever engine runs it.
# Seen on 2026-11-28 with opencv-python-headless 5.0.0.93 and 4.12.0.88, Python 3.11: by itself OpenCV 5 tells one output,
# the presence, and the mask and the joints cannot be had. With cv2.dnn.ENGINE_CLASSIC there are all five, as in OpenCV 4,
# which has that engine alone and takes no number of it. There is no warning.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --dest "$folder" mediapipe==0.10.21
cat > "$folder/outputs.py" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np

folder = Path(sys.argv[1])
[wheel] = folder.glob("mediapipe-*.whl")
model = folder / "pose.tflite"
model.write_bytes(zipfile.ZipFile(wheel).read("mediapipe/modules/pose_landmark/pose_landmark_full.tflite"))
found = {}
for name in ("by itself", "classic"):
    if name == "classic" and not hasattr(cv2.dnn, "ENGINE_CLASSIC"):
        continue
    net = cv2.dnn.readNetFromTFLite(str(model), *([cv2.dnn.ENGINE_CLASSIC] if name == "classic" else []))
    net.setInput(np.full((1, 3, 256, 256), 0.5, np.float32))
    names = net.getUnconnectedOutLayersNames()
    found[name] = len(names)
    print("OpenCV", cv2.__version__, name, {n: list(o.shape) for n, o in zip(names, net.forward(names))})
expected = {"by itself": 5} if cv2.__version__.startswith("4.") else {"by itself": 1, "classic": 5}
sys.exit(0 if found == expected else f"the behaviour has changed: {found}")
PYTHON
for release in 4.12.0.88 5.0.0.93; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opencv-python-headless==$release" "numpy<2.3"
    "$folder/venv/bin/python" "$folder/outputs.py" "$folder"
done
