"""Trees of several streams on the command line: taken where they agree, told where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gait_plugins import DataError
from gait_plugins.core.data.streams import take
from gait_plugins.core.tools.sequence_files import SequenceFiles
from gait_plugins.prepare.pack import pack_dataset
from gait_plugins.prepare.sequences import every_sequence

SILHOUETTES = {"type": "Silhouettes"}
BOTH = {
    "streams": {"silhouettes": SILHOUETTES, "keypoints": {"type": "Keypoints"}},
    "files": {"silhouettes": "0-*", "keypoints": "1-*"},
}


def tree(root: Path, who: str) -> Path:
    """One walk of silhouettes and keypoints."""
    view = root / who / "nm-01" / "000"
    view.mkdir(parents=True)
    np.save(view / "0-sil.npy", np.full((4, 64, 44), 255, np.uint8))
    np.save(view / "1-pose.npy", np.ones((4, 17, 3), np.float32))
    return root


def test_several_trees_of_the_same_streams_are_read_together(tmp_path: Path) -> None:
    paths = [tree(tmp_path / "a", "001"), tree(tmp_path / "b", "002")]
    walks = SequenceFiles(paths, options=BOTH)
    assert [stream.name for stream in walks.streams() or ()] == ["silhouettes", "keypoints"]
    shapes = [[frames.shape for frames in walks.load(ref)] for ref in walks.sequences("test")]
    assert shapes == [[(4, 64, 44), (4, 17, 3)]] * 2


def test_trees_of_other_streams_are_told_before_any_work(tmp_path: Path) -> None:
    both = tree(tmp_path / "a", "001")
    alone = every_sequence(tree(tmp_path / "b", "002"), [0], {"streams": {"silhouettes": SILHOUETTES}})
    packed = tmp_path / "alone.npz"
    pack_dataset(*alone, packed)
    walks = SequenceFiles([both, packed], options=BOTH)
    with pytest.raises(DataError, match=r"hold different streams.*: silhouettes and silhouettes, keypoints"):
        walks.streams()


def test_a_file_has_one_stream_where_the_configuration_declares_two(tmp_path: Path) -> None:
    file = tmp_path / "walk.npy"
    np.save(file, np.full((4, 64, 44), 255, np.uint8))
    walks = SequenceFiles([file], options=BOTH)
    taken = take(walks.streams(), walks.streams(), {})
    (ref,) = walks.sequences("test")
    with pytest.raises(DataError, match="gives 1 arrays, at least 2 are expected: silhouettes, keypoints"):
        taken.of(walks.load(ref), ref)
