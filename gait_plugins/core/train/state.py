"""Training state: built, restored, updated (gradient step and skipped steps in mixed precision), saved."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gait_plugins.api import GaitModel, LossSchedule, Results, Run, SequenceRef
from gait_plugins.config import Config
from gait_plugins.core.assembly.batches import build_batches, scored_phases
from gait_plugins.core.assembly.checks import (
    check_losses,
    check_trainable,
    count_parameters,
    warn_of_unused_classes,
)
from gait_plugins.core.assembly.class_count import counted
from gait_plugins.core.assembly.components import Phase, build_dataset, build_losses, build_model
from gait_plugins.core.checkpoints import files as ckpt
from gait_plugins.core.checkpoints.partial import freeze, keep_in_eval_mode
from gait_plugins.core.data.host_batch import Divider, FrameRecord, HostBatch
from gait_plugins.core.data.loader import share_of_rank
from gait_plugins.core.data.validation_split import check_same, list_identities
from gait_plugins.core.evaluate.infer import evaluate
from gait_plugins.core.evaluate.report import in_words, write_results
from gait_plugins.core.runs.changes import Change, data_record, record_changes
from gait_plugins.core.runs.folder import claim, describe_run, hold, provenance_of, run_folder
from gait_plugins.core.runs.hosts import (
    read_by_first,
    require_same,
    require_same_settings,
)
from gait_plugins.core.runs.presence import Presence
from gait_plugins.core.runtime.devices import make_fabric, on_first_rank
from gait_plugins.core.runtime.memory import return_freed_memory
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.runtime.precision import precision_of
from gait_plugins.core.train.best import ScoreHistory
from gait_plugins.core.train.last_step import step_failed
from gait_plugins.core.train.objective import Objective, Outcome
from gait_plugins.core.train.optim import build_optimizer, build_scheduler
from gait_plugins.core.train.recompute import Recomputed
from gait_plugins.core.train.rehearsal import rehearse
from gait_plugins.core.train.resume import AVERAGES, LAST_STEP, OWED, restore
from gait_plugins.core.train.same_run import check_data, find_resumed, machine_changes, machine_record
from gait_plugins.core.train.updates.step import Step
from gait_plugins.errors import GaitPluginsError, NonFiniteLoss
from gait_plugins.io.atomic import remove_partials
from gait_plugins.nn.collectives import mean_over_ranks
from gait_plugins.nn.sync_bn import freeze_batch_norm, synchronise_batch_norm

log = logging.getLogger("gait_plugins")

_FOLDER_LOST = "if it was moved, move it back and go on with --resume; else start the training again"


class Training:
    """Everything that a training loop works on.

    Args:
        config: the resolved configuration.
        options: device, resume and the like.
    """

    def __init__(self, config: Config, options: RunOptions) -> None:
        section = config.trainer_cfg
        self.config = config
        self.fabric = make_fabric(
            options.device,
            options.devices,
            float16=section.enable_float16,
            precision=section.precision,
            find_unused_parameters=section.find_unused_parameters,
        )
        if self.fabric.is_global_zero:
            config.log_warnings()
        require_same_settings(self.fabric, config)
        folder = run_folder(config, section.save_name)
        self.resumed = find_resumed(config, options, folder, self.fabric)
        # All of it before anything is written: what is wrong should show first.
        self.dataset = build_dataset(config)
        begun = None if self.resumed is None else self.resumed.checkpoint
        config = self.config = counted(config, self.dataset, begun)
        model = build_model(config)
        self._build_batches(model)
        freeze(model, section.freeze)
        check_trainable(model, self.maker.index)
        if self.fabric.is_global_zero:
            warn_of_unused_classes(model, self.maker.index, config.model_cfg.options)
        raw = self.raw = self._objective(config, model)
        if section.recompute:
            return_freed_memory()
        self._recomputed = Recomputed(model, section.recompute)
        self.optimizer: torch.optim.Optimizer
        optimizer = build_optimizer(config, raw)
        rehearse(config, optimizer, model, self.fabric.device)
        self.objective, self.optimizer = self.fabric.setup(raw, optimizer)
        self.scheduler = build_scheduler(config, self.optimizer, model)
        log.info("%s: %d trainable parameters", config.model_cfg.name, count_parameters(model))

        self.step = Step(section, self.fabric, raw, optimizer, self.objective, self.optimizer)
        self.averages = self.step.averages
        self._saved = 0

        self.run = Run(
            folder=folder,
            phase="train",
            config=config.data,
            total_steps=section.total_iter,
            log_every=section.log_iter,
            rank=self.fabric.global_rank,
            world_size=self.fabric.world_size,
            provenance=provenance_of(config),
            model=model,
        )
        self.input_size: FrameRecord | None = None
        self.taken: list[dict[str, Any]] = []
        """What parts of the model started from: a record of each."""
        self.begins_whole = options.init_from is not None or isinstance(section.restore_hint, str)
        # An earlier run is removed only once it is certain that this one can start.
        self.run.first_step = restore(self, options)
        known = partial(ScoreHistory.read, section, folder, self.run.first_step)
        self.history = read_by_first(self.fabric, known)
        if self.run.first_step:
            on_first_rank(self.fabric, partial(check_same, folder, self._held_out, self.run.first_step))
        self.data = data_record(self.maker.index.refs)
        self.changes = self._changes(options)
        self.resumed = None  # its weights are taken
        self.enough = self.history.enough
        on_first_rank(self.fabric, partial(self._open_folder, options))

    def require_folder(self, step: int) -> None:
        """See that the run folder is still there, before a step is logged.

        Raises:
            RunFolderLost: it was removed, moved or replaced.
        """
        on_first_rank(self.fabric, lambda: self.presence.require(self.lost_with_it(step)))

    def lost_with_it(self, step: int, results: Results | None = None) -> str:
        """What a folder that vanishes takes with it."""
        saved = max(self.run.first_step, self._saved)
        kept = f"its last checkpoint was that of step {saved}" if saved else "no checkpoint was saved yet"
        found = "" if results is None else f"\n  figures of step {step}: {in_words(results)}"
        return f"the training was at step {step} of {self.run.total_steps}, {kept}{found}"

    def _changes(self, options: RunOptions) -> list[Change]:
        """What is different from here on; empty for a training that begins."""
        if self.resumed is None:
            return []
        return [
            *self.resumed.changes,
            *check_data(self.resumed, self.config, self.data, options.allow_changes),
            *machine_changes(self.resumed, self.run.folder, self.fabric),
        ]

    def _build_batches(self, model: GaitModel) -> None:
        """What makes the batches of the training, and of everything that it scores."""
        wanted = model.streams
        self.maker = build_batches(self.config, self.dataset, "train", wanted)
        self.maker.rank, self.maker.world_size = self.fabric.global_rank, self.fabric.world_size
        share_of_rank(self.maker.batch_sampler.batch_size, self.fabric.world_size)
        phases = scored_phases(self.config)
        self._scored = {p: build_batches(self.config, self.dataset, p, wanted) for p in phases}
        self._require_same_data()

    def _objective(self, config: Config, model: GaitModel) -> Objective:
        """The model and its losses, before Fabric has it."""
        shared = {spec.log_prefix: spec.features for spec in config.loss_cfg if spec.features is not None}
        losses = build_losses(config)
        check_losses(losses, self.maker)
        raw = Objective(model, losses, shared)
        if config.trainer_cfg.sync_BN and self.fabric.world_size > 1:
            synchronise_batch_norm(raw, self.fabric.device)
        return raw

    def _require_same_data(self) -> None:
        hint = "give all hosts the same data set and partition"
        for phase, maker in [("training", self.maker), *self._scored.items()]:
            require_same(self.fabric, f"{phase} sequences", partial(data_record, maker.index.refs), hint)

    def _open_folder(self, options: RunOptions) -> None:
        section, folder = self.config.trainer_cfg, self.run.folder
        held = hold(folder)
        if held is not None:
            weakref.finalize(self, held.close)
        self.presence = Presence(folder, folder / "config.yaml", held, _FOLDER_LOST)
        sources = [record["file"] for record in self.taken]
        claim(folder, section.save_name, options=options, hint=section.restore_hint, init=sources)
        for written in (folder, folder / "checkpoints"):
            remove_partials(written)
        record_changes(folder, self.run.first_step, self.changes)
        describe_run(
            folder,
            self.config,
            dict(self.run.provenance),
            self.taken,
            data=self.data,
            processes=self.fabric.world_size,
            precision=precision_of(self.fabric),
        )
        list_identities(folder, self._held_out)
        self.history.tidy()

    @property
    def _held_out(self) -> Sequence[SequenceRef]:
        maker = self._scored.get("validation")
        return [] if maker is None else maker.index.refs

    @property
    def tests_at_the_end(self) -> bool:
        """True where the test identities are scored once, after held-out ones have been till then."""
        return len(self._scored) > 1

    @property
    def is_scored(self) -> bool:
        """True where every checkpoint is scored."""
        return bool(self._scored)

    @property
    def on_gpu(self) -> bool:
        """True where batches are copied to a GPU."""
        return self.fabric.device.type == "cuda"

    @property
    def owes_a_test(self) -> bool:
        """True where an earlier start ended between a checkpoint and the test that decides on it."""
        step, section = self.run.first_step, self.config.trainer_cfg
        due = step > 0 and (step % section.save_iter == 0 or step == section.total_iter)
        decides = self.history.wanted or self._held_out
        return due and bool(decides) and step not in self.history.figures

    def train_mode(self) -> None:
        """Train mode, but for frozen parts and frozen batch norms (``fix_BN``)."""
        section = self.config.trainer_cfg
        self.objective.train()
        if section.frozen_mode == "eval":
            keep_in_eval_mode(self.raw.model, section.freeze)
        if section.fix_BN:
            freeze_batch_norm(self.raw)

    def forward(self, batch: HostBatch, divide: Divider, step: int) -> Outcome:
        """The loss of a batch, its figures and images, in the precision of the training.

        Raises:
            ConfigError: a part that is to be recomputed was not called.
        """
        outcome = self.step.forward(batch, divide, step)
        self._recomputed.require_called()
        return outcome

    def update(self, loss: Tensor, step: int) -> None:
        """One optimiser step and one step of the schedule.

        Raises:
            NonFiniteLoss: gradients that are to be clipped are NaN or infinite.
            ComponentFailure: either raised something; the last step that was completed is saved.
        """
        self.step.backward(loss)
        self.step.last.watch()
        try:
            done = self.step.update(step)
        except NonFiniteLoss:
            raise
        except Exception as error:
            name, where = self.config.optimizer_cfg.solver, self.config.optimizer_cfg.where
            kept = self._rescue(step - 1, self.state) if self.step.last.put_back() else None
            raise step_failed(name, where or "optimizer_cfg", step, error, kept) from error
        if done:  # else the schedule waits, as in OpenGait
            self._step_schedule(loss, step)

    def _step_schedule(self, loss: Tensor, step: int) -> None:
        owed: ckpt.Checkpoint = {}
        if isinstance(self.scheduler, LossSchedule):
            self.scheduler.observe(mean_over_ranks(loss))
        else:  # to be taken by whoever goes on
            owed = {"scheduler": self.scheduler.state_dict(), OWED: True}
        try:
            self.scheduler.step()
        except Exception as error:
            kept = self._rescue(step, lambda done: {**self.state(done), **owed})
            where = self.config.scheduler_cfg.where or "scheduler_cfg"
            raise step_failed(type(self.scheduler).__name__, where, step, error, kept) from error

    def _rescue(self, step: int, state: Callable[[int], ckpt.Checkpoint]) -> Path | None:
        """Save the last completed step, by the first rank alone: the others may not come here.

        Returns:
            Its checkpoint, None where there is none.
        """
        path = ckpt.checkpoint_path(self.run.folder, self.config.trainer_cfg.save_name, step)
        if step > max(self.run.first_step, self._saved) and self.run.is_main:
            try:
                self._write_checkpoint(path, step, state(step))
            except GaitPluginsError as error:
                log.error("%s", error)
                return None
        return path if step else None

    def save(self, step: int) -> Path:
        """Write the checkpoint of a step (the first rank does) and return its path.

        Raises:
            NonFiniteLoss: the update made weights NaN or infinite; nothing is written.
            CheckpointError: it could not be written.
            RunFolderLost: the run folder is not there any more.
        """
        path = ckpt.checkpoint_path(self.run.folder, self.config.trainer_cfg.save_name, step)
        on_first_rank(self.fabric, partial(self._save, path, step))
        log.info("step %d is saved: %s", step, path)
        return path

    def _save(self, path: Path, step: int) -> None:
        self._write_checkpoint(path, step, self.state(step))

    def _write_checkpoint(self, path: Path, step: int, state: ckpt.Checkpoint) -> None:
        broken = [name for name, p in self.raw.named_parameters() if not torch.isfinite(p).all()]
        if broken:
            raise NonFiniteLoss(
                f"the loss of step {step} is finite, but its gradients made {len(broken)} weights "
                f"NaN or infinite: {', '.join(broken[:4])}{', ...' * (len(broken) > 4)}",
                hint="earlier checkpoints are untouched; try a lower learning rate",
            )
        with self.presence.writing(self.lost_with_it(step)):
            ckpt.save_checkpoint(path, state)
        self._saved = step

    def state(self, step: int) -> ckpt.Checkpoint:
        """The checkpoint of a step: OpenGait's keys and what an exact resume needs beside them."""
        weights = self.raw.model.state_dict()
        averaged = {"model": weights}
        if self.averages is not None:  # what is tested and used is under the key that everybody reads
            known = self.averages.state_dict()
            averaged = {"model": self.averages.state(), LAST_STEP: weights, AVERAGES: known}
        return {
            **averaged,
            "losses": self.raw.losses.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "iteration": step,
            # Every step seeds its generators from these: there is no other random state to keep.
            "rng": {"seed": self.config.trainer_cfg.seed, "step": step},
            "config": self.config.data,
            "plugins": dict(self.run.provenance),
            "init": self.taken,
            "data": self.data,
            "machine": machine_record(self.fabric),
            "input_size": self.input_size if isinstance(self.input_size, tuple) else None,
            "streams": self.input_size if isinstance(self.input_size, Mapping) else None,
        }

    def test(self, step: int) -> Results | None:
        """Score this step's weights on held-out identities, or on the test's; results on the first rank."""
        results = self.score(next(iter(self._scored)))
        on_first_rank(self.fabric, partial(self._note, results, step))
        self.enough = self.fabric.broadcast(self.history.enough)
        return results

    def score(self, phase: Phase, *, as_they_are: bool = False) -> Results | None:
        """Score the weights, or their averages, on the sequences of a phase; results on the first rank."""
        averages = None if as_they_are else self.averages
        with nullcontext() if averages is None else averages.lent():
            return evaluate(self.fabric, self.raw.model, self.config, self._scored[phase], self.input_size)

    def _note(self, results: Results | None, step: int) -> None:
        if results is None:
            return
        if results.subset == "test":
            self.write(results, step)
        if self.history.wanted or self._held_out:
            with self.presence.writing(self.lost_with_it(step, results)):
                self.history.note(step, results.metrics)

    def write(self, results: Results | None, step: int) -> None:
        """Write results into the run folder."""
        if results is not None:
            with self.presence.writing(self.lost_with_it(step, results)):
                write_results(results, self.run.folder, step, self.config.evaluator_cfg.protocol.name)
