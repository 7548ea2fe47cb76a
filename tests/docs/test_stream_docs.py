"""The page on streams: its YAML is accepted, its Python runs, and its figures are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from helpers.components.walk_streams import SOURCES
from helpers.places import DOCS

from gait_plugins import GaitModel, build
from gait_plugins.config import load_config
from gait_plugins.registry.manager import Manager, use_manager

PAGE = (DOCS / "streams.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def plugin():
    """The example, beside the built-ins."""
    import walk_streams

    manager = Manager(allow=[])
    manager.register(walk_streams, distribution="walk-streams", version="0.1.0")
    use_manager(manager)
    yield
    use_manager(None)


def test_the_yaml_of_the_page_is_accepted(tmp_path: Path):
    found = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 4
    for number, text in enumerate(found):
        given = yaml.safe_load(text)
        whole = {"inherits": "gaitbase/casiab", **given}
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
        config = load_config(str(tmp_path / f"{number}.yaml"))
        if "streams" in given.get("data_cfg", {}):
            assert [stream.name for stream in config.data_cfg.dataset.build().streams()] == [
                *given["data_cfg"]["streams"]
            ]
    stream = build("stream", {"type": "Stream", "shape": [25, 3], "dtype": "float32"})
    assert stream.described == "[25, 3]"


def test_the_python_of_the_page_declares_streams():
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, type[GaitModel]] = {}
    exec(code, found)
    assert [stream.name for stream in found["TwoStreams"].streams or ()] == ["silhouettes", "keypoints"]


def test_the_page_tells_the_size_of_the_example():
    files = [SOURCES / "pyproject.toml", *SOURCES.glob("walk_streams/*.py")]
    lines = sum(len(file.read_text().splitlines()) for file in files)
    assert lines < 120
    assert f"in {lines} lines" in PAGE.replace("\n", " ")
