"""What one configuration says never reaches the next one."""

from __future__ import annotations

from pathlib import Path

from gait_plugins.config import load_config


def test_a_mapping_of_one_file_is_no_default_of_the_next(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("inherits: gaitbase/casiab\ndata_cfg: {classes: {a: [nm-*]}}\n")
    (tmp_path / "b.yaml").write_text("inherits: gaitbase/casiab\ndata_cfg: {classes: {b: [bg-*]}}\n")
    assert load_config(str(tmp_path / "a.yaml")).data_cfg.classes == {"a": ["nm-*"]}
    assert load_config(str(tmp_path / "b.yaml")).data_cfg.classes == {"b": ["bg-*"]}
    assert load_config("gaitbase/casiab").data_cfg.classes == {}
