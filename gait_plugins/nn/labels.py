"""Label checks for classifiers."""

from __future__ import annotations

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
