"""The configuration of a new package: its components in a small training on synthetic walkers."""

from __future__ import annotations

from collections.abc import Iterator

from gait_plugins.authors.package import Package, Part

_WALKERS = """\
data_cfg:
  dataset_name: walkers
  test_dataset_name: CASIA-B  # the protocol's table: walkers are named as CASIA-B names its people
  num_workers: 1
  train: 8
  test: 4
  views: ["054", "090", "126"]
  bg: 0
  cl: 0
"""
_OWN_DATA = """\
data_cfg:
  type: {cls}
  dataset_name: {name}
  test_dataset_name: CASIA-B  # the protocol's table of conditions
  num_workers: 1
"""
_BACKBONE = """\
    type: ResNet9
    block: BasicBlock
    channels: [8, 16, 32, 64]
    layers: [1, 1, 1, 1]
    strides: [1, 2, 2, 1]
    maxpool: false
"""
_BASELINE = """\
model_cfg:
  model: Baseline  # GaitBase, narrow
  backbone_cfg:
{backbone}  SeparateFCs: {{in_channels: {channels}, out_channels: 32, parts_num: 16}}
  SeparateBNNecks: {{class_num: {classes}, in_channels: 32, parts_num: 16}}
  bin_num: [16]
"""


def configuration(package: Package) -> str:
    """The text of ``walkers.yaml``."""
    blocks = [
        f"# The components of {package.name} in a training on a few synthetic walkers: seconds on a CPU.\n"
        "inherits: walkers/_base\n",
        _data(package),
        _model(package),
        _losses(package),
        _trainer(package),
        _evaluator(package),
        *_films(package),
    ]
    notes = list(_elsewhere(package))
    return "\n".join([*blocks, *(["".join(f"# {line}\n" for line in notes)] if notes else [])])


def _first(package: Package, kind: str) -> Part | None:
    found = [part for part in package.of(kind) if not part.needs_example]
    return found[0] if found else None


def _data(package: Package) -> str:
    own = _first(package, "dataset")
    return _WALKERS if own is None else _OWN_DATA.format(cls=own.name, name=package.name)


def _model(package: Package) -> str:
    own, backbone = _first(package, "model"), _first(package, "backbone")
    if own is not None:
        return f"model_cfg:\n  model: {own.name}\n"
    data = _first(package, "dataset")
    return _BASELINE.format(
        backbone=_BACKBONE if backbone is None else f"    type: {backbone.name}\n",
        channels=64 if backbone is None else 32,
        classes=8 if data is None or data.from_template else 200,
    )


def _losses(package: Package) -> str:
    lines = ["loss_cfg:"]
    own = [part for part in package.of("loss") if not part.needs_example]
    for number, part in enumerate(own):
        # The first takes the place of the triplet loss; others get what it gets.
        place = "triplet" if not number else f"{part.cls}, features: triplet"
        lines.append(f"  - {{type: {part.name}, log_prefix: {place}}}")
    if not own:
        lines.append("  - {type: TripletLoss, log_prefix: triplet, margin: 0.2}")
    if _first(package, "model") is None:
        lines.append("  - {type: CrossEntropyLoss, log_prefix: softmax, scale: 16}")
    return "\n".join(lines) + "\n"


def _trainer(package: Package) -> str:
    batches, frames = _first(package, "batch_sampler"), _first(package, "frame_sampler")
    joint, transform = _first(package, "joint_transform"), _first(package, "transform")
    sampler = [
        "type: TripletSampler, batch_size: [4, 4]" if batches is None else f"type: {batches.name}",
        "sample_type: fixed_unordered, frames_num_fixed: 8" if frames is None else f"method: {frames.name}",
    ]
    lines = [
        "trainer_cfg:",
        f"  save_name: {package.name}",
        "  total_iter: 40",
        "  save_iter: 40",
        "  log_iter: 10",
        f"  sampler: {{{', '.join(sampler)}}}",
    ]
    if joint is not None:
        lines += ["  joint_transform:", f"    - {{type: {joint.name}}}"]
    if transform is not None:
        lines += [
            "  transform:",
            "    - type: Compose",
            f"      trf_cfg: [{{type: {transform.name}}}, {{type: BaseSilCuttingTransform}}]",
        ]
    return "\n".join(lines) + "\n"


def _evaluator(package: Package) -> str:
    protocol = _first(package, "protocol")
    lines = ["evaluator_cfg:", f"  save_name: {package.name}", "  restore_hint: 40"]
    if protocol is not None:
        lines.append(f"  eval_func: {protocol.name}")
    return "\n".join(lines) + "\n"


def _films(package: Package) -> Iterator[str]:
    kinds = ("segmenter", "tracker", "pose_estimator")
    found = [(kind, _first(package, kind)) for kind in kinds]
    lines = [f"  {kind}: {{type: {part.name}}}" for kind, part in found if part is not None]
    if lines:
        yield "\n".join(
            ["# Films: gait-plugins video segment FILM DIR reads this section.", "video_cfg:", *lines, ""]
        )


def _elsewhere(package: Package) -> Iterator[str]:
    """Lines on components that no training on walkers names."""
    for part in package.of("stream"):
        yield f"{part.name} tells a data set of files what they hold:"
        yield f"  data_cfg: {{type: OpenGaitLayout, ..., streams: {{NAME: {{type: {part.name}}}}}}}"
    for part in package.of("index"):
        yield f"{part.name} searches large galleries: gait-plugins identify ... --index {part.name}"
    for part in package.of("recipe"):
        yield f"{part.name} is trained by: gait-plugins train {package.name}/{part.cls}"
    for part in package.parts:
        if part.needs_example:
            yield f"{part.name} ({part.kind}) needs options: gait-plugins config explain {part.name}"
