"""The second host with the tiny plugin, as a process of its own: CHECKOUT YAML PHASE [OVERRIDE ...]."""

import sys

from gait_plugins.registry.manager import Manager, use_manager
from helpers.components.tiny import TinyPlugin
from upstream_patches.checkout.tree import Checkout
from upstream_patches.run.program import RunOptions, run

if __name__ == "__main__":
    home, config, phase, *overrides = sys.argv[1:]
    manager = Manager(allow=[])
    manager.register(TinyPlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    options = RunOptions(device="cpu", overrides=tuple(overrides), allow_unpinned=True)
    run(Checkout.find(home), ["--cfgs", config, "--phase", phase], options)
