"""Label and shape checks of what losses are given."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gait_plugins.errors import DataError


def check_labels(labels: Tensor, classes: int, where: str, option: str) -> None:
    """See that every label has a class.

    Args:
        labels: class indices ``[n]``.
        classes: identities that the classifier tells apart.
        where: the loss, for the error.
        option: name of the option that sets the number of classes, for the error.

    Raises:
        DataError: a label has none.
    """
    low, high = (int(bound) for bound in labels.aminmax())
    if low < 0 or high >= classes:
        raise DataError(
            f"label {low if low < 0 else high} has no class: the classifier is for {classes} "
            f"identities (class_num), so labels must lie between 0 and {classes - 1}",
            where=where,
            hint=f"set {option} to the number of training identities",
        )


def in_parts(
    given: Tensor, labels: Tensor, where: str, *, name: str = "embeddings", axis: str = "c"
) -> Tensor:
    """``[n, c, p]``, the form of all losses of parts; ``[n, c]`` is taken as one part.

    Args:
        given: embeddings ``[n, c, p]`` or ``[n, c]``, logits ``[n, classes, p]`` or ``[n, classes]``.
        labels: class indices ``[n]``.
        where: the loss, for the error.
        name: of the argument.
        axis: what the second axis is.

    Raises:
        DataError: they have other shapes, or are no tensors.
    """
    if isinstance(given, Tensor) and given.dim() == 2:
        given = given.unsqueeze(2)
    expected = f"[n, {axis}, p], or [n, {axis}] for a single part"
    check_axes(given, expected, where, name=name)
    check_axes(labels, "[n]", where, name="labels")
    if len(given) != len(labels):
        raise DataError(
            f"{name} have {len(given)} rows and labels {len(labels)}, expected a label for each row",
            where=where,
            hint=f"{name} {expected}, labels [n]",
        )
    return given


def check_axes(given: Any, expected: str, where: str, *, name: str) -> None:
    """See that an argument of a loss is a tensor with as many axes as expected.

    Args:
        given: the argument.
        expected: its axes in words, ``[n, c, p]``; with ``...`` there may be more.
        where: the loss, for the error.
        name: of the argument.

    Raises:
        DataError: it is no tensor, or has another number of axes.
    """
    axes = expected[1 : expected.index("]")].split(", ")
    least = len(axes)
    shape = list(given.shape) if isinstance(given, Tensor) else None
    if shape is not None and (len(shape) == least or (axes[-1] == "..." and len(shape) >= least)):
        return
    found = f"shape {shape}" if shape is not None else type(given).__name__
    raise DataError(
        f"{name}: expected a tensor {expected}, got {found}",
        where=where,
        hint="n is the number of samples; a model gives these arguments under training_feat",
    )
