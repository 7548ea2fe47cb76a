import numpy as np
from torch import nn

from gait_plugins import FrameSampler, GaitModel, Loss, Transform, hookimpl
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, SeparateFCs, frames_of


class StripNet(GaitModel):
    """Two convolutions on each frame, the maximum over frames, an embedding of each body strip.

    Args:
        channels: channels of the maps and of the embeddings.
        strips: horizontal strips of the body.
    """

    def __init__(self, channels: int = 32, strips: int = 16):
        super().__init__()
        first, second = nn.Conv2d(1, channels, 5, 2, 2), nn.Conv2d(channels, channels, 3, 2, 1)
        self.frames = FrameWise(nn.Sequential(first, nn.ReLU(), second, nn.ReLU()))
        self.over_time, self.strips = PackedMax(), HorizontalPooling([strips])
        self.embed = SeparateFCs(strips, channels, channels)

    def forward(self, batch):
        maps = self.over_time(self.frames(frames_of(batch.inputs[0])), batch.seq_lens)
        embeddings = self.embed(self.strips(maps))
        features = {"embeddings": embeddings, "labels": batch.labels}
        training = {"triplet": features, "compact": features}  # what each loss gets, by log_prefix
        inference = {"embeddings": embeddings}
        return {"training_feat": training, "visual_summary": {}, "inference_feat": inference}


class CompactLoss(Loss):
    """Squared distance of each embedding to the mean of its identity in the batch."""

    gathers = True  # it compares samples: under several processes it gets the whole batch

    def forward(self, embeddings, labels):
        embeddings, same = embeddings.float(), (labels[:, None] == labels[None]).float()
        means = (same @ embeddings.flatten(1) / same.sum(1, keepdim=True)).view_as(embeddings)
        loss = (embeddings - means).square().sum(1).mean(0)
        return loss, {"loss": loss.detach()}


class EveryOther(FrameSampler):
    """Every other frame from a random start; a short walk begins anew at its end."""

    def __init__(self, frames: int = 16):
        self.frames = frames

    def indices(self, length, rng):
        return (rng.integers(0, length) + 2 * np.arange(self.frames)) % length


class Dilate(Transform):
    """Thickens the silhouettes of a sequence by one pixel, with probability ``prob``."""

    def __init__(self, prob: float = 0.5):
        self.prob = prob

    def __call__(self, sequence, rng):
        if rng.random() >= self.prob:
            return sequence
        padded = np.pad(sequence, [(0, 0)] * (sequence.ndim - 2) + [(1, 1), (1, 1)])
        return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (-2, -1)).max((-2, -1))


class BestLoss:
    """Keeps the lowest logged loss of a training in ``best_loss.txt`` of the run folder."""

    best = float("inf")

    @hookimpl
    def gait_step_end(self, run, step, metrics):
        if run.is_main and metrics.get("scalar/loss", self.best) < self.best:
            self.best = metrics["scalar/loss"]
            (run.folder / "best_loss.txt").write_text(f"{self.best:.4f} at step {step}\n")
