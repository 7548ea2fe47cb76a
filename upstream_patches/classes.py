"""Classes of sequences in OpenGait: ``data_cfg.classes`` gives them by the types that it hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import SequenceRef
from gait_plugins.api.protocol import CLASS
from gait_plugins.core.data.classes import Classes


def class_names(cfgs: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes, in the order of their numbers; empty where people are told apart."""
    data = cfgs.get("data_cfg")
    return tuple(data.get("classes") or ()) if isinstance(data, Mapping) else ()


def class_targets(cfgs: Mapping[str, Any], types: Sequence[str]) -> dict[str, np.ndarray]:
    """The target ``class`` of sequences of these types, int64 ``[n]``; nothing where there are no classes.

    Raises:
        DataError: a type belongs to none of them, or to several.
    """
    if not class_names(cfgs):
        return {}
    classes = Classes(cfgs["data_cfg"]["classes"])
    numbers = {kind: classes.of(SequenceRef("", kind, "", None)) for kind in set(types)}
    return {CLASS: np.array([numbers[kind] for kind in types], np.int64)}
