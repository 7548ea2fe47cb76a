#!/usr/bin/env bash
# A BMP of 8 bits a pixel whose palette holds black and white and nothing else.
#
# A good guess: Pillow reads what it has written; the image comes back with the same pixels, as OpenCV reads it.
# Seen on 2026-11-28 with Pillow 13.0.0 and OpenCV 5.0.0.93 (headless), Python 3.11: Pillow writes the file with 8 bits a
# pixel and two colours, and reads it as mode "1", taking each byte for eight pixels: other pixels, and no error.
# OpenCV reads the file right. With a third colour in the palette Pillow reads it right too.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6 \
    opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np
import PIL
from PIL import Image

print("Pillow", PIL.__version__, "OpenCV", cv2.__version__)
written = np.array([[0, 1, 1, 0, 1, 0, 0, 1]] * 4, np.uint8)
seen = {}
for colours in ([0, 0, 0, 255, 255, 255], [0, 0, 0, 255, 255, 255, 255, 0, 0]):
    image = Image.fromarray(written)
    image.putpalette(colours)
    image.save("mask.bmp")
    bits = int.from_bytes(open("mask.bmp", "rb").read()[28:30], "little")
    by_opencv = (cv2.imread("mask.bmp", cv2.IMREAD_GRAYSCALE) == written * 255).all()
    with Image.open("mask.bmp") as found:
        by_pillow = (np.asarray(found.convert("L")) == written * 255).all()
        print(f"{len(colours) // 3} colours, {bits} bits: mode {found.mode}, Pillow {by_pillow}, OpenCV {by_opencv}")
        seen[len(colours) // 3] = (bits, found.mode, bool(by_pillow), bool(by_opencv))
assert seen == {2: (8, "1", False, True), 3: (8, "P", True, True)}, f"the behaviour has changed: {seen}"
PYTHON
