"""The last test of a training with held-out identities: at its end, with the best weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gait_plugins.api import Results
from gait_plugins.core.checkpoints.files import BEST, load_checkpoint
from gait_plugins.core.evaluate.report import results_path
from gait_plugins.core.runtime.devices import on_first_rank

if TYPE_CHECKING:
    from gait_plugins.core.train.state import Training


def final_test_is_due(training: Training) -> bool:
    """True where the test identities have waited for the end, and are not scored yet."""
    if not training.tests_at_the_end:
        return False
    # Only the first rank knows the figures, and is sure to see the file.
    return bool(training.fabric.broadcast(training.fabric.is_global_zero and _not_done(training)))


def run_final_test(training: Training) -> tuple[int, Results | None]:
    """Score the test identities by the best weights where they are kept, or else by the last ones.

    Returns:
        The step of these weights, and the results on the first rank.
    """
    known = training.history
    best = on_first_rank(training.fabric, partial(_best_weights, training))
    step, best = training.fabric.broadcast((known.final, best))
    if best is not None:
        training.raw.model.load_state_dict(best)
    results = training.score("test", as_they_are=best is not None)
    on_first_rank(training.fabric, partial(training.write, results, step))
    return step, results


def _not_done(training: Training) -> bool:
    known, run = training.history, training.run
    trained_further = max(known.figures, default=0) > run.first_step
    name = training.config.evaluator_cfg.protocol.name
    return trained_further or not results_path(run.folder, known.final, name).is_file()


def _best_weights(training: Training) -> dict[str, Any] | None:
    if training.history.best is None:
        return None
    with training.presence.writing(training.lost_with_it(max(training.history.figures))):
        weights: dict[str, Any] = load_checkpoint(training.run.folder / "checkpoints" / BEST)["model"]
    return weights
