"""Files of joints that are not what a training is configured for: one error each, in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.components.two_view_training import run
from helpers.files.layout_files import partition, write
from helpers.golden_poses import keypoints

from gait_plugins.errors import DataError, GaitPluginsError

PEOPLE = ("001", "002", "003")


def training(folder: Path, joints: int, channels: int = 3, frames: int = 16) -> tuple[str, ...]:
    """Settings of a training on files of so many joints, two walks of each person."""
    for i, person in enumerate(PEOPLE):
        for walk in ("nm-01", "nm-05"):
            points = keypoints(3, frames, joints)[i, ..., :channels]
            write(folder / "data" / person / walk / "000" / "000.pkl", points)
    sets = partition(folder / "sets.json", list(PEOPLE[:2]), list(PEOPLE[2:]))
    files = f"type: OpenGaitLayout, dataset_root: {folder / 'data'}, dataset_partition: {sets}"
    named = "dataset_name: walkers, test_dataset_name: CASIA-B, num_workers: 0"
    return (
        f"data_cfg={{{files}, {named}, streams: {{keypoints: {{type: Keypoints}}}}}}",
        "trainer_cfg.total_iter=2",
        "trainer_cfg.sampler.batch_size=2",
        "trainer_cfg.log_iter=1",
    )


def test_files_as_declared_are_trained_on(tmp_path: Path) -> None:
    assert run(tmp_path / "out", *training(tmp_path, 17))["iteration"] == 2


@pytest.mark.parametrize(
    ("joints", "channels", "said"),
    [
        (18, 3, r"holds 18 joints with a neck .*, expected COCO's 17 joints"),
        (17, 2, r"holds x and y without confidence"),
        (19, 3, r"holds frames of shape \[19, 3\], expected \[17, 3\]"),
    ],
)
def test_other_joints_are_an_error_that_names_the_sequence(
    tmp_path: Path, joints: int, channels: int, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        run(tmp_path / "out", *training(tmp_path, joints, channels))
    assert "nm-0" in str(caught.value)


def test_a_clip_that_does_not_fit_as_published_names_what_to_do(tmp_path: Path) -> None:
    options = "{type: RandomSelectSequence, sequence_length: 14, published: true}"
    clip = f"trainer_cfg.transform.0.trf_cfg.3={options}"
    with pytest.raises(GaitPluginsError, match="needs more than 14 frames, found 14") as caught:
        run(tmp_path / "out", *training(tmp_path, 17), clip)
    assert "leave its option published out" in str(caught.value.hint)
