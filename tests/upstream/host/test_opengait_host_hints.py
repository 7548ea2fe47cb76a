"""A checkout on the core: what it warns of, what it lacks, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.hosts.upstream_host import mini
from typer.testing import CliRunner

import gait_plugins
from gait_plugins.cli import app
from gait_plugins.errors import ConfigError, PluginLoadError
from gait_plugins.registry.manager import default_manager, use_manager
from upstream_patches.checkout.tree import Checkout

HELPERS = '''
"""A network that a model is made with."""

from torch import nn


class Net(nn.Module):
    def __init__(self, model_cfg):
        super().__init__()
        self.width = model_cfg["width"]
        self.conv = nn.Conv2d(*model_cfg["backbone_cfg"]["channels"], 1)
'''
MODELS = '''
"""Models with helpers, and without what they need."""

from torch import nn

from .miniset import MiniSet
from .parts.net import Net


class Own(nn.Module):
    def __init__(self, model_cfg):
        super().__init__()
        self.depth = model_cfg.get("depth")


class Helped(MiniSet):
    def build_network(self, model_cfg):
        self.Backbone = Net(model_cfg)
        self.own = Own(model_cfg)
'''
PLAIN = '''
"""Models without helpers."""

from torch import nn

from ..base_model import BaseModel


class Plain(BaseModel):
    def build_network(self, model_cfg):
        self.layer = nn.Linear(model_cfg["Backbone"]["in_channels"], 2)


class Based(BaseModel):
    def forward(self, inputs):
        return {}
'''


EMPTY = "from ..base_model import BaseModel\n\n\nclass Empty(BaseModel):\n    pass\n"


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    """The miniature with these models, as the checkout of this process."""
    made = mini(tmp_path / "OpenGait")
    models = made.package / "modeling/models"
    (models / "parts").mkdir()
    (models / "parts/net.py").write_text(HELPERS)
    (models / "more.py").write_text(MODELS)
    (models / "plain.py").write_text(PLAIN)
    for name, line in (("Half", "from utils.gone import Thing"), ("Wrong", "from utils import nothing_such")):
        (models / f"{name.lower()}.py").write_text(f"{line}\n{EMPTY}".replace("Empty", name))
    monkeypatch.setenv("OPENGAIT_HOME", str(made.root))
    use_manager(None)
    yield made
    made.detach()
    use_manager(None)


def build(name: str, **options: Any) -> Any:
    return gait_plugins.build("model", {"model": f"opengait/{name}", **options})


def test_what_a_helper_reads_is_read(caplog: pytest.LogCaptureFixture):
    build("Helped", width=3, depth=2, backbone_cfg={"channels": [1, 2]})
    assert caplog.messages == []
    build("Helped", width=3, dept=2, backbone_cfg={"channels": [1, 2]})
    assert caplog.messages == ["model_cfg.dept: opengait/Helped does not read this key"]


def test_a_backbone_that_no_class_makes_is_told(caplog: pytest.LogCaptureFixture):
    build("Plain", Backbone={"in_channels": 3}, backbone_cfg={"type": "Plain"})
    assert caplog.messages == ["model_cfg.backbone_cfg: opengait/Plain does not read this key"]
    caplog.clear()
    build("Based", backbone_cfg={"type": "Plain", "channels": 2})
    assert caplog.messages == []


def test_a_missing_key_is_named_with_its_place_and_the_configuration_that_has_it(checkout: Checkout):
    with pytest.raises(ConfigError, match="needs the key 'in_channels'") as told:
        build("Plain", Backbone={})
    assert told.value.hint == (
        "set model_cfg.Backbone.in_channels; no configuration of the checkout does, so see "
        "modeling.models.plain for its meaning"
    )
    file = checkout.root / "configs/plain.yaml"
    file.write_text("model_cfg: {model: Plain, Backbone: {in_channels: 3}}\n")
    with pytest.raises(ConfigError) as told:
        build("Plain", Backbone={})
    assert told.value.hint == "set model_cfg.Backbone.in_channels, as configs/plain.yaml of the checkout does"


def test_a_module_that_the_checkout_lacks_is_listed_and_nothing_is_to_be_reinstalled():
    with pytest.raises(PluginLoadError, match=r"it imports utils\.gone, which the checkout lacks") as told:
        build("Half")
    assert "install" not in str(told.value)
    listed = CliRunner().invoke(app, ["plugins", "list", "--kind", "model"]).stdout
    unavailable = listed.partition("not available here:")[2]
    assert "opengait/Half" in unavailable
    assert "imports utils.gone, which the checkout lacks" in unavailable


def test_a_fault_of_the_checkout_is_no_fault_of_this_package():
    with pytest.raises(PluginLoadError, match="cannot import name 'nothing_such'") as told:
        build("Wrong")
    assert str(told.value.hint).startswith("the fault lies in OpenGait modeling.models.wrong ")
    assert "reinstall" not in str(told.value)


def test_a_plugins_backbone_may_be_named_as_inside_opengait():
    own = {"type": "gait-plugins-trackletgait/Plain", "layers_cfg": ["BC-4"], "in_channels": 1}
    model = build("Based", backbone_cfg=own)
    assert type(model.Backbone).__module__.startswith("gait_plugins.")


def test_the_list_says_how_to_have_a_checkout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENGAIT_HOME")
    use_manager(None)
    listed = CliRunner().invoke(app, ["plugins", "list"]).stdout
    line = next(line for line in listed.splitlines() if "opengait/..." in line)
    assert "set OPENGAIT_HOME to the folder of an OpenGait checkout" in line
    assert default_manager().absent() == {"opengait": line.partition("opengait/...")[2].strip()}
