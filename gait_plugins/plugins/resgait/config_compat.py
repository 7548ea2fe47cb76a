"""Keys of the published files that move to the section where our models read them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

MODELS = frozenset({"Baseline_Mimic_Residual", "DeepGaitV2_Mimic_Residual", "SwinGait_Residual"})
COSINE_STEPS = "T_max_iter"


def take_earlier_stages(config: MutableMapping[str, Any]) -> None:
    """Turn ``mimic_cfg`` and ``occ_detector_path`` into ``trainer_cfg.init``, in place.

    ``trainer_cfg.T_max_iter``, which SwinGait's files hold there, moves to the model.
    """
    model, trainer = config.get("model_cfg"), config.get("trainer_cfg")
    if not isinstance(model, MutableMapping) or not isinstance(trainer, MutableMapping):
        return
    name = str(model.get("model")).rsplit("/", 1)[-1]
    if name not in MODELS:
        return
    if name == "SwinGait_Residual" and COSINE_STEPS in trainer:
        model.setdefault(COSINE_STEPS, trainer.pop(COSINE_STEPS))
    init: dict[str, Any] = {}
    mimic, detector = model.pop("mimic_cfg", None), model.pop("occ_detector_path", None)
    if isinstance(mimic, Mapping):
        file = _teacher(mimic, config)
        init |= {"full_component": file, "BNNecks": file}
        if mimic.get("init_mimic"):
            init["mimic_component"] = file
    if detector is not None:
        init["occ_detector"] = detector
    if init and trainer.get("init") is None:
        trainer["init"] = init


def _teacher(mimic: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The checkpoint of an earlier training by OpenGait's rule for names."""
    data = config.get("data_cfg")
    data_set = data.get("dataset_name", "") if isinstance(data, Mapping) else ""
    model, run = mimic.get("teacher_model_name"), mimic.get("teacher_save_name")
    step = str(mimic.get("teacher_model_iter")).zfill(5)
    output = config.get("output_dir", "output")
    return f"./{output}/{data_set}/{model}/{run}/checkpoints/{run}-{step}.pt"
