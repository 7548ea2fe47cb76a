"""Installing: as a wheel, as an editable copy and merely unpacked, every shipped configuration is found."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from helpers.components.environments import Environment
from helpers.places import ROOT

LOAD_ALL = """
import json
from pathlib import Path
import gait_plugins
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.config.yaml.sources import locate, shipped, shipped_recipes
for name in shipped():
    load_config(name)
for name in shipped_recipes():
    load_recipe(name)
names = [*shipped(), *shipped_recipes()]
home = str(Path(gait_plugins.__file__).parents[1])
print(json.dumps({"names": sorted(names), "home": home, "file": str(locate("trackletgait/gait3d"))}))
"""

NAMES = sorted(
    path.relative_to(ROOT / "configs").with_suffix("").as_posix()
    for path in (ROOT / "configs").rglob("*.yaml")
    if not path.name.startswith("_")
)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        # Python before 3.11.4 knows no filters.
        tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return next(path for path in folder.iterdir() if path.is_dir())


def test_there_are_configurations() -> None:
    assert len(NAMES) > 80


@pytest.mark.heavy
@pytest.mark.parametrize("way", ["installed", "editable", "unpacked"])
def test_every_shipped_name_is_found_and_loads(way: str, unpacked: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path, with_tested=False)
    given: dict[str, str] = {}
    if way == "unpacked":
        given["PYTHONPATH"] = str(unpacked)
    else:
        environment.install(unpacked, editable=way == "editable")
    done = environment.python_run("-c", LOAD_ALL, **given)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["names"] == NAMES
    home = Path(found["home"])
    assert home.is_relative_to(unpacked if way == "unpacked" else tmp_path)
    inside = "gait_plugins/configs" if way == "installed" else "configs"
    assert Path(found["file"]) == home / inside / "trackletgait" / "gait3d.yaml"
