"""``data prepare --to rgb``: pictures on frames of 256x128, and ratios, in step."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.components.golden_pictures import rgb
from helpers.golden_rules import golden
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.prepare.rgb.cut import laid_on_frame

WALK = Path("001/nm-01/090")


@pytest.mark.parametrize("size", ["90x40", "120x70", "64x20"])
def test_pictures_are_laid_on_frames_as_published(size: str) -> None:
    h, w = map(int, size.split("x"))
    found = laid_on_frame(rgb(1, 1, h, w)[0, 0].transpose(1, 2, 0), (64, 32))
    assert np.abs(found.astype(int) - golden("colour/rgb")[f"resize_{size}"]).max() <= 1


def prepared(source: Path, target: Path, *more: str) -> Any:
    return CliRunner().invoke(app, ["data", "prepare", str(source), str(target), "--to", "rgb", *more])


def pictures(folder: Path, count: int = 3, size: tuple[int, int] = (100, 40)) -> list[np.ndarray]:
    """Frames that are blue above and red below."""
    (folder / WALK).mkdir(parents=True, exist_ok=True)
    frames = []
    for number in range(count):
        frame = np.zeros((*size, 3), np.uint8)
        frame[: size[0] // 2, :, 0] = 200  # OpenCV's blue
        frame[size[0] // 2 :, :, 2] = 100 + number
        assert cv2.imwrite(str(folder / WALK / f"{number}.png"), frame)
        frames.append(frame)
    return frames


def read(target: Path, kind: str) -> np.ndarray:
    return pickle.loads((target / WALK / f"090-{kind}.pkl").read_bytes())


def test_boxes_become_frames_and_ratios(tmp_path: Path) -> None:
    pictures(tmp_path / "in")
    result = prepared(tmp_path / "in", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "1 sequences of 3 frames" in result.output
    frames, ratios = read(tmp_path / "out", "aligned-rgbs"), read(tmp_path / "out", "ratios")
    assert (frames.shape, frames.dtype) == ((3, 3, 256, 128), np.dtype("uint8"))
    assert (ratios.tolist(), ratios.dtype) == (pytest.approx([0.4] * 3), np.dtype("float32"))
    assert frames[1, :, 20, 64].tolist() == [0, 0, 200]  # red, green, blue
    assert frames[1, :, 240, 64].tolist() == [101, 0, 0]
    assert not frames[:, :, :, :13].any()  # 102 columns of 128
    assert sorted(path.name for path in (tmp_path / "out" / WALK).iterdir()) == [
        "090-aligned-rgbs.pkl",
        "090-ratios.pkl",
    ]
    again = prepared(tmp_path / "in", tmp_path / "out")
    assert "0 sequences of 0 frames" in again.output
    assert "1 sequences were already present" in again.output


def test_pictures_are_cut_to_their_masks(tmp_path: Path) -> None:
    pictures(tmp_path / "in", 5)
    folder = tmp_path / "masks" / WALK
    folder.mkdir(parents=True)
    mask = np.zeros((100, 40), np.uint8)
    mask[20:80, 10:25] = 255
    cv2.imwrite(str(folder / "0.png"), mask)
    cv2.imwrite(str(folder / "1.png"), mask)
    cv2.imwrite(str(folder / "2.png"), np.zeros_like(mask))
    cv2.imwrite(str(folder / "3.png"), mask[:50])
    (tmp_path / "in" / WALK / "5.png").write_bytes(b"no picture")
    result = prepared(tmp_path / "in", tmp_path / "out", "--masks", str(tmp_path / "masks"))
    assert result.exit_code == 0, result.output
    for told in ("their mask is empty", "their mask has another size", "have no mask", "cannot be read"):
        assert told in result.output
    assert read(tmp_path / "out", "ratios").tolist() == [0.25, 0.25]
    assert read(tmp_path / "out", "aligned-rgbs").shape == (2, 3, 256, 128)


def test_what_cannot_be_prepared_is_told(tmp_path: Path) -> None:
    pictures(tmp_path / "in")
    for words, told in (
        (["--size", "64"], "--size: not for --to rgb"),
        (["--masks", str(tmp_path / "none")], "does not exist"),
        (["--min-frames", "9"], "no sequence could be written"),
    ):
        result = prepared(tmp_path / "in", tmp_path / "out", *words)
        assert result.exit_code == 2
        assert told in " ".join(result.output.split())
    source, target = str(tmp_path / "in"), str(tmp_path / "silhouettes")
    result = CliRunner().invoke(app, ["data", "prepare", source, target, "--masks", source])
    assert result.exit_code == 2
    assert "--masks: not for --to silhouettes" in result.output
