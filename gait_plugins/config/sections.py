"""The sections of a configuration: OpenGait's keys and their meaning, and a few of our own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import Required, TypedDict

from gait_plugins.config.class_count import Number, counted, uncounted
from gait_plugins.config.film_section import VideoSection
from gait_plugins.config.problems import Problem
from gait_plugins.config.section import PART, Count, Section
from gait_plugins.config.specs import ComponentSpec, LossSpec, SamplerSpec, TransformSpecs, realise
from gait_plugins.config.update_sections import Averages, Limit, OptimizerSection, SchedulerSection
from gait_plugins.config.validation_section import EarlyStopping, KeepBest, ValidationSplit
from gait_plugins.registry.components import Component
from gait_plugins.registry.manager import default_manager

log = logging.getLogger("gait_plugins")

Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
CountOrNone = Annotated[int, Field(ge=0)]


def _folder_name(text: str) -> str:
    if not text.strip() or text in (".", "..") or any(character in text for character in "/\\\0"):
        raise ValueError("this must be the name of a folder: not empty, not a path")
    return text


FolderName = Annotated[str, AfterValidator(_folder_name)]
Source = TypedDict(
    "Source",
    {"from": Required[str], "prefix": str, "strict": bool, "drop_head": bool, "optional": bool},
    total=False,
)
"""Where weights come from: a checkpoint file, and which of its keys."""
Init = Annotated[dict[str, str | Source] | Source | str | None, BeforeValidator(realise)]
"""A source for each part of a model, or one for the whole of it."""
ClassPatterns = Annotated[dict[str, list[str]], BeforeValidator(realise)]
"""Class -> patterns of types."""
Clocks = Annotated[dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]], BeforeValidator(realise)]
"""Stream -> its frames per second."""

_NEVER_READ = "OpenGait does not read it either"
_SHORT_KEPT = f"{_NEVER_READ}: short sequences are kept, and repeated for longer clips"
_ONE_WEIGHT = f"{_NEVER_READ}: 'loss_term_weight' is the option, 1.0 where it is left out"
_BY_COMMAND = "--devices or torchrun sets the number of processes"


class DataSection(Section):
    """The data set. Every other key is an option of the data set that ``type`` names."""

    ignored_options: ClassVar[Mapping[str, str]] = {"frame_threshold": _SHORT_KEPT}
    dataset_name: FolderName = Field(
        "CASIA-B", description="name of the training data; part of the run folder's path"
    )
    test_dataset_name: str = Field(
        description="name of the test data; decides the table of probe and gallery conditions",
        json_schema_extra={"follows": "data_cfg.dataset_name"},
    )
    num_workers: CountOrNone = Field(
        1, description="number of loader processes; 0 loads in the main process; does not change any result"
    )
    validation: ValidationSplit = Field(
        None,
        description="training identities that are held out and scored after every checkpoint in place of the "
        "test set: how many, which share, or their names",
    )
    clocks: Clocks = Field(
        {},
        description="stream -> frames per second, for streams that were taken by clocks of their own; wins "
        "over what the data set says",
    )
    classes: ClassPatterns = Field(
        {},
        description="class -> patterns of the type level, where a class and no identity is learnt: each "
        "sequence gets the number of its class as the target 'class'",
    )
    remove_no_gallery: bool = Field(
        False,
        description="no effect: OpenGait's files contain this key, but OpenGait does not read it",
    )
    dataset: ComponentSpec = Field(description="the data set", json_schema_extra=PART)

    def plain(self) -> dict[str, Any]:
        """The section as YAML holds it."""
        return {**super().plain(), **self.dataset.mapping()}


class TrainerSection(Section):
    """The training."""

    ignored_options: ClassVar[Mapping[str, str]] = {
        "enable_distributed": _BY_COMMAND,
        "fix_layers": _NEVER_READ,
        "wandb": "plugins write the logs; see the life-cycle hooks in gait-plugins plugins list",
    }
    total_iter: Count = Field(80000, description="training steps")
    log_iter: Count = Field(100, description="steps between two lines of the log")
    save_iter: Count = Field(2000, description="steps between two checkpoints")
    save_name: FolderName = Field(
        "tmp", description="name of the run; the last part of the run folder's path"
    )
    with_test: bool = Field(
        False,
        description="test after every checkpoint, or with data_cfg.validation once, at the end",
    )
    keep_best: Annotated[KeepBest | None, BeforeValidator(realise)] = Field(
        None, description="score every checkpoint and keep the best one as checkpoints/best.pt"
    )
    early_stopping: Annotated[EarlyStopping | None, BeforeValidator(realise)] = Field(
        None, description="score every checkpoint and end the training when the figure stops improving"
    )
    seed: CountOrNone = Field(0, description="seed of weights, order, frames and augmentations")
    accumulate: Count = Field(
        1,
        description="parts that a batch goes through the model in, one after the other; the losses see the "
        "whole batch, memory is that of a part",
    )
    recompute: Literal["auto"] | list[str] = Field(
        [],
        description="parts of the model that work again in the backward pass and take less memory: auto (all "
        "blocks but the last), or names of modules, in which * stands for anything",
    )
    clip_grad_norm: Limit | None = Field(
        None, description="gradients are made smaller where the norm of all of them together is larger"
    )
    clip_grad_value: Limit | None = Field(
        None, description="each number of the gradients is brought into [-value, value]"
    )
    ema: Annotated[Averages | None, BeforeValidator(realise)] = Field(
        None, description="moving average of the weights, which is tested, and used by other commands"
    )
    sync_BN: bool = Field(False, description="batch norms use the statistics of all processes")  # noqa: N815
    fix_BN: bool = Field(False, description="batch norms keep their running statistics")  # noqa: N815
    enable_float16: bool = Field(
        True, description="mixed precision with 16-bit floats where the device has it; see precision"
    )
    precision: Precision | None = Field(
        "auto",
        description="numbers of the forward pass. auto: where enable_float16 is true, 16-mixed on CUDA and "
        "bf16-mixed on a CPU with instructions for it; else 32-true. null: as auto, but a CPU has 32-true",
    )
    find_unused_parameters: bool = Field(
        False, description="with several processes: allow parameters that get no gradient in a step"
    )
    restore_hint: CountOrNone | str = Field(
        0, description="start from this step's checkpoint of the run, or from a file; 0: from scratch"
    )
    restore_ckpt_strict: bool = Field(True, description="a checkpoint must hold exactly the model's weights")
    init: Init = Field(
        None,
        description="weights that a new training starts from: part of the model (what its keys begin with) "
        "-> checkpoint file, or a file for the whole model; each may be "
        "{from, prefix, strict, drop_head, optional}",
    )
    freeze: list[str] = Field(
        [], description="parts of the model that are not trained, each given by what its keys begin with"
    )
    frozen_mode: Literal["eval", "train"] = Field(
        "eval", description="batch norms of frozen parts: eval keeps their statistics, train updates them"
    )
    optimizer_reset: bool = Field(False, description="do not restore the optimiser's state")
    scheduler_reset: bool = Field(False, description="do not restore the schedule's state")
    sampler: SamplerSpec = Field(
        description="type: a batch_sampler, method: a frame_sampler; the other keys are options of either",
        json_schema_extra=PART,
    )
    transform: TransformSpecs = Field(
        description="one transform, or null, for each input source: a list in their order, or a mapping of "
        "streams to transforms",
        json_schema_extra=PART,
    )
    joint_transform: list[ComponentSpec] = Field(
        [],
        description="transforms of several streams at once; they come before transform",
        json_schema_extra=PART,
    )

    def plain(self) -> dict[str, Any]:
        """The section as YAML holds it."""
        return {**super().plain(), **_loading(self)}


class EvaluatorSection(Section):
    """The test. Every other key is an option of the protocol that ``eval_func`` names."""

    ignored_options: ClassVar[Mapping[str, str]] = {"enable_distributed": _BY_COMMAND}
    save_name: FolderName = Field(
        description="run that is tested", json_schema_extra={"follows": "trainer_cfg.save_name"}
    )
    restore_hint: CountOrNone | str = Field(
        description="step of the checkpoint to test, or a checkpoint file",
        json_schema_extra={"follows": "trainer_cfg.total_iter"},
    )
    restore_ckpt_strict: bool = Field(True, description="a checkpoint must hold exactly the model's weights")
    enable_float16: bool = Field(False, description="as in trainer_cfg")
    precision: Precision | None = Field(
        None,
        description="as in trainer_cfg, for test and embed; auto: what is fastest here, whatever "
        "enable_float16 says. A test during a training computes as the training does",
    )
    fast: bool = Field(
        False,
        description="compute by a copy of the model whose batch norms are folded into other layers, and, "
        "where precision is null, as precision: auto; embeddings differ in the third digit",
    )
    conditions_on: Literal["probes", "all"] = Field(
        "probes",
        description="sequences that the conditions change: the probes (the gallery stays as it is), or all",
    )
    protocol: ComponentSpec = Field(description="the protocol", json_schema_extra=PART)
    sampler: SamplerSpec = Field(description="as in trainer_cfg", json_schema_extra=PART)
    transform: TransformSpecs = Field(description="as in trainer_cfg", json_schema_extra=PART)
    joint_transform: list[ComponentSpec] = Field([], description="as in trainer_cfg", json_schema_extra=PART)
    conditions: dict[str, TransformSpecs] = Field(
        {},
        description="condition name -> one further transform, or null, for each input source, applied after "
        "those of transform; the test sequences are scored again under each condition",
        json_schema_extra=PART,
    )

    def plain(self) -> dict[str, Any]:
        """The section as YAML holds it."""
        found = {**super().plain(), **self.protocol.mapping(), **_loading(self)}
        if "conditions" in self.model_fields_set:
            found["conditions"] = {name: specs.mapping() for name, specs in self.conditions.items()}
        return found


class LossSection(Section):
    """A loss term. Every other key is an option of the loss that ``type`` names."""

    ignored_options: ClassVar[Mapping[str, str]] = {"loss_term_weights": _ONE_WEIGHT}
    log_prefix: str = Field(
        description="the model puts this term's arguments under this name in training_feat; names the figures"
    )
    features: str | None = Field(
        None,
        description="name in training_feat whose arguments this term gets, where the model gives none under "
        "log_prefix; this adds a loss to a model that does not know it",
    )
    gather_and_scale: bool | None = Field(
        None,
        description="no effect: OpenGait's files contain this key; here each loss decides whether it gathers",
    )


class Config(Section):
    """A complete, validated configuration."""

    data_cfg: DataSection = Field(description="the data set and its loader")
    model_cfg: ComponentSpec = Field(description="the model; every key but 'model' is an option of it")
    loss_cfg: list[LossSpec] = Field(description="a loss term, or a list of them")
    optimizer_cfg: OptimizerSection = Field(description="the optimiser")
    scheduler_cfg: SchedulerSection = Field(description="the learning rate's schedule")
    trainer_cfg: TrainerSection = Field(description="the training")
    evaluator_cfg: EvaluatorSection = Field(description="the test")
    video_cfg: VideoSection | None = Field(
        None, description="films: segmenter, tracker and pose estimator; read by the video commands alone"
    )
    plugins: list[str] | None = Field(
        None, description="packages or plugins to load beside the built-ins; null: all that are installed"
    )
    output_dir: str = Field("output", description="folder that holds the run folders")
    run_dir: str | None = Field(
        None, description="the run folder itself; null: output_dir/<data set>/<model>/<save_name>"
    )
    source: str = Field("", description="name of the file", json_schema_extra=PART)
    warnings: tuple[Problem, ...] = Field(
        (), description="settings without effect, and harmless oddities", repr=False, json_schema_extra=PART
    )

    @property
    def data(self) -> dict[str, Any]:
        """The resolved configuration as plain data, made anew at each call."""
        found = {
            "data_cfg": self.data_cfg.plain(),
            "model_cfg": self.model_cfg.mapping(),
            "loss_cfg": [loss.mapping() for loss in self.loss_cfg],
            "optimizer_cfg": self.optimizer_cfg.plain(),
            "scheduler_cfg": self.scheduler_cfg.plain(),
            "trainer_cfg": self.trainer_cfg.plain(),
            "evaluator_cfg": self.evaluator_cfg.plain(),
        }
        if self.video_cfg is not None:
            found["video_cfg"] = self.video_cfg.plain()
        top = [name for name in ("plugins", "output_dir", "run_dir") if name in self.model_fields_set]
        return found | {name: getattr(self, name) for name in top}

    def changed(self, section: str, key: str, value: Any) -> Config:
        """This configuration with another setting."""
        new = getattr(self, section).model_copy(update={key: value})
        return self.model_copy(update={section: new})

    @property
    def uncounted(self) -> list[str]:
        """Settings that say ``auto`` and stand for the number of classes that are trained."""
        return uncounted([self.model_cfg, *(loss.component for loss in self.loss_cfg)])

    @property
    def model_uncounted(self) -> list[str]:
        """Those of them that the model has."""
        return uncounted(self.model_cfg)

    def counted(self, number: Number) -> Config:
        """This configuration with numbers in place of ``auto``.

        Raises:
            ConfigError: a component refuses its number.
        """
        if not self.uncounted:
            return self
        losses = [replace(loss, component=counted(loss.component, number)) for loss in self.loss_cfg]
        return self.model_copy(update={"model_cfg": counted(self.model_cfg, number), "loss_cfg": losses})

    def counted_as(self, then: Mapping[str, Any]) -> Config:
        """This configuration with the numbers that another one, as plain data, has at the same places."""

        def number(name: str) -> int | None:
            value: Any = then
            for key in name.split("."):
                if isinstance(value, list) and len(value) == 1 and not key.isdecimal():
                    (value,) = value  # a loss that was written without a list
                if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                    value = value[int(key)]
                else:
                    value = value.get(key) if isinstance(value, Mapping) else None
            return value if isinstance(value, int) and not isinstance(value, bool) else None

        return self.counted(number)

    def specs(self) -> Iterator[ComponentSpec]:
        """Every component of the configuration, nested ones too, in the order of the file."""
        roots = [self.data_cfg.dataset, self.model_cfg, *(loss.component for loss in self.loss_cfg)]
        for section in (self.trainer_cfg, self.evaluator_cfg):
            roots += [section.sampler.batch, section.sampler.frames]
            roots += section.joint_transform
            roots += [spec for spec in section.transform if spec is not None]
        for transforms in self.evaluator_cfg.conditions.values():
            roots += [spec for spec in transforms if spec is not None]
        for root in [*roots, self.evaluator_cfg.protocol]:
            yield from root.walk()

    def log_warnings(self) -> None:
        """Log the warnings: settings without effect, harmless oddities, and plugins that failed to load."""
        default_manager().warn_of_failures()
        for warning in self.warnings:
            log.warning("%s", warning)

    def components(self) -> list[Component]:
        """The components that are used, each once."""
        return list(dict.fromkeys(spec.component for spec in self.specs()))


def _loading(section: TrainerSection | EvaluatorSection) -> dict[str, Any]:
    found = {"sampler": section.sampler.mapping(), "transform": section.transform.mapping()}
    if "joint_transform" in section.model_fields_set:
        found["joint_transform"] = [spec.mapping() for spec in section.joint_transform]
    return found
