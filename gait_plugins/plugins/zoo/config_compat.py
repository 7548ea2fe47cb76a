"""Keys of OpenGait's files that move to the section where our models read them."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

COSINE_STEPS = "T_max_iter"
COSINE_MODELS = frozenset({"SwinGait"})


def move_cosine_steps(config: MutableMapping[str, Any]) -> None:
    """Move ``trainer_cfg.T_max_iter`` to ``model_cfg`` where the model takes it, in place.

    With another model it stays where it is, and validation names it.
    """
    model, trainer = config.get("model_cfg"), config.get("trainer_cfg")
    if not isinstance(model, MutableMapping) or not isinstance(trainer, MutableMapping):
        return
    name = str(model.get("model")).rsplit("/", 1)[-1]
    if name in COSINE_MODELS and COSINE_STEPS in trainer:
        model.setdefault(COSINE_STEPS, trainer.pop(COSINE_STEPS))
