"""The pages on checkpoints and embeddings: every command on them works, and so does the Python."""

from __future__ import annotations

import pickle
import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML, TinyModel, TinyWalks, seen_weights
from helpers.places import DOCS
from helpers.postgres_server import PostgresServer
from typer.testing import CliRunner

from gait_plugins.cli import app


@pytest.fixture
def page(
    request: pytest.FixtureRequest, tiny: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A page's text; the working directory holds the files that it names."""
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text(TINY_YAML)
    torch.save({"model": seen_weights(5 if request.param == "checkpoints" else 4)}, "weights.pt")
    walks = TinyWalks()
    first, *others = walks.sequences("test")
    Path("walk.pkl").write_bytes(pickle.dumps(walks.load(first)[0]))
    Path("frames").mkdir()
    for number, frame in enumerate(walks.load(first)[0]):
        cv2.imwrite(f"frames/{number}.png", frame)
    for ref in others:
        folder = Path("people") / ref.label / ref.type / ref.view
        folder.mkdir(parents=True)
        np.save(folder / "090.npy", walks.load(ref)[0])
    walker = Path("masks/ada/nm-01/090")
    walker.mkdir(parents=True)
    for number in range(12):
        frame = cv2.ellipse(np.zeros((64, 64), np.uint8), (32, 32), (8 + number % 3, 29), 0, 0, 360, 255, -1)
        cv2.imwrite(str(walker / f"{number}.png"), frame)
    return (DOCS / f"{request.param}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", ["checkpoints", "embeddings", "galleries"], indirect=True)
def test_every_command_of_the_page_works(page: str) -> None:
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    assert len(commands) >= 3
    for command in commands:
        program, *words = shlex.split(command)
        result = CliRunner().invoke(app, words)
        assert program == "gait-plugins"
        # The file is for five identities, the configuration for four: what the page is about.
        expected = 2 if "--config" in words else 0
        assert result.exit_code == expected, f"{command}\n{result.output}"


@pytest.mark.parametrize("page", ["galleries"], indirect=True)
def test_every_command_for_a_server_works(page: str, postgres: PostgresServer) -> None:
    place = postgres.place()
    given = {"ann@db.example/gait?schema=staff": f"{place.schema}_staff", "ann@db.example/gait": place.schema}
    written = [line for block in blocks(page, "bash") for line in block.splitlines() if "ann@db" in line]
    assert len(written) == 5
    folder = [line for line in blocks(page, "sh")[0].splitlines() if "enroll my.yaml people" in line]
    for command in folder + written:
        program, *words = shlex.split(command)
        for text, schema in given.items():
            whole = f"postgresql://{text}"
            words = [postgres.text(schema) if word == whole else word for word in words]
        result = CliRunner().invoke(app, words)
        assert program == "gait-plugins"
        assert result.exit_code == 0, f"{command}\n{result.output}"
    rights = page[page.index("GRANT USAGE") :].partition("```")[0]
    schema = f"{place.schema}_staff"
    postgres.execute("CREATE ROLE watcher LOGIN PASSWORD 'w'; CREATE ROLE clerk LOGIN PASSWORD 'c'")
    postgres.execute(rights.replace("SCHEMA staff", f"SCHEMA {schema}"))
    listed = CliRunner().invoke(app, ["gallery", "list", postgres.text(schema, "watcher", "w")])
    postgres.execute("DROP OWNED BY watcher, clerk; DROP ROLE watcher; DROP ROLE clerk")
    assert listed.exit_code == 0, listed.output


@pytest.mark.parametrize("page", ["checkpoints", "embeddings", "galleries"], indirect=True)
def test_the_python_of_the_page_works(page: str) -> None:
    code = "\n".join(blocks(page, "python"))
    assert code
    given: dict[str, Any] = {
        "Path": Path,
        "path": Path("weights.pt"),
        "model": TinyModel(),
        "frames": np.zeros((3, 8, 8), np.uint8),
    }
    exec(code, given)
    answers = given.get("answers")
    assert answers is None or len(answers[0].matches) == 3
    assert "report" not in given or given["report"].head.file == 5


@pytest.mark.parametrize("page", ["embeddings"], indirect=True)
def test_the_page_lists_the_arrays_of_the_file(page: str) -> None:
    words = ["embed", "my.yaml", "walk.pkl", "--checkpoint", "weights.pt", "-O", "a.npz"]
    assert CliRunner().invoke(app, words).exit_code == 0
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    with np.load("a.npz") as arrays:
        assert set(arrays.files) == listed
