"""Wavelet transform and downsampling, forward and backward, against PyTorch packages for wavelets.

    python benchmarks/wavelet.py            (needs the extra ``bench``)

``transform`` compares one level of the 2-D transform. ``downsampling`` compares what a network needs:
the four subbands mixed by a 1x1 convolution, which our layer folds into one strided convolution.
"""

from __future__ import annotations

import argparse
import time

import ptwt
import pytorch_wavelets
import torch
import torch.nn.functional as F
from timing import in_turns, report
from torch import Tensor

from gait_plugins.plugins.tracklet.downsample import WaveletDownsampling
from gait_plugins.plugins.tracklet.wavelet import WaveletTransform


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    for wavelet in ("haar", "db2"):
        for c, h, w in ((64, 64, 44), (128, 32, 22)):
            compare(wavelet, torch.randn(options.frames, c, h, w), options.rounds, clock)


def compare(wavelet: str, x: Tensor, rounds: int, clock: object) -> None:
    channels = x.shape[1]
    ours = WaveletTransform(wavelet)
    theirs = pytorch_wavelets.DWTForward(J=1, wave=wavelet, mode="zero")
    layer = WaveletDownsampling(channels, 2 * channels, (1, 2, 2), wavelet)
    mix, bias = layer.conv_bn_relu[0].weight, layer.conv_bn_relu[0].bias

    def by_pytorch_wavelets(x: Tensor) -> Tensor:
        low, (high,) = theirs(x)
        return torch.stack([low, high[:, :, 1], high[:, :, 0], high[:, :, 2]], 1)

    def by_ptwt(x: Tensor) -> Tensor:
        low, (horizontal, vertical, diagonal) = ptwt.wavedec2(x, wavelet, mode="zero", level=1)
        return torch.stack([low, vertical, horizontal, diagonal], 1)

    def folded(x: Tensor) -> Tensor:
        return layer._over_space(x, layer._folded(mix), bias)

    def mixed(bands: Tensor) -> Tensor:
        return F.conv2d(bands.flatten(1, 2), mix, bias)

    def both_ways(run: object, x: Tensor) -> object:
        def step() -> None:
            y = run(x.detach().requires_grad_())
            y.backward(torch.ones_like(y))

        return step

    with torch.no_grad():
        gap = max(float((ours(x) - other(x)).abs().max()) for other in (by_pytorch_wavelets, by_ptwt))
    print(f"\n{wavelet}, input {list(x.shape)}; largest difference of the subbands: {gap:.1e}")
    transforms = {"ours": ours, "pytorch_wavelets": by_pytorch_wavelets, "ptwt": by_ptwt}
    work = {name: both_ways(run, x) for name, run in transforms.items()}
    report("transform", in_turns(work, rounds, clock), "ours")
    last = x.contiguous(memory_format=torch.channels_last)
    work = {"ours": both_ways(folded, last)}
    for name, run in transforms.items():
        label = "our transform, then 1x1" if name == "ours" else f"{name}, then 1x1"
        work[label] = both_ways(lambda x, run=run: mixed(run(x)), x)
    report("downsampling", in_turns(work, rounds, clock), "ours")


if __name__ == "__main__":
    main()
