"""Small data sets in the layouts of SYSU-MM01, RegDB and LLCM."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def image(path: Path, seed: int) -> None:
    """A random image file, of a size of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    cv2.imwrite(str(path), rng.integers(1, 256, (20 + seed % 7, 10 + seed % 5, 3), dtype=np.uint8))


def sysu_files(folder: Path) -> str:
    """Five identities, two images by each camera."""
    for number, identity in enumerate(("0001", "0002", "0005", "0006", "0010")):
        for camera in range(1, 7):
            for shot in (1, 2):
                image(folder / f"cam{camera}" / identity / f"{shot:04d}.png", 100 * number + camera + shot)
    (folder / "exp").mkdir()
    for name, listed in (("train", "1,5"), ("val", "2"), ("test", "6,10")):
        (folder / "exp" / f"{name}_id.txt").write_text(listed + "\n")
    return str(folder)


def sysu_arrays(root: str) -> str:
    """The arrays of a preprocessing beside the folders."""
    rng = np.random.default_rng(0)
    for name, labels in (("rgb", [0, 0, 1, 1, 2, 2]), ("ir", [0, 1, 1, 2])):
        images = rng.integers(0, 256, (len(labels), 24, 12, 3), dtype=np.uint8)
        np.save(Path(root) / f"train_{name}_resized_img192.npy", images)
        np.save(Path(root) / f"train_{name}_resized_label192.npy", np.array(labels))
    return root


def regdb_files(folder: Path) -> str:
    """Four identities, three images in each modality, two splits."""
    (folder / "idx").mkdir(parents=True)
    for split, order in ((1, (1, 2, 3, 4)), (2, (3, 1, 4, 2))):
        for modality in ("visible", "thermal"):
            lines = []
            for identity in order:
                for shot in range(3):
                    name = f"{modality.title()}/{identity}/{modality[0]}_{shot}.bmp"
                    image(folder / name, identity + shot)
                    lines.append(name)
            for subset, own in (("train", lines[:6]), ("test", lines[6:])):
                text = "".join(f"{name} {i // 3}\n" for i, name in enumerate(own))
                (folder / "idx" / f"{subset}_{modality}_{split}.txt").write_text(text)
    return str(folder)


def llcm_files(folder: Path) -> str:
    """Two identities to train on and two to test on."""
    (folder / "idx").mkdir(parents=True)
    for name, camera in (("vis", 1), ("nir", 2)):
        lines = []
        for identity in (1, 2):
            for shot in range(2):
                path = f"{name}/cam{camera}/{identity:04d}/{shot}.jpg"
                image(folder / path, identity + shot)
                lines.append(f"{path} {identity - 1}\n")
        (folder / "idx" / f"train_{name}.txt").write_text("".join(lines))
        for identity in (3, 11):
            for seen in (1, 2):
                for shot in range(2):
                    image(folder / f"test_{name}" / f"cam{seen}" / f"{identity:04d}" / f"{shot}.jpg", shot)
    (folder / "idx" / "test_id.txt").write_text("3,11")
    return str(folder)
