"""Publishing: what is written of a run, what its card says, and its upload to a hub on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from helpers.components.tiny_training import run
from helpers.hosts.weights_server import COMMIT, TOKEN, WeightsServer, weights_server
from typer.testing import CliRunner

from gait_plugins import CheckpointError, load_config
from gait_plugins.cli import app
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.publish.source import read_publishable
from gait_plugins.io.atomic import file_sha256

REPO = "acme/tiny-walks"
FILES = {"README.md", "config.yaml", "model.safetensors", "results.json"}


@pytest.fixture
def trained(tiny: object, tiny_yaml: Path) -> Path:
    """The run folder of a training with a test."""
    run(tiny_yaml, "trainer_cfg.with_test=true")
    [folder] = {path.parent.parent for path in tiny_yaml.parent.rglob("checkpoints/*.pt")}
    return folder


def push(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["checkpoint", "push", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


def header(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_a_dry_run_writes_what_would_be_uploaded(trained: Path, tmp_path: Path):
    out = tmp_path / "card"
    told = push(trained, REPO, "--licence", "apache-2.0", "--dry-run", "-O", out)
    assert "nothing was uploaded" in told
    assert {path.name for path in out.iterdir()} == FILES
    weights = out / "model.safetensors"
    assert file_sha256(weights) in told
    last = load_checkpoint(trained / "checkpoints" / "tiny-00006.pt")
    found = load_checkpoint(weights)
    assert found["iteration"] == 6
    assert all(found["model"][key].equal(value) for key, value in last["model"].items())


def test_the_card_says_what_the_weights_are(trained: Path, tmp_path: Path):
    push(trained, REPO, "--licence", "apache-2.0", "--dry-run", "-O", tmp_path / "card")
    card = (tmp_path / "card" / "README.md").read_text()
    [results] = [json.loads(path.read_text()) for path in trained.glob("results-6-*.json")]
    told = header(card)
    assert told["license"] == "apache-2.0"
    assert told["pipeline_tag"] == "image-feature-extraction"
    assert {"gait-recognition", "TinyModel"} <= set(told["tags"])
    [entry] = told["model-index"][0]["results"]
    assert entry["dataset"]["name"] == results["dataset"]
    assert {m["name"] for m in entry["metrics"]} == set(results["metrics"])
    assert file_sha256(tmp_path / "card" / "model.safetensors") in card
    assert results["protocol"] in card
    for name, value in results["metrics"].items():
        assert f"| {name} | {value:.2f} |" in card
    assert f"hf download {REPO} model.safetensors config.yaml" in card
    assert "gait-plugins embed weights/config.yaml" in card


def test_nothing_tells_of_this_machine(trained: Path, tmp_path: Path):
    push(trained, REPO, "--licence", "other", "--dry-run", "-O", tmp_path / "card")
    for path in (tmp_path / "card").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()
    written = yaml.safe_load((tmp_path / "card" / "config.yaml").read_text())
    assert written["output_dir"] == "output"


def test_what_was_written_can_be_used(trained: Path, tmp_path: Path):
    push(trained, REPO, "--licence", "other", "--dry-run", "-O", tmp_path / "card")
    config = load_config(tmp_path / "card" / "config.yaml")
    read = read_publishable(tmp_path / "card" / "model.safetensors", str(tmp_path / "card" / "config.yaml"))
    assert read.config.model_cfg.name == config.model_cfg.name == "TinyModel"


def test_the_best_checkpoint_goes_before_the_last(trained: Path):
    shutil.copy(trained / "checkpoints" / "tiny-00006.pt", trained / "checkpoints" / "best.pt")
    assert read_publishable(trained).file.name == "best.pt"


def test_figures_of_other_weights_are_not_told(trained: Path, tmp_path: Path):
    for path in trained.glob("results-6-*.json"):
        path.rename(path.with_name(path.name.replace("-6-", "-5-")))
    push(trained, REPO, "--licence", "other", "--dry-run", "-O", tmp_path / "card")
    card = (tmp_path / "card" / "README.md").read_text()
    assert "None were published with these weights." in card
    assert "model-index" not in card
    assert not (tmp_path / "card" / "results.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tiny", "--licence", "mit"], "the repository is 'tiny'"),
        ([REPO, "--licence", "my own words"], "the licence is 'my own words'"),
        ([REPO, "--licence", "mit", "--dry-run", "-O", "."], "the folder holds files"),
        ([REPO, "--licence", "mit", "-O", "x"], "-O names the folder of --dry-run"),
    ],
)
def test_wrong_words_are_refused(trained: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(trained)
    assert said in push(trained, *words, code=2)


def test_a_folder_without_checkpoints_is_none(tiny: object, tmp_path: Path):
    told = push(tmp_path, REPO, "--licence", "mit", "--dry-run", code=2)
    assert "the folder is no run folder with checkpoints" in told


def test_weights_of_another_model_are_refused(trained: Path, tmp_path: Path):
    checkpoint = load_checkpoint(trained / "checkpoints" / "tiny-00006.pt")
    config = checkpoint["config"]
    config["model_cfg"]["channels"] = 7
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(CheckpointError, match="the weights do not fit TinyModel"):
        read_publishable(trained, str(tmp_path / "other.yaml"))


# huggingface_hub 2.4 uploads large files by an argument that its own client has deprecated.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
class TestUpload:
    """On a hub of this machine."""

    @pytest.fixture
    def server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsServer]:
        constants = pytest.importorskip("huggingface_hub.constants")
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        # The server takes large files by LFS alone.
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        with weights_server() as started:
            monkeypatch.setenv("HF_ENDPOINT", started.url)
            monkeypatch.setattr(constants, "ENDPOINT", started.url)  # it is read once, at the import
            yield started

    def test_everything_is_uploaded_in_one_commit_and_private(self, trained: Path, server: WeightsServer):
        told = push(trained, REPO, "--licence", "apache-2.0")
        assert f"{server.url}/{REPO}: private, commit {COMMIT}" in told
        repository = server.repositories[REPO]
        assert repository.private
        assert set(repository.files) == FILES
        assert server.count("POST", f"/api/models/{REPO}/commit/main") == 1
        digest = told.split("sha256 ")[1].split()[0]
        assert f'sha256="{digest}"' in told
        assert f'HubFile("{REPO}", "model.safetensors", revision="{COMMIT}")' in told
        assert header(repository.files["README.md"].decode())["license"] == "apache-2.0"

    def test_a_second_upload_goes_to_the_same_repository(self, trained: Path, server: WeightsServer):
        push(trained, REPO, "--licence", "apache-2.0")
        push(trained, REPO, "--licence", "mit")
        assert server.count("POST", "/api/repos/create") == 1
        assert b"license: mit" in server.repositories[REPO].files["README.md"]

    def test_a_public_repository_is_left_alone_unless_asked(self, trained: Path, server: WeightsServer):
        push(trained, REPO, "--licence", "apache-2.0", "--public")
        assert not server.repositories[REPO].private
        told = push(trained, REPO, "--licence", "mit", code=2)
        assert "the repository is there already, and everybody can see it" in told

    def test_without_a_token(self, trained: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("HF_TOKEN")
        told = push(trained, REPO, "--licence", "mit", code=2)
        assert "there is no token for the Hub" in told
        assert "hf auth login" in told
        assert server.asked == []

    def test_with_a_token_that_is_not_known(
        self, trained: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
        told = push(trained, REPO, "--licence", "mit", code=2)
        assert "the Hub does not accept the token (401)" in told
        assert server.repositories == {}

    def test_with_a_token_that_may_not_write(self, trained: Path, server: WeightsServer):
        server.statuses["/api/repos/create"] = 403
        told = push(trained, REPO, "--licence", "mit", code=2)
        assert "the token has no right to do this" in told

    def test_offline(self, trained: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        assert "HF_HUB_OFFLINE is set" in push(trained, REPO, "--licence", "mit", code=2)

    def test_a_hub_that_is_not_there(
        self, trained: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        assert "the Hub cannot be reached" in push(trained, REPO, "--licence", "mit", code=2)
