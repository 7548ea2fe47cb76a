"""Configurations in YAML: schema, defaults, merging, and errors with ``file:line`` before any work.

Importing this package needs no torch; loading a configuration imports the components that it names.
"""

from gait_plugins.config.building import build, component_spec
from gait_plugins.config.loading import load_config
from gait_plugins.config.problems import ConfigProblems, Problem
from gait_plugins.config.sections import Config
from gait_plugins.config.specs import ComponentSpec, LossSpec, SamplerSpec
from gait_plugins.config.yaml.sources import shipped

__all__ = [
    "ComponentSpec",
    "Config",
    "ConfigProblems",
    "LossSpec",
    "Problem",
    "SamplerSpec",
    "build",
    "component_spec",
    "load_config",
    "shipped",
]
