"""Galleries on a server from the command line: the same commands, with an address in place of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.files.gallery_files import embeddings, gallery_of
from helpers.gallery_commands import MODEL, Gait, gait_in
from helpers.postgres_server import PASSWORD, PostgresServer

from gait_plugins.core.galleries.address import place_of
from gait_plugins.core.tools.embeddings import write_embeddings


@pytest.fixture
def gait(tiny: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gait:
    return gait_in(tmp_path, monkeypatch)


@pytest.fixture
def address(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The address of a gallery that is not there yet; its password is in a password file."""
    passwords = tmp_path / "passwords"
    passwords.write_text(f"*:*:*:*:{PASSWORD}".replace(":open:", ":open\\:"))
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    return str(postgres.place())


def test_people_are_enrolled_found_and_removed(gait: Gait, address: str, postgres: PostgresServer) -> None:
    enroll = ("enroll", "tiny.yaml", "people", "--gallery", address, *MODEL)
    code, output = gait(*enroll, "--when", "2026-03-31")
    assert code == 0, output
    assert f"20 sequences enrolled; {address} holds 20 of 4 identities" in output
    assert "smallest distance between two identities" in output
    assert "20 sequences are already enrolled" in gait(*enroll)[1]
    words = ("identify", "tiny.yaml", "people/002/nm-03/090/090.pkl", "--gallery", address, *MODEL)
    code, output = gait(*words)
    assert code == 0, output
    assert output.splitlines()[1].split() == ["1", "002", "0.0000", "002-nm-03-090"]
    code, output = gait("gallery", "list", address)
    assert "20 sequences of 4 people, 4 channels x 1 parts, float32" in output
    assert "000  5 sequences; nm-00, nm-01, nm-02, nm-03, nm-04; views 090; 2026-03-31" in output
    code, output = gait("gallery", "list", address, "--json")
    assert [len(person["sequences"]) for person in json.loads(output)["people"]] == [5, 5, 5, 5]
    code, output = gait("gallery", "remove", address, "002")
    assert code == 0, output
    assert f"5 sequences removed; {address} holds 15 of 3 people" in output
    assert "write-ahead log, its replicas and backups" in output
    found = json.loads(gait(*words, "--json")[1])[0]["matches"]
    assert "002" not in [match["identity"] for match in found]
    code, output = gait("gallery", "remove", address, "--sequence", "001-nm-02-090", "--rewrite")
    assert code == 0, output
    assert "1 sequences removed" in output
    assert not postgres.holds(b"001-nm-02-090")
    assert postgres.holds(b"001-nm-03-090")


def test_a_calibrated_gallery_says_unknown_and_is_evaluated(gait: Gait, address: str) -> None:
    gait("enroll", "tiny.yaml", "people", "--gallery", address, *MODEL, "--dtype", "float16")
    code, output = gait("gallery", "calibrate", address, "--fmr", "0.05")
    assert code == 0, output
    assert "it rests on 150 comparisons of 6 pairs of people (4 people, 20 sequences)" in output
    np.save("far.npy", np.full((5, 8, 8), 255, np.uint8))
    words = ("identify", "tiny.yaml", "far.npy", "people/000/nm-00/090/090.pkl", "--gallery", address, *MODEL)
    far, near = json.loads(gait(*words, "--json")[1])
    assert (far["identity"], near["identity"]) == (None, "000")
    gait("gallery", "remove", address, "003")
    output = gait(*words)[1]
    assert f"{address}: its threshold was found among 20 sequences of 4 people" in output
    code, output = gait("gallery", "evaluate", address)
    assert code == 0, output
    assert "at the threshold" in output


def test_galleries_move_between_a_folder_and_a_server(
    gait: Gait, address: str, postgres: PostgresServer
) -> None:
    gait(
        "enroll",
        "tiny.yaml",
        "people",
        "--gallery",
        "g",
        *MODEL,
        "--when",
        "2026-03-31",
        "--dtype",
        "float16",
    )
    gait("gallery", "calibrate", "g", "--fmr", "0.05")
    code, output = gait("gallery", "convert", "g", address)
    assert (code, output) == (0, f"20 sequences: {address}\n")
    second = str(postgres.place())
    assert gait("gallery", "convert", address, second)[0] == 0
    assert gait("gallery", "convert", second, "back")[0] == 0
    listed = [gait("gallery", "list", place, "--json")[1] for place in ("g", address, second, "back")]
    assert listed[0] == listed[1] == listed[2] == listed[3]
    assert "20 of 4" not in gait("gallery", "list", "back")[1]
    code, output = gait("gallery", "convert", address, "copy.npz")
    assert "keeps no times, sources" in output
    assert gait("gallery", "convert", "copy.npz", str(postgres.place()))[0] == 0
    code, output = gait("gallery", "convert", "g", address)
    assert code == 2
    assert f"{address}: there is something under this name already" in output


def test_bad_input_ends_with_words_and_code_two(
    gait: Gait, address: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery_of(place_of(postgres.text(address.partition("schema=")[2])), embeddings(2, 2)).close()
    write_embeddings(Path("o.npz"), embeddings(2, 2))
    empty = str(postgres.place())
    wrong = postgres.text("gallery_1", password="wr0ng-secret")
    gone = "postgresql://ann:wr0ng-secret@127.0.0.1:1/gait"
    commands = (
        ("gallery", "list"),
        ("gallery", "remove"),
        ("gallery", "calibrate"),
        ("gallery", "evaluate"),
        ("gallery", "convert", "o.npz"),
        ("enroll", "tiny.yaml", "people", *MODEL, "--gallery"),
        ("identify", "tiny.yaml", "people", *MODEL, "--gallery"),
    )
    for command in commands:
        more = ("person-000",) if "remove" in command else ()
        for given, said in (
            (wrong, "lets nobody in with this account or password"),
            (gone, "the server is not reached"),
            ("postgresql:wr0ng-secret", "cannot be read"),
            ("postgresql://ann:wr0ng-secret@h:x/d", "cannot be read"),
            ("postgresql:///gait?pasword=wr0ng-secret", "did you mean 'password'"),
        ):
            code, output = gait(*command, given, *more)
            assert code == 2, output
            assert said in output
            assert "wr0ng-secret" not in output
    for command, said in (
        (("gallery", "list", empty), "has no gallery in the schema"),
        (("identify", "tiny.yaml", "people", "--gallery", empty, *MODEL), "has no gallery in the schema"),
        (("gallery", "remove", address, "person-1"), "did you mean 'person-001'"),
        (("enroll", "tiny.yaml", "people", "--gallery", address, *MODEL), "another origin"),
        (("identify", "tiny.yaml", "people", "--gallery", address, *MODEL), "another origin"),
        (("gallery", "calibrate", address, "--fmr", "0.1"), "30 or more are needed"),
    ):
        code, output = gait(*command)
        assert code == 2, output
        assert said in output
    monkeypatch.delenv("PGPASSFILE")
    assert "no password supplied" in gait("gallery", "list", address)[1]


def test_a_password_in_the_address_is_warned_of_and_not_repeated(
    gait: Gait, postgres: PostgresServer
) -> None:
    address = postgres.text(postgres.place().schema)
    code, output = gait("enroll", "tiny.yaml", "people", "--gallery", address, *MODEL)
    assert code == 0, output
    assert "has a password in it" in output
    code, listed = gait("gallery", "list", address, "--sequences")
    for text in (output, listed, gait("gallery", "list", address, "--json")[1]):
        assert PASSWORD not in text
        assert "open%3Ase" not in text
