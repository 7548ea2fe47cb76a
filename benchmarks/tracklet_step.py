"""TrackletGait's training step against a plain transcription of the paper's network.

    python benchmarks/tracklet_step.py [--sequences 8] [--frames 16] [--small] [--precision auto]

The plain network keeps ``[n, c, s, h, w]`` between blocks, brings every spatial layer's input to frames
and back, transforms by grouped convolutions and then mixes the subbands by a 1x1 convolution. Both
networks hold the same weights, and in float32 their embeddings must agree. The plain one computes in
float32; ``--precision`` says what ours does, in the words of ``trainer_cfg.precision``: with ``bf16-mixed``
the forward pass is under the trainer's autocast, the losses are not.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch
import torch.nn.functional as F
from tables import Row, table
from timing import in_turns
from torch import Tensor, nn

from gait_plugins.core.runtime.precision import choose
from gait_plugins.nn import HorizontalPooling, SeparateBNNecks, SeparateFCs
from gait_plugins.plugins.tracklet.model import TrackletGait, TrackletGaitSmall
from gait_plugins.plugins.tracklet.wavelet import analysis_filters

AGREED = 1e-3
"""Largest difference of the embeddings in float32, of the largest value: rounding, in another order."""


def frames(x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(-1, x.shape[1], *x.shape[3:])


def clips(x: Tensor, n: int) -> Tensor:
    return x.reshape(n, -1, *x.shape[1:]).transpose(1, 2).contiguous()


class PlainPooling(nn.Module):
    def __init__(self, wide: int, out: int) -> None:
        super().__init__()
        self.conv_bn_relu = nn.Sequential(nn.Conv2d(4 * wide, out, 1), nn.BatchNorm2d(out), nn.ReLU(True))

    def forward(self, x: Tensor) -> Tensor:
        bank = x.new_tensor(analysis_filters("haar"))
        b, c = x.shape[:2]
        across = F.conv2d(x, bank[:, None, None].repeat(c, 1, 1, 1), stride=(1, 2), groups=c)
        both = F.conv2d(across, bank[:, None, :, None].repeat(2 * c, 1, 1, 1), stride=(2, 1), groups=2 * c)
        bands = both.reshape(b, c, 2, 2, *both.shape[2:])  # across, then down
        bands = bands.permute(0, 3, 2, 1, 4, 5).reshape(b, 4 * c, *both.shape[2:])
        return self.conv_bn_relu(bands)


class PlainBlock(nn.Module):
    def __init__(self, wide: int, out: int, halves: bool, temporal: bool) -> None:
        super().__init__()
        middle = wide if halves else out
        self.conv1 = nn.Conv2d(wide, middle, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.pooling = PlainPooling(wide, out) if halves else None
        self.th = (
            nn.Conv3d(out, out, (7, 1, 1), padding=(3, 0, 0), groups=4, bias=False) if temporal else None
        )
        self.thbn = nn.BatchNorm3d(out) if temporal else None
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        short: list[nn.Module] = [nn.MaxPool3d((1, 2, 2))] if halves else []
        if wide != out:
            short += [nn.Conv3d(wide, out, 1, bias=False), nn.BatchNorm3d(out)]
        self.downsample = nn.Sequential(*short)

    def forward(self, x: Tensor) -> Tensor:
        n = len(x)
        out = F.relu(self.bn1(self.conv1(frames(x))), inplace=True)
        if self.pooling is not None:
            out = self.pooling(out)
        if self.th is not None:
            clip = clips(out, n)
            out = frames(F.relu(clip + self.thbn(self.th(clip)), inplace=True))
        out = self.bn2(self.conv2(out)) + frames(self.downsample(x))
        return clips(F.relu(out, inplace=True), n)


class PlainTrackletGait(nn.Module):
    def __init__(self, stages: list[tuple[int, int, bool]], classes: int) -> None:
        super().__init__()
        self.pooling1 = nn.Module()
        self.pooling1.conv_bn_relu = nn.Sequential(nn.Conv3d(1, 16, 1), nn.BatchNorm3d(16), nn.ReLU(True))
        wide = 16
        for number, out, halves in stages:
            self.add_module(f"layer{number}", nn.Sequential(PlainBlock(wide, out, halves, number > 1)))
            wide = out
        self.FCs = SeparateFCs(16, 512, 256)
        self.BNNecks = SeparateBNNecks(16, 256, classes)
        self.HPP = HorizontalPooling((16,))

    def forward(self, silhouettes: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pooling1.conv_bn_relu(silhouettes.unsqueeze(1))
        for name, layer in self.named_children():
            if name.startswith("layer"):
                x = layer(x)
        embeddings = self.FCs(self.HPP(x.amax(2)))
        return embeddings, self.BNNecks(embeddings)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="TrackletGait_s")
    parser.add_argument("--precision", choices=("auto", "32-true", "bf16-mixed"), default="auto")
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    ours = (TrackletGaitSmall if options.small else TrackletGait)({"class_num": 74}).train()
    widths = [(2, 256), (6, 512)]
    if not options.small:
        widths = [*enumerate((64, 128, 128, 128, 128, 256, 256, 256, 256, 512), 1)]
    plain = PlainTrackletGait([(k, width, k in (2, 6)) for k, width in widths], 74).train()
    plain.load_state_dict(ours.state_dict())
    silhouettes = (torch.rand(options.sequences, options.frames, 64, 44) > 0.5).float()

    def step(network: nn.Module, precision: str = "32-true") -> Tensor:
        network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            if network is plain:
                embeddings, logits = network(silhouettes)
            else:
                output = network(([silhouettes], None, None, None, None))
                embeddings = output["inference_feat"]["embeddings"]
                logits = output["training_feat"]["softmax"]["logits"]
        (embeddings.float().square().mean() + logits.float().square().mean()).backward()
        return embeddings.detach()

    gap = float((step(ours) - step(plain)).abs().max() / step(plain).abs().max())
    if not gap < AGREED:
        sys.exit(
            f"the networks differ: their embeddings by {gap:.1e} of the largest, at most {AGREED} is meant"
        )
    precision = choose(options.precision, True, "cpu").precision
    seconds = in_turns(
        {"ours": lambda: step(ours, precision), "plain": lambda: step(plain)}, options.rounds, clock
    )
    name = "TrackletGait_s" if options.small else "TrackletGait"
    size = f"{options.sequences} sequences x {options.frames} frames"
    print(f"training step, {size}, {options.threads} threads, plain in 32-true\n")
    taken = [1e3 * seconds[side] for side in ("plain", "ours")]
    shift = Row("largest relative difference of the embeddings, 32-true both", None, f"{gap:.1e}", holds=True)
    print(table([Row(f"{name}, {precision}", *taken, "ms"), shift]))


if __name__ == "__main__":
    main()
