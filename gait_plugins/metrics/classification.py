"""Classification figures: accuracy, precision, recall and F1, and the table of confusions behind them."""

from __future__ import annotations

import numpy as np


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """How many of each class were taken for each, int64 ``[classes, classes]``: rows are the truth."""
    table = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return table.reshape(classes, classes)


def classification_figures(confusions: np.ndarray) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as means over the classes, all in [0, 1].

    Classes that occur neither in the truth nor among the predictions are left out of the means. Of the
    others, a class without predictions has precision 0, and one without occurrences has recall 0.
    """
    right = np.diag(confusions).astype(np.float64)
    there, said = confusions.sum(1), confusions.sum(0)
    used = (there + said) > 0
    precision = right / np.maximum(said, 1)
    recall = right / np.maximum(there, 1)
    f1 = 2 * right / np.maximum(there + said, 1)
    means = {"precision": precision, "recall": recall, "F1": f1}
    figures = {"accuracy": float(right.sum() / max(confusions.sum(), 1))}
    return figures | {
        name: float(values[used].mean()) if used.any() else 0.0 for name, values in means.items()
    }
