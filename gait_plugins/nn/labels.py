"""Labels that a classifier can be trained on."""

from __future__ import annotations

from torch import Tensor

from gait_plugins.errors import DataError


def check_labels(labels: Tensor, classes: int, where: str, option: str) -> None:
    """See that every label has a class.

    Args:
        labels: class indices ``[n]``.
        classes: identities that the classifier tells apart.
        where: the loss, for the error.
        option: what says how many classes there are, for the error.

    Raises:
        DataError: a label has none.
    """
    low, high = (int(bound) for bound in labels.aminmax())
    if low < 0 or high >= classes:
        raise DataError(
            f"label {low if low < 0 else high} has no class: the classifier tells {classes} "
            f"identities apart (class_num), labels run from 0 to {classes - 1}",
            where=where,
            hint=f"set {option} to the number of training identities",
        )
