"""The built-in plugins: each folder could be a package of its own."""

MANIFESTS = {
    "bodies": "gait_plugins.plugins.bodies",
    "clouds": "gait_plugins.plugins.clouds",
    "colour": "gait_plugins.plugins.colour",
    "films": "gait_plugins.plugins.films",
    "foundation": "gait_plugins.plugins.foundation",
    "hybrid": "gait_plugins.plugins.hybrid",
    "monitors": "gait_plugins.plugins.monitors",
    "opengait-host": "upstream_patches.host",
    "pose": "gait_plugins.plugins.pose",
    "report": "gait_plugins.plugins.report",
    "resgait": "gait_plugins.plugins.resgait",
    "rle": "gait_plugins.plugins.rle",
    "search": "gait_plugins.plugins.search",
    "tracklet": "gait_plugins.plugins.tracklet",
    "walkers": "gait_plugins.plugins.walkers",
    "zoo": "gait_plugins.plugins.zoo",
}
"""Entry point -> manifest, as ``pyproject.toml`` lists them for others: a damaged or left-over record of an
installation takes none of them away."""
