"""Classification figures against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gait_plugins.metrics.classification import classification_figures, confusion_matrix


def test_figures_of_a_table_by_hand():
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
    table = confusion_matrix(truth, predicted, 3)
    assert table.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    figures = classification_figures(table)
    assert figures["accuracy"] == pytest.approx(4 / 6)
    assert figures["precision"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert figures["recall"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert figures["F1"] == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)


def test_classes_that_occur_nowhere_are_left_out_of_the_means():
    few = confusion_matrix(np.array([0, 1]), np.array([0, 1]), 5)
    assert set(classification_figures(few).values()) == {1.0}


def test_a_class_that_is_only_predicted_counts_with_zero():
    figures = classification_figures(confusion_matrix(np.array([0, 0]), np.array([0, 1]), 2))
    assert (figures["precision"], figures["recall"]) == (0.5, 0.25)
