"""The life-cycle hooks of all plugins during OpenGait's trainings and tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from upstream_patches.patches.patch import Host, Patch
from upstream_patches.session import Phase


class LifecyclePatch(Patch):
    """Tells plugins of a run's begin, steps, checkpoints, results and end."""

    name = "lifecycle"
    touches = "BaseModel.run_train and BaseModel.run_test; while they run, the model's msg_mgr and save_ckpt"
    why = "monitors hear of a run in either host: gait_run_begin, gait_step_end, gait_checkpoint_saved, ..."
    files = ("opengait/modeling/base_model.py", "opengait/utils/msg_manager.py")
    expects: ClassVar = {
        "modeling.base_model": {
            "BaseModel.run_train": ["model"],
            "BaseModel.run_test": ["model"],
            "BaseModel.save_ckpt": ["self", "iteration"],
            "LossAggregator": None,
        },
        "utils.msg_manager": {"MessageManager.train_step": ["self", "info", "summary"]},
    }

    def change(self, host: Host) -> None:
        base = host.module("modeling.base_model").BaseModel
        running: list[Any] = []
        self.replace.set(base, "run_train", staticmethod(_heard("train", base.run_train, host, running)))
        self.replace.set(base, "run_test", staticmethod(_heard("test", base.run_test, host, running)))


def _heard(phase: Phase, original: Callable[..., Any], host: Host, running: list[Any]) -> Callable[..., Any]:
    def run(model: Any, *arguments: Any, **options: Any) -> Any:
        from upstream_patches.adapters.lifecycle import HostRun, unwrapped

        if running:  # a test within a training belongs to it
            found = original(model, *arguments, **options)
            running[-1].evaluated(found)
            return found
        inner = unwrapped(model)
        host.session.cfgs = inner.cfgs
        listener = HostRun(inner, phase, host.session)
        running.append(listener)
        try:
            with listener.listening():
                found = original(model, *arguments, **options)
                if phase == "test":
                    listener.evaluated(found)
        finally:
            running.pop()
        return found

    return run
