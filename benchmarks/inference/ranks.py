"""Rank-k of trained weights by every figure of their protocol, plain and fast, and how many probes differ.

python benchmarks/inference/ranks.py walkers/trackletgait --checkpoint FILE [-o KEY=VALUE ...]
"""

from __future__ import annotations

import argparse

import gait_plugins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--checkpoint", help="default: the one that the configuration tests")
    parser.add_argument("-o", "--override", action="append", default=[])
    options = parser.parse_args()
    embedded = {
        name: gait_plugins.Embedder(
            gait_plugins.load_config(options.config, options.override),
            options.checkpoint,
            device="cpu",
            fast=name == "fast",
        ).test_set()
        for name in ("plain", "fast")
    }
    config = gait_plugins.load_config(options.config, options.override)
    protocol = config.evaluator_cfg.protocol.mapping()
    name = config.data_cfg.test_dataset_name or config.data_cfg.dataset_name
    plain, fast = (
        gait_plugins.evaluate(found, protocol, dataset_name=name).metrics for found in embedded.values()
    )
    print(f"{options.config}: {len(embedded['plain'])} sequences, {embedded['fast'].origin.precision}")
    for figure, value in plain.items():
        print(f"  {figure:32}{value:9.3f}{fast[figure]:9.3f}{fast[figure] - value:+9.3f}")


if __name__ == "__main__":
    main()
