"""Settings of OpenGait's files that their data imply: which of the files hold labels of body parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

CUT = "BaseParsingCuttingTransform"
ANY_PICTURE = frozenset({"Baseline", "GaitSet", "GaitPart", "GaitGL", "GLN"})
"""Models that OpenGait trains on labels, and that take whatever picture the data hold."""
FILES = "OpenGaitLayout"
SECTIONS = ("trainer_cfg", "evaluator_cfg")


def name_parsing(config: MutableMapping[str, Any]) -> None:
    """Name the stream of labels where frames are cut as labels, in place.

    SMPLGait takes it in place of silhouettes; a model of any picture finds it declared, so that files that
    hold something else are told. Where ``data_cfg.streams`` or the model says it, nothing changes, nor does
    it for silhouettes that ``published`` admits.
    """
    model, data = _section(config, "model_cfg"), _section(config, "data_cfg")
    cuts = [cut for name in SECTIONS for cut in _cuts(_section(config, name).get("transform"))]
    if not cuts or any(cut.get("published") for cut in cuts):
        return
    name = _bare(model.get("model"))
    if name == "SMPLGait":
        model.setdefault("pictures", "parsing")
    if name in ANY_PICTURE and data.get("type", FILES) == FILES and _one_each(config):
        data.setdefault("streams", {"parsing": {"type": "Parsing"}})


def _section(config: Mapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """A section that may be written to; an empty one where it is none."""
    found = config.get(name)
    return found if isinstance(found, MutableMapping) else {}


def _bare(name: Any) -> str:
    """A name without its package's; empty for one of a checkout of OpenGait, which has code for all this."""
    package, _, own = str(name).rpartition("/")
    return "" if package == "opengait" else own


def _one_each(config: Mapping[str, Any]) -> bool:
    """Whether both sections have one transform, without the name of a stream: there is one input."""
    given = [_section(config, name).get("transform") for name in SECTIONS]
    return all(isinstance(each, Mapping) or (isinstance(each, list) and len(each) == 1) for each in given)


def _cuts(given: Any) -> Iterator[Mapping[str, Any]]:
    """Every cut of labels in a section's transforms, those in a row too."""
    for each in given if isinstance(given, list) else [given]:
        if isinstance(each, Mapping) and _bare(each.get("type")) == CUT:
            yield each
        elif isinstance(each, Mapping):
            yield from _cuts(each.get("trf_cfg"))
