"""``config check, explain, schema, list``: what people and editors learn of a configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers.components.config_fakes import FAKE_YAML
from typer.testing import CliRunner

from gait_plugins.cli.config import app
from gait_plugins.config import load_config
from gait_plugins.config.describe import docstrings
from gait_plugins.config.describe.explain import explain
from gait_plugins.config.describe.json_schema import json_schema
from gait_plugins.config.describe.options import describe
from gait_plugins.config.sections import Config
from gait_plugins.errors import ConfigError, UnknownComponent
from gait_plugins.registry.manager import default_manager

pytestmark = pytest.mark.usefixtures("fakes")

Said = Callable[..., str]


@pytest.fixture
def said() -> Said:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None:
            raise result.exception
        return result.output

    return run


@pytest.fixture
def fake_yaml(tmp_path: Path) -> Path:
    path = tmp_path / "town.yaml"
    path.write_text(FAKE_YAML)
    return path


def test_a_component_is_described_by_what_its_yaml_may_hold() -> None:
    walker = describe(default_manager().find("model", "Walker"))
    assert walker.summary == "A model with a nested backbone and a head."
    assert walker.origin == "helpers.components.config_fakes:Walker"
    assert walker.owner == "acme-gait 1.2"
    options = {option.name: option for option in walker.options}
    assert list(options) == ["backbone_cfg", "Head", "schedule", "second", "extras"]
    assert options["backbone_cfg"].required
    assert options["backbone_cfg"].doc == "the trunk, of any package."
    assert options["schedule"].doc == "when it learns: early or late."
    assert options["second"].type == "Backbone | list[Backbone] | None"
    head = {option.name: option for option in options["Head"].options}
    assert (head["parts"].doc, head["norm"].required) == ("horizontal strips.", False)
    json.dumps(walker.as_dict())


def test_inherited_options_keep_their_description() -> None:
    class Wider(default_manager().get("loss", "Margin")):  # type: ignore[misc]
        """Another.

        Args:
            width: its own.
        """

    assert docstrings.option_docs(Wider)["margin"] == "distance to keep."
    assert docstrings.option_docs(Wider)["width"] == "its own."


def test_check_lists_what_is_used_and_from_where(said: Said, fake_yaml: Path) -> None:
    text = said("check", str(fake_yaml), "-o", "loss_cfg.0.margin=1")
    assert "is accepted" in text
    for word in (
        "loss triplet",
        "Margin",
        "acme-gait 1.2",
        "helpers.components.config_fakes:Trunk",
        "SGD",
        "train frames",
    ):
        assert word in text


def test_check_says_what_is_computed_in_here(
    said: Said, fake_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(*overrides: str) -> list[str]:
        words = [word for override in overrides for word in ("-o", override)]
        lines = said("check", str(fake_yaml), *words).splitlines()
        return [" ".join(line.split()) for line in lines if " precision " in line]

    monkeypatch.setattr("gait_plugins.core.runtime.devices.available", lambda _: "cpu")
    free = "trainer_cfg.enable_float16=true"
    assert rows(free)[0].startswith("train precision 32-true on cpu, auto: the processor has no")
    monkeypatch.setattr("gait_plugins.core.runtime.precision.bfloat16_instructions", lambda: ("amx_bf16",))
    train, test = rows(free)
    assert train.startswith("train precision bf16-mixed on cpu, auto: ")
    assert train.endswith("amx_bf16")
    assert test == "test precision 32-true on cpu, enable_float16 is false"
    train, test = rows("trainer_cfg.enable_float16=false", "evaluator_cfg.precision=auto")
    assert train == "train precision 32-true on cpu, enable_float16 is false"
    assert test.startswith("test precision bf16-mixed on cpu, auto: ")
    train, _ = rows("trainer_cfg.precision=16-mixed")
    assert train == "train precision 16-mixed on cpu, as configured, but it needs a GPU"


def test_check_can_print_the_resolved_configuration(said: Said, fake_yaml: Path) -> None:
    assert yaml.safe_load(said("check", str(fake_yaml), "--resolved")) == load_config(fake_yaml).data


def test_check_raises_what_is_wrong(said: Said, fake_yaml: Path) -> None:
    with pytest.raises(ConfigError, match="margn"):
        said("check", str(fake_yaml), "-o", "loss_cfg.0.margn=1")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Margin", ["loss Margin", "acme-gait 1.2", "margin: float = 0.2", "distance to keep."]),
        ("acme-gait/Anything", ["any other option is accepted too"]),
        ("trainer_cfg", ["total_iter: int = 80000", "sampler: Mapping", "batch norms use"]),
        ("trainer_cfg.sync_BN", ["sync_BN: bool = False", "statistics of all processes"]),
        ("evaluator_cfg", ["eval_func: str", "restore_hint: int | str = trainer_cfg.total_iter"]),
        ("loss_cfg", ["log_prefix: str  (required)", "Margin"]),
        ("model_cfg", ["name of a model: ", "Walker"]),
        ("output_dir", ["output_dir: str = 'output'"]),
        ("SGD", ["solver SGD", "nesterov"]),
        ("MultiStepLR", ["milestones: list[int]  (required)"]),
    ],
)
def test_explain_knows_components_sections_and_keys(said: Said, name: str, words: list[str]) -> None:
    text = said("explain", name)
    assert [word for word in words if word not in text] == []


def test_explain_suggests_what_was_meant() -> None:
    with pytest.raises(UnknownComponent, match=r"trainer_cfg\.sync_BN"):
        explain("trainer_cfg.sync_bn")
    with pytest.raises(UnknownComponent, match="did you mean 'Margin'"):
        explain("Margn")


def test_explain_suggests_the_sections_of_a_key() -> None:
    with pytest.raises(
        UnknownComponent, match=r"mean 'trainer_cfg\.save_name' or 'evaluator_cfg\.save_name'"
    ):
        explain("save_name")


def test_explain_knows_a_configuration_when_it_sees_one() -> None:
    with pytest.raises(UnknownComponent, match="is a configuration: gait-plugins config check walkers/gei"):
        explain("walkers/gei")


def test_every_key_of_every_section_is_explained() -> None:
    undocumented = [name for name, field in Config.model_fields.items() if not field.description]
    for section in ("data_cfg", "loss_cfg", "optimizer_cfg", "scheduler_cfg", "trainer_cfg", "evaluator_cfg"):
        (found,) = explain(section)
        undocumented += [f"{section}.{option.name}" for option in found.options if not option.doc]
    assert undocumented == []


def test_the_schema_knows_names_options_and_choices(said: Said) -> None:
    schema = json_schema()
    assert json.loads(said("schema")) == schema
    rules = {
        tuple(rule["if"]["properties"]["type"]["enum"]): rule["then"]
        for rule in schema["$defs"]["loss"]["allOf"]
    }
    margin = rules["Margin", "acme-gait/Margin"]
    assert margin["properties"]["margin"] == {
        "type": "number",
        "description": "distance to keep.",
        "default": 0.2,
    }
    assert margin["additionalProperties"] is False
    names, in_a_file = schema["$defs"]["loss"]["properties"]["type"]["anyOf"]
    assert "Margin" in names["enum"]
    assert re.search(in_a_file["pattern"], "./my_loss.py:MyLoss")
    models = {
        rule["if"]["properties"]["model"]["enum"][0]: rule["then"]
        for rule in schema["$defs"]["model"]["allOf"]
    }
    walker = models["Walker"]["properties"]
    assert walker["backbone_cfg"]["$ref"] == "#/$defs/backbone"
    assert walker["Head"]["properties"]["classes"]["type"] == "integer"
    assert schema["properties"]["trainer_cfg"]["properties"]["seed"]["minimum"] == 0
    broken = [
        r for r in schema["$defs"]["transform"]["allOf"] if "Broken" in r["if"]["properties"]["type"]["enum"]
    ]
    assert broken == []


def test_editors_are_offered_just_the_keys_that_are_explained() -> None:
    schema = json_schema()
    layout = {option.name for option in describe(default_manager().find("dataset", "OpenGaitLayout")).options}
    for section in ("data_cfg", "optimizer_cfg", "scheduler_cfg", "trainer_cfg", "evaluator_cfg"):
        (explained,) = explain(section)
        names = {option.name for option in explained.options}
        # Without a name the data set is the one of OpenGait's files, whose options are then offered too.
        beside = layout if section == "data_cfg" else set()
        assert set(schema["properties"][section]["properties"]) == names | beside, section


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    schema = json_schema()
    references = {part.split('"')[0] for part in json.dumps(schema).split("#/$defs/")[1:]}
    assert references <= set(schema["$defs"])


def test_shipped_configurations_are_listed_with_their_first_line(said: Said) -> None:
    lines = said("list").splitlines()
    assert any(line.startswith("trackletgait/gait3d ") and "TrackletGait" in line for line in lines)
