"""Three streams of a walk: silhouettes and keypoints of a camera, and a point cloud of a slower scanner."""

import numpy as np
import torch
from torch import nn

from gait_plugins import SILHOUETTES, GaitDataset, GaitModel, JointTransform, Ragged, SequenceRef, Stream
from gait_plugins.nn.ragged_frames import pool_frames

SIZE = 32
PICTURES = SILHOUETTES.changed(shape=(SIZE, SIZE), clock=30.0)
JOINTS = Stream("keypoints", (4, 3), "float32", clock="silhouettes", about="head, hip, left foot, right foot")
CLOUD = Stream("points", (None, 3), "float32", clock=10.0, about="x, y, z in metres")


class StickWalks(GaitDataset):
    """People of four joints; who they are shows in their height and stride."""

    def __init__(self, people: int = 4) -> None:
        self.people = people

    def streams(self):
        return PICTURES, JOINTS, CLOUD

    def sequences(self, subset):
        first = 0 if subset == "train" else self.people
        who = [f"{number:03d}" for number in range(first, first + self.people)]
        types = ("nm-01", "nm-02", "nm-05")
        return [SequenceRef(w, t, v, None) for w in who for t in types for v in ("000", "090")]

    def load(self, ref):
        rng = np.random.default_rng([ord(letter) for letter in ref.name])
        height, stride = 12 + int(ref.label) % 7, 3 + int(ref.label) % 5
        swing = stride * np.sin(np.arange(30) * 0.5 + rng.random())
        centre = np.full(30, SIZE / 2)
        x = np.stack([centre, centre, centre + swing, centre - swing], 1)
        y = np.tile([SIZE - 2 - height, SIZE - 2 - height / 2, SIZE - 2, SIZE - 2], (30, 1))
        joints = np.stack([x, y, np.ones_like(x)], 2).astype(np.float32)
        frames = np.zeros((30, SIZE, SIZE), np.uint8)
        for frame, joint in zip(frames, joints, strict=True):
            for a, b in ((0, 1), (1, 2), (1, 3)):
                line = np.linspace(joint[a, :2], joint[b, :2], SIZE).round().astype(int)
                frame[line[:, 1], line[:, 0]] = 255
        hits = [joint[rng.integers(0, 4, rng.integers(20, 40))] for joint in joints[::3]]
        clouds = [np.column_stack([h[:, 0], rng.normal(0, 2, len(h)), SIZE - h[:, 1]]) / 20 for h in hits]
        return [frames, joints, Ragged.of(cloud.astype(np.float32) for cloud in clouds)]


class MirrorWalk(JointTransform):
    """Mirror all three streams, or none."""

    streams = ("silhouettes", "keypoints", "points")

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def __call__(self, clips, rng):
        if rng.random() >= self.prob:
            return {}
        joints, cloud = clips["keypoints"].copy(), clips["points"]
        joints[..., 0] = SIZE - 1 - joints[..., 0]
        joints[:, [2, 3]] = joints[:, [3, 2]]  # what was the left foot is the right one now
        points = cloud.values * np.float32([-1, 1, 1]) + np.float32([SIZE / 20, 0, 0])
        pictures = clips["silhouettes"][..., ::-1]
        return {"silhouettes": pictures, "keypoints": joints, "points": Ragged(points, cloud.offsets)}


class ThreeStreams(GaitModel):
    """One part from each stream, each the mean over a sequence's frames of a small network."""

    streams = (PICTURES, JOINTS, CLOUD.changed(own_clock=True))

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.picture, self.joint, self.cloud = (nn.Linear(n, channels) for n in (SIZE * SIZE, 12, 3))

    def forward(self, batch):
        flat = [batch.stream(name).flatten(0, 1).flatten(1) for name in ("silhouettes", "keypoints")]
        points = batch.stream("points")
        cloud = pool_frames(points._replace(values=self.cloud(points.values)))
        seen = self.picture(flat[0]), self.joint(flat[1]), cloud
        lens = batch.seq_lens, batch.seq_lens, batch.lens.get("points")
        parts = [self.mean(*each, len(batch.labels)) for each in zip(seen, lens, strict=True)]
        return self.outputs(torch.stack(parts, 2), batch)

    def mean(self, frames, lens, n):
        counts = [len(frames) // n] * n if lens is None else lens[0].tolist()
        return torch.stack([part.mean(0) for part in frames.split(counts)])
