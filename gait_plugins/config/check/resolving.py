"""Resolving: from raw data to validated specs, section by section."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gait_plugins.config.check.checker import Checked, Checker, OptionOwner
from gait_plugins.config.check.messages import shown
from gait_plugins.config.class_count import counted
from gait_plugins.config.film_section import VideoSection
from gait_plugins.config.options import signature, torch_options
from gait_plugins.config.options.signature import OMITTED, Param, Signature
from gait_plugins.config.problems import Problem
from gait_plugins.config.section import Section
from gait_plugins.config.sections import Config, LossSection
from gait_plugins.config.specs import ComponentSpec, LossSpec, SamplerSpec, TransformSpecs
from gait_plugins.config.yaml.defaults import SECTIONS
from gait_plugins.config.yaml.tree import KeyPath, Tree, at, dotted
from gait_plugins.errors import ConfigError
from gait_plugins.registry.kinds import KINDS

LOADING = ("sampler", "transform", "joint_transform", "conditions")
VIDEO = ("segmenter", "tracker", "pose_estimator")
"""Components of films; of a kind without a default there may be none."""
TRIED = frozenset(
    {"model", "loss", "transform", "joint_transform", "batch_sampler", "frame_sampler", "protocol"}
)
"""Kinds that are built without reading anything, and in no time: a model without memory for its weights."""
TOP = signature.of_model(Config).params


class _Split(NamedTuple):
    own: Checked
    rest: dict[str, Any]
    accepts: Signature


class Resolver:
    """Reads a merged tree; problems are collected, and a configuration comes out if there are none."""

    def __init__(self, tree: Tree, broken: frozenset[str] = frozenset()) -> None:
        self.tree = tree
        self.broken = broken
        """Sections that are passed over: what is wrong with them is known."""
        self.check = Checker(tree)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong, in the order of the sections."""
        return list(dict.fromkeys(self.check.problems))

    def config(self, source: str) -> Config | None:
        """The validated configuration, or None where there are problems."""
        model, told = self._model()
        if not told and not {"model_cfg", "data_cfg"} & self.broken:
            self._take_usual_streams(model.value)
        readers: dict[str, Callable[[], Checked]] = {
            "data_cfg": lambda: self._with_component("data_cfg", "dataset", "dataset"),
            "model_cfg": lambda: self._told(model, told),
            "loss_cfg": self._losses,
            "optimizer_cfg": lambda: self._torch("optimizer_cfg", "solver"),
            "scheduler_cfg": lambda: self._torch("scheduler_cfg", "scheduler"),
            "trainer_cfg": lambda: self._loading("trainer_cfg", self._trainer()),
            "evaluator_cfg": lambda: self._loading(
                "evaluator_cfg", self._with_component("evaluator_cfg", "protocol", "protocol")
            ),
        }
        if self.tree.data.get("video_cfg") is not None:
            readers["video_cfg"] = self.video
        found = {name: read() for name, read in readers.items() if name not in self.broken}
        if self.problems or self.broken:
            return None
        top = {name: self.tree.data[name] for name in TOP if name not in found and name in self.tree.data}
        values = {
            name: SECTIONS[name](**section.value) if name in SECTIONS else section.value
            for name, section in found.items()
        }
        warnings = tuple(dict.fromkeys([*self.tree.warnings, *self.check.warnings]))
        return Config.model_validate({**values, **top, "source": source, "warnings": warnings})

    # --- sections ------------------------------------------------------------------------------

    def _split(self, model: type[Section], path: KeyPath, skip: tuple[str, ...] = ()) -> _Split:
        """A section's own keys, checked, and the keys that are left."""
        given = at(self.tree.data, path)
        accepts = signature.of_model(model)
        own = {key: value for key, value in given.items() if key in accepts.params}
        for name, param in accepts.params.items():
            if param.default_note and name not in own:
                own[name] = self._followed(param.default_note)
        rest = {k: v for k, v in given.items() if k not in accepts.params and k not in skip}
        checked = self.check.options(own, accepts, path, OptionOwner(dotted(path), dotted(path[:1])))
        return _Split(checked, rest, accepts)

    def _followed(self, name: str) -> Any:
        """The value of a key that another one follows; its default where it is not given, or is refused."""
        section, key = name.split(".")
        written = self.tree.data[section].get(key, OMITTED)
        accepts = signature.of_model(SECTIONS[section]).params[key]
        checker = Checker(self.tree)
        if written is not OMITTED:
            checker.value(written, accepts.annotation, (section, key))
        return accepts.default if written is OMITTED or checker.problems else written

    def _with_component(self, name: str, field: str, kind: str) -> Checked:
        """A section whose other keys are a component's options."""
        own, rest, accepts = self._split(SECTIONS[name], (name,), skip=LOADING)
        rest = self._less_ignored(SECTIONS[name], rest, (name,))
        written = {k: v for k, v in own.plain.items() if not self.tree.is_default((name, k))}
        spec = self.check.component(kind, rest, (name,), accepts.params, written)
        plain = {} if spec is None else spec.mapping()
        return Checked({**own.plain, **plain}, {**own.value, field: spec})

    def _less_ignored(self, model: type[Section], rest: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        """The keys for a section's component, without those that the section itself ignores."""
        ignored = {key: value for key, value in rest.items() if key in model.ignored_options}
        owner = OptionOwner(dotted(path), dotted(path), ignored=model.ignored_options)
        self.check.options(ignored, Signature({}), path, owner)
        return {key: value for key, value in rest.items() if key not in ignored}

    def _trainer(self) -> Checked:
        own, rest, accepts = self._split(SECTIONS["trainer_cfg"], ("trainer_cfg",), skip=LOADING)
        ignored = SECTIONS["trainer_cfg"].ignored_options
        owner = OptionOwner("trainer_cfg", "trainer_cfg", accepts.params, ignored)
        self.check.options(rest, Signature({}), ("trainer_cfg",), owner)
        stopping, kept = (own.plain.get(name) for name in ("early_stopping", "keep_best"))
        if stopping and not kept and not stopping.get("metric"):
            path = ("trainer_cfg", "early_stopping")
            self.check.report(
                "the option 'metric' is needed where keep_best is not set", path, "for example metric: NM@R1"
            )
        return own

    def _model(self) -> tuple[Checked, list[Problem]]:
        """The model, and what is wrong with it: it is needed before the data, and told after them."""
        if "model_cfg" in self.broken:
            return Checked(None, None), []
        spec = self.check.component("model", self.tree.data["model_cfg"], ("model_cfg",))
        told, self.check.problems = self.check.problems, []
        return Checked(None if spec is None else spec.mapping(), spec), told

    def _told(self, model: Checked, problems: list[Problem]) -> Checked:
        self.check.problems += problems
        return model

    def _take_usual_streams(self, model: ComponentSpec) -> None:
        """Where data of files do not say what they hold, it is what the model's data usually are."""
        data = self.tree.data["data_cfg"]
        if "streams" in data:
            return
        usual = getattr(model.component.load(), "usual_streams", None)
        streams = usual(**model.options) if usual is not None else {}
        if not streams:
            return
        found = self.check.named("dataset", data, ("data_cfg",))
        self.check.problems.clear()  # told when the data are looked at
        if found is not None and signature.takes_kinds_of_streams(found[1]):
            data["streams"] = {name: dict(kind) for name, kind in streams.items()}

    def _losses(self) -> Checked:
        section = self.tree.data["loss_cfg"]
        paths: list[KeyPath] = [("loss_cfg",)]
        if isinstance(section, list):
            paths = [("loss_cfg", i) for i in range(len(section))]
        specs: dict[str, LossSpec] = {}
        for path in paths:
            own, rest, accepts = self._split(LossSection, path)
            rest = self._less_ignored(LossSection, rest, path)
            spec = self.check.component("loss", rest, path, accepts.params)
            prefix = own.value.get("log_prefix")
            if prefix in specs:
                self.check.report(
                    f"two losses have the log_prefix {prefix!r}",
                    (*path, "log_prefix"),
                    "give each loss its own log_prefix",
                )
            if spec is not None and prefix is not None:
                specs[prefix] = LossSpec(prefix, spec, own.value.get("features"))
        return Checked([spec.mapping() for spec in specs.values()], list(specs.values()))

    def _torch(self, name: str, key: str) -> Checked:
        """A section that names a class of torch and holds its arguments."""
        own, rest, accepts = self._split(SECTIONS[name], (name,))
        options = Checked({}, {})
        found = None
        if key in own.value:
            found = torch_options.find(key, own.value[key])
        if isinstance(found, torch_options.Found):
            owner = OptionOwner(
                found.title, name, accepts.params, ignored=torch_options.ignored_options(key, found)
            )
            options = self.check.options(rest, found.accepts, (name,), owner)
            for option, message in torch_options.odd_numbers(key, own.value[key], options.plain):
                hint = f"gait-plugins config explain {name}"
                self.check.report(f"this is {message}", (name, option), hint)
        elif found is not None:
            self.check.report(found.message, (name, key), found.hint)
        where = self.tree.where((name, key)) or self.tree.where((name,))
        return Checked(
            {**own.plain, **options.plain}, {**own.value, "options": options.plain, "where": where}
        )

    # --- samplers and transforms ---------------------------------------------------------------

    def video(self) -> Checked:
        """The section of films; its value is a :class:`VideoSection` where there are no problems."""
        name, given = "video_cfg", self.tree.data["video_cfg"]
        own, rest, accepts = self._split(VideoSection, (name,), skip=VIDEO)
        owner = OptionOwner(
            name, name, {**accepts.params, **{key: Param(key, Mapping, OMITTED) for key in VIDEO}}
        )
        self.check.options(rest, Signature({}), (name,), owner)
        specs: dict[str, Any] = {}
        for kind in VIDEO:
            expected = KINDS[kind].default is not None
            chosen = given.get(kind, {} if expected else None)
            if expected or chosen is not None:
                specs[kind] = self.check.component(kind, chosen, (name, kind))
        if self.problems:
            return Checked(own.plain, None)
        return Checked(own.plain, VideoSection(**own.value, **specs))

    def _loading(self, name: str, section: Checked) -> Checked:
        """A section with its samplers and transforms."""
        given = self.tree.data[name]
        sampler = self._sampler(given["sampler"], (name, "sampler")) if "sampler" in given else None
        if "sampler" not in given:  # every file lies over the defaults, which have one
            self.check.report(
                "this takes the place of the whole section, and has no sampler",
                (name,),
                f"-o {name}.KEY=VALUE sets one key and leaves the others",
            )
        transforms = self._transforms(given.get("transform"), (name, "transform"))
        plain: dict[str, Any] = {
            "sampler": None if sampler is None else sampler.mapping(),
            "transform": transforms.mapping(),
        }
        value: dict[str, Any] = {"sampler": sampler, "transform": transforms}
        if given.get("joint_transform"):
            value["joint_transform"] = self._joint(given["joint_transform"], (name, "joint_transform"))
            plain["joint_transform"] = [spec.mapping() for spec in value["joint_transform"]]
        if "conditions" in given:
            value["conditions"] = self._conditions(given["conditions"], (name, "conditions"))
            plain["conditions"] = {key: specs.mapping() for key, specs in value["conditions"].items()}
        return Checked({**section.plain, **plain}, {**section.value, **value})

    def _conditions(self, given: Any, path: KeyPath) -> dict[str, TransformSpecs]:
        if not isinstance(given, Mapping | None):
            self.check.report(f"expected a mapping of names to transforms, got {shown(given)}", path)
            return {}
        return {str(key): self._transforms(item, (*path, key)) for key, item in (given or {}).items()}

    def _sampler(self, given: Any, path: KeyPath) -> SamplerSpec | None:
        kinds = ("batch_sampler", "frame_sampler")
        found = [self.check.named(kind, given, path) for kind in kinds]
        if None in found:
            return None
        pairs = [pair for pair in found if pair is not None]
        accepts = [signature.of_component(cls) for _, cls in pairs]
        titles = [f"{component.name} ({component.owner})" for component, _ in pairs]
        keys = [KINDS[kind].key for kind in kinds]
        shares = share(given, accepts, keys)
        both = {**accepts[0].params, **accepts[1].params}
        ignored = {**signature.ignored_options(pairs[0][1]), **signature.ignored_options(pairs[1][1])}
        owner = OptionOwner(" with ".join(titles), pairs[0][0].spelling, both, ignored, tuple(keys))
        before = len(self.check.problems)
        self.check.options(shares[2], Signature({}), path, owner)
        specs = []
        for i, kind in enumerate(kinds):
            component = pairs[i][0]
            checked = self.check.options(
                shares[i], accepts[i], path, OptionOwner(titles[i], component.spelling)
            )
            name = component.called(given.get(keys[i], KINDS[kind].default))
            where = self.check.place(kind, path)
            specs.append(ComponentSpec(kind, name, checked.plain, where, component, checked.value))
        self.check.sound += specs if len(self.check.problems) == before else []
        return SamplerSpec(*specs)

    def _transforms(self, given: Any, path: KeyPath) -> TransformSpecs:
        streams: tuple[str, ...] | None = None
        if isinstance(given, list):
            places: list[tuple[Any, KeyPath]] = [(item, (*path, i)) for i, item in enumerate(given)]
        elif _by_stream(given):
            places = [(item, (*path, key)) for key, item in given.items()]
            streams = tuple(map(str, given))
        else:
            places = [(given, path)]
        return TransformSpecs(
            tuple(
                None if item is None else self.check.component("transform", item, place)
                for item, place in places
            ),
            streams,
        )

    def _joint(self, given: Any, path: KeyPath) -> list[ComponentSpec]:
        listed = list(enumerate(given)) if isinstance(given, list) else []
        places = [(item, (*path, i)) for i, item in listed] or [(given, path)]
        found = [self.check.component("joint_transform", item, place) for item, place in places]
        return [spec for spec in found if spec is not None]


def _by_stream(given: Any) -> bool:
    """Whether transforms are written by the names of streams: a single one has a ``type``."""
    return (
        isinstance(given, Mapping)
        and bool(given)
        and KINDS["transform"].key not in given
        and all(item is None or isinstance(item, Mapping) for item in given.values())
    )


def share(
    given: Mapping[str, Any], accepts: list[Signature], names: list[str]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A sampler mapping's options for the batch sampler, for the frame sampler, and those of neither."""
    shares: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
    for key, value in given.items():
        if key in names:
            continue
        takers = [i for i, accepted in enumerate(accepts) if key in accepted.params]
        takers = takers or [i for i, accepted in enumerate(accepts) if accepted.open] or [2]
        for taker in takers:
            shares[taker][key] = value
    return shares


def refusals(specs: Iterable[ComponentSpec]) -> list[Problem]:
    """What is refused when each is built once; those that are nested in another are built with it."""
    import torch

    from gait_plugins.config.outline import without_memory

    known = list(specs)
    nested = {id(inner) for spec in known for inner in spec.walk() if inner is not spec}
    found = []
    for spec in (spec for spec in known if spec.kind in TRIED and id(spec) not in nested):
        try:
            with without_memory() if spec.kind == "model" else torch.device("cpu"):
                counted(spec, lambda name: 2).build()
        except ConfigError as error:
            if not isinstance(error.__cause__, NotImplementedError):  # it looks at its weights as it is made
                found.append(Problem(error.message, error.where, error.hint, error))
    return found
