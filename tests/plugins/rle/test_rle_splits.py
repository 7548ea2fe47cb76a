"""The mean over RegDB's splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gait_plugins.core.evaluate.report import write_results
from gait_plugins.errors import DataError
from gait_plugins.plugins.rle.protocols.mean_of_splits import combined, main
from gait_plugins.plugins.rle.protocols.published import RegDBProtocol


def written(folder: Path, split: int) -> tuple[Path, dict[str, float]]:
    """Results of a split, as a test leaves them."""
    data = RegDBProtocol.example_data()
    views = np.array([f"split{split:02d}:{i:04d}" for i in range(len(data))])
    noise = np.random.default_rng(split).normal(size=data.embeddings.shape)
    results = RegDBProtocol().evaluate(
        replace(data, views=views, embeddings=(data.embeddings + noise).astype(np.float32))
    )
    return write_results(results, folder / str(split), 7, "evaluate_RegDB"), dict(results.metrics)


def test_figures_of_all_splits_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files, metrics = zip(*(written(tmp_path, split) for split in (3, 1, 2)), strict=True)
    splits, figures = combined(files)
    assert splits == ["split01", "split02", "split03"]
    assert figures["V2T@mAP"] == pytest.approx([metrics[i]["V2T@mAP"] for i in (1, 2, 0)])
    monkeypatch.setattr("sys.argv", ["splits", *map(str, files)])
    assert main() == 0
    text = capsys.readouterr().out
    assert "3 of 10 splits" in text
    values = [one["V2T@mAP"] for one in metrics]
    assert f"V2T@mAP    {np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}" in text


def test_one_split_twice_or_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = written(tmp_path, 1)
    with pytest.raises(DataError, match="split01 is given twice"):
        combined([path, path])
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(DataError, match="holds no result of a single split"):
        combined([other])
    monkeypatch.setattr("sys.argv", ["splits", str(tmp_path / "none.json")])
    assert main() == 2
