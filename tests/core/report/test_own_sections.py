"""Sections of other packages: the same interface as the built-in ones, and failures that stop nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from helpers.places import DOCS

import gait_plugins
from gait_plugins import PluginLoadError, ReportMaterial, ReportSection, Table, hookimpl
from gait_plugins.charts import Axis, Line, line_plot
from gait_plugins.registry.manager import Manager, use_manager


def falls(material: ReportMaterial) -> ReportSection:
    run = material.runs[0]
    assert run.ranking is not None
    figure = line_plot("curve", "Falls", "A line.", [Line("a", [1, 2], [3, 4])], Axis("x"), Axis("y"))
    rows = ((run.name, str(len(run.ranking.first))),)
    return ReportSection("Falls", "Fewer are better.", [figure], [Table("Falls", ("", "probes"), rows)])


def breaks(material: ReportMaterial) -> ReportSection:
    raise ValueError("no <such> thing")


def nothing(material: ReportMaterial) -> None:
    return None


def numbers(material: ReportMaterial) -> ReportSection:
    rows: Any = (("a", 1.5), (None, 2))
    return ReportSection("Numbers", "In cells.", tables=[Table("Cells", ("", "number"), rows)])


def hollow(material: ReportMaterial) -> ReportSection:
    figures: Any = None
    return ReportSection("Hollow", "None.", figures=figures)


def wrong(material: ReportMaterial) -> str:
    return "text"


class Sections:
    def __init__(self, offered: object) -> None:
        self.offered = offered

    @hookimpl
    def gait_report_sections(self) -> Mapping[str, str]:
        return self.offered  # type: ignore[return-value]


class MoreSections(Sections):
    pass


@pytest.fixture
def manager() -> Iterator[Manager]:
    found = Manager(allow=[])
    use_manager(found)
    yield found
    use_manager(None)


@pytest.fixture
def own_module(monkeypatch: pytest.MonkeyPatch) -> str:
    module = ModuleType("falls_report")
    module.__dict__.update(falls=falls, breaks=breaks, nothing=nothing, wrong=wrong, number=3)
    module.__dict__.update(numbers=numbers, hollow=hollow)
    monkeypatch.setitem(sys.modules, "falls_report", module)
    return "falls_report"


def test_sections_of_a_package_come_after_ours(
    manager: Manager, own_module: str, tested: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    names = ("falls", "breaks", "nothing", "wrong", "number", "absent", "numbers", "hollow")
    offered = {name: f"{own_module}:{name}" for name in names}
    manager.register(Sections(offered), distribution="fall-gait", version="1.0")
    page = gait_plugins.report(tested, out=tmp_path / "page.html", device="cpu", projection="pca")
    text = page.read_text()
    assert text.index('id="configuration"') < text.index('id="falls"') < text.index('id="breaks"')
    assert "Fewer are better." in text
    assert 'aria-label="A line."' in text
    assert (
        "fall-gait 1.0 failed in the report section &#x27;breaks&#x27; (ValueError: no &lt;such&gt;" in text
    )
    assert 'id="nothing"' not in text
    assert "expected ReportSection or None" in text
    assert "expected a function" in text
    assert "cannot be imported" in text
    assert "<td>1.5</td>" in text
    assert "in the report section &#x27;hollow&#x27; (TypeError" in text
    assert "fall-gait 1.0 failed" in caplog.text


def test_the_section_of_the_page_works(
    manager: Manager, tested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# my_gait/report.py\n.*?)```", text, re.DOTALL)
    module = ModuleType("my_gait_report")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, "my_gait_report", module)
    manager.register(Sections({"hard-pairs": "my_gait_report:hard_pairs"}), distribution="my-gait")
    page = gait_plugins.report(tested, out=tmp_path / "page.html", device="cpu", projection="pca")
    assert "Below zero the right person is the nearest" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("offered", [["falls"], {"Falls": "a:b"}, {"falls": "a"}, {"falls": 3}, {3: "a:b"}])
def test_an_offer_of_another_shape_is_refused(manager: Manager, offered: object):
    with pytest.raises(PluginLoadError, match="gait_report_sections"):
        manager.register(Sections(offered), distribution="fall-gait")


def test_a_name_is_offered_once_by_a_package(manager: Manager):
    manager.register(Sections({"falls": "a:b"}), distribution="fall-gait")
    with pytest.raises(PluginLoadError, match="already offers the report section 'falls'"):
        manager.register(MoreSections({"falls": "a:c"}), distribution="fall-gait")
