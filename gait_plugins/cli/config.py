"""``gait-plugins config``: check, explain and list configurations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.api.commands import Overrides
from gait_plugins.cli.option_lines import option_lines
from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.errors import DataError
from gait_plugins.io.printable import say, say_json

if TYPE_CHECKING:
    from gait_plugins.config import ComponentSpec, Config
    from gait_plugins.config.describe.explain import Explanation
    from gait_plugins.config.recipe.model import RecipeConfig
    from gait_plugins.core.assembly.class_count import Counted
    from gait_plugins.core.recipes.checks import PartFit

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="CONFIG", help="Path of a YAML file, or name of a shipped configuration.")
]


@app.command("check")
def check(
    config: Name,
    override: Overrides = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print the whole configuration with all defaults, as YAML.")
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Check it even if it was accepted before and nothing has changed since."
        ),
    ] = False,
) -> None:
    """Check a configuration: list its components and their packages, or everything that is wrong.

    Solver and schedule are tried as before a training. No data are read; where a number of classes is auto,
    the training set is counted if it is there.
    For a recipe, list its stages and the weights that each starts from.
    """
    from gait_plugins.core.runtime.accepted import answer_again
    from gait_plugins.core.runtime.uncompiled import without_compiler

    def answer() -> None:
        with without_compiler():
            _check(config, override or [], resolved)

    question = ("config check", config, repr(override or []), str(resolved))
    answer_again(question, answer, fresh=fresh)


def _check(config: str, override: list[str], resolved: bool) -> None:
    from gait_plugins.config.loading import load_config, open_source
    from gait_plugins.core.assembly.class_count import counted_if_there

    source = open_source(config)
    if source.is_recipe:
        from gait_plugins.config.recipe.load import load_recipe
        from gait_plugins.core.recipes.checks import check_stages, of_stage
        from gait_plugins.core.train.rehearsal import rehearse_without_data

        recipe = load_recipe(source, override, tried=True)
        counts = {stage.name: counted_if_there(stage.config) for stage in recipe.stages}
        fits = check_stages(recipe)
        for stage in recipe.stages:
            with of_stage(stage):
                rehearse_without_data(stage.config)
        if resolved:
            import yaml

            stages = {name: count.config.data for name, count in counts.items()}
            say(yaml.safe_dump(stages, sort_keys=False).rstrip("\n"))
        else:
            say("\n".join(_recipe_lines(recipe, fits, counts)))
        return
    written = load_config(source, override, tried=True)
    count = counted_if_there(written)
    loaded = count.config
    from gait_plugins.core.train.rehearsal import rehearse_without_data

    rehearse_without_data(loaded)
    if resolved:
        import yaml

        say(yaml.safe_dump(loaded.data, sort_keys=False).rstrip("\n"))
        loaded.log_warnings()
        return
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    streams = _streams(loaded)
    say(f"{loaded.source} is accepted")
    rows = [*_rows(loaded), *_precisions(loaded), *_counts(written, count), *streams]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for part, name, origin in rows:
        say(f"  {part:{widths[0]}}  {name:{widths[1]}}  {origin}".rstrip())


@app.command("explain")
def explain(
    name: Annotated[
        str,
        typer.Argument(help="Name of a component, a section (trainer_cfg) or a key (trainer_cfg.sync_BN)."),
    ],
) -> None:
    """Explain the options of a component, or a section or key of a configuration."""
    from gait_plugins.config.describe.explain import explain

    say("\n\n".join(_text(found) for found in explain(name)))


@app.command("schema")
def schema(
    recipe: Annotated[bool, typer.Option("--recipe", help="Print the schema of recipes instead.")] = False,
) -> None:
    """Print the JSON Schema of configurations with all installed components, for editors."""
    from gait_plugins.config.describe.json_schema import json_schema, recipe_schema

    say_json(recipe_schema() if recipe else json_schema(), 1)


@app.command("list")
def list_configs() -> None:
    """List the shipped configurations and recipes, which can be given by name."""
    from gait_plugins.config.yaml.sources import locate, shipped, shipped_recipes

    names = sorted([*shipped(), *shipped_recipes()])
    width = max(map(len, names), default=0)
    for name in names:
        first = locate(name).read_text(encoding="utf-8").partition("\n")[0]
        say(f"{name:{width}}  {first.removeprefix('#').strip() if first.startswith('#') else ''}".rstrip())


def _counts(written: Config, found: Counted) -> Iterator[tuple[str, str, str]]:
    """The numbers of classes that the data say."""
    known = "auto" if found.number is None else str(found.number)
    how = "counted in the training set (auto)"
    if found.missing is not None:
        how = f"counted once the training set is there; now: {found.missing}"
    for name in written.uncounted:
        yield "classes", f"{name}: {known}", how


def _recipe_lines(
    recipe: RecipeConfig, fits: dict[str, list[PartFit]], counts: dict[str, Counted]
) -> Iterator[str]:
    """The lines for a valid recipe: each stage with its model and data, and what it starts from."""
    yield f"{recipe.source} is accepted: {len(recipe.stages)} stages"
    for number, stage in enumerate(recipe.stages, 1):
        config = stage.config
        trainer = config.trainer_cfg
        yield (
            f"  {number} {stage.name}: {config.model_cfg.name} on {config.data_cfg.dataset_name}, "
            f"{trainer.total_iter} steps, in {stage.folder}"
        )
        for _, count, how in _counts(config, counts[stage.name]):
            yield f"      {count}, {how}"
        for part, report, prefix in fits[stage.name]:
            if report is None:
                yield f"      {part.title} <- nothing: {config.model_cfg.name} has no such part"
                continue
            source = f"{part.source} ({prefix})" if prefix else part.source
            left = "".join(f"; {line}" for line in report.lines())
            yield f"      {part.title} <- {source}: {len(report.fitting)} of {report.own} weights{left}"
        if trainer.freeze:
            yield f"      frozen: {', '.join(trainer.freeze)}"


def _rows(config: Config) -> Iterator[tuple[str, str, str]]:
    yield _row("dataset", config.data_cfg.dataset)
    for spec in config.model_cfg.walk():
        yield _row(spec.kind, spec)
    for loss in config.loss_cfg:
        yield _row(f"loss {loss.log_prefix}", loss.component)
    yield "optimizer", config.optimizer_cfg.solver, "torch.optim"
    yield "scheduler", config.scheduler_cfg.scheduler, "torch.optim.lr_scheduler"
    for phase, section in (("train", config.trainer_cfg), ("test", config.evaluator_cfg)):
        yield _row(f"{phase} batches", section.sampler.batch)
        yield _row(f"{phase} frames", section.sampler.frames)
        for transform in (*section.joint_transform, *section.transform):
            for nested in [] if transform is None else transform.walk():
                yield _row(f"{phase} {nested.kind.replace('_', ' ')}", nested)
    yield _row("protocol", config.evaluator_cfg.protocol)


def _precisions(config: Config) -> Iterator[tuple[str, str, str]]:
    """What training and test compute in here."""
    from gait_plugins.core.runtime.precision import (
        available,
        choose,
        float16_of_tests,
        is_possible,
        precision_of_tests,
    )

    device, trainer, test = available("auto"), config.trainer_cfg, config.evaluator_cfg
    asked = {
        "train": choose(trainer.precision, trainer.enable_float16, device),
        "test": choose(precision_of_tests(test), float16_of_tests(test), device),
    }
    for phase, (precision, reason) in asked.items():
        lacking = "" if is_possible(precision, device) else ", but it needs a GPU"
        yield f"{phase} precision", precision, f"on {device}, {reason}{lacking}"


def _streams(config: Config) -> list[tuple[str, str, str]]:
    """The streams that the model gets, where data set or model say which; they are compared for it."""
    from gait_plugins.core.assembly.checks import describe_streams
    from gait_plugins.core.assembly.components import build_dataset, model_outline

    dataset = build_dataset(config)
    try:
        if dataset.streams() is None:
            return []
    except DataError as error:  # a file that is not there yet
        return [("streams", f"not compared: {error.message}", "")]
    rows = describe_streams(config, dataset, model_outline(config))
    return [(part, text, "") for part, text in rows]


def _row(part: str, spec: ComponentSpec) -> tuple[str, str, str]:
    return part, spec.name, f"{spec.component.owner}  {spec.component.origin}"


def _text(found: Explanation) -> str:
    from gait_plugins.config.describe.options import ComponentDescription

    if isinstance(found, ComponentDescription):
        lines = [f"{found.kind} {found.name}", f"  from {found.owner}, {found.origin}"]
        lines += [f"  takes {stream}" for stream in found.streams]
        further = ["  any other option is accepted too"] if found.open else []
    else:
        lines, further = [found.path], []
    if found.summary:
        lines += [textwrap.fill(found.summary, 100, initial_indent="  ", subsequent_indent="  ")]
    return "\n".join([*lines, "", *option_lines(found.options, "  "), *further]).rstrip()
