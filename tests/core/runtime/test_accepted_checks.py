"""Answers that are given again: what an answer depends on makes it new, a damaged store loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.children import import_path

from gait_plugins.core.runtime import accepted

PROGRAM = """
import os, sys
from pathlib import Path
from gait_plugins.core.runtime import accepted
if not os.environ.get("CAREFUL"):
    accepted._FRESH = -10**15
fresh = "--fresh" in sys.argv
question = [word for word in sys.argv[1:] if word != "--fresh"]

def answer():
    with open("made.txt", "a") as made:
        made.write("x")
    import part
    read = Path(os.environ.get("READ", "read.txt"))
    print(part.TEXT, read.read_text(), Path("perhaps").is_file(), sorted(os.listdir("listed")))
    if "warns" in question:
        print("odd", file=sys.stderr)
    if "fails" in question:
        sys.exit("refused")
    if "asks" in question:
        import subprocess
        subprocess.run([sys.executable, "-c", ""])

accepted.answer_again(question, answer, fresh=fresh)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for folder in ("code", "listed"):
        (tmp_path / folder).mkdir()
    (tmp_path / "code" / "program.py").write_text(PROGRAM)
    (tmp_path / "code" / "part.py").write_text("TEXT = 'one'\n")
    (tmp_path / "read.txt").write_text("two")
    return tmp_path


def asked(place: Path, *words: str, given: Path | None = None, **variables: str) -> tuple[str, bool]:
    """What is printed, and whether the answer was made anew; standard input is the file ``given``."""
    made = place / "made.txt"
    before = made.stat().st_size if made.exists() else 0
    env = {**os.environ, "GAIT_PLUGINS_CACHE": str(place / "cache"), "PYTHONPATH": import_path(), **variables}
    env.pop("PYTHONPYCACHEPREFIX", None)
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "code/program.py", *words]
    with open(given or os.devnull) as standard_input:
        done = subprocess.run(
            command, cwd=place, env=env, stdin=standard_input, capture_output=True, text=True, check=False
        )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout, made.stat().st_size > before


def test_an_unchanged_question_is_answered_at_once_and_in_the_same_words(place: Path):
    first, again = asked(place, "q"), asked(place, "q")
    assert first == ("one two False []\n", True)
    assert again == ("one two False []\n", False)


def _code(place: Path) -> None:
    (place / "code" / "part.py").write_text("TEXT = 'eins'\n")


def _read(place: Path) -> None:
    (place / "read.txt").write_text("owt")  # of the same size


def _put_back_in_time(place: Path) -> None:
    file = place / "read.txt"
    times = file.stat()
    file.write_text("owt")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _gone(place: Path) -> None:
    for file in (place / "cache" / "checks").glob("*.z"):
        file.unlink()


def _there_now(place: Path) -> None:
    (place / "perhaps").write_text("")


def _listed(place: Path) -> None:
    (place / "listed" / "new").mkdir()


def _installed(place: Path) -> None:
    (place / "code" / "other-1.0.dist-info").mkdir()


def _cut_short(place: Path) -> None:
    for file in (place / "cache" / "checks").glob("*.z"):
        file.write_bytes(file.read_bytes()[:100])


def _flipped(place: Path) -> None:
    for file in (place / "cache" / "checks").glob("*.z"):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)


CHANGES = [_code, _read, _put_back_in_time, _gone, _there_now, _listed, _installed, _cut_short, _flipped]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_an_answer_depends_on_makes_it_new(place: Path, change) -> None:
    asked(place, "q")
    assert not asked(place, "q")[1]
    change(place)
    text, is_new = asked(place, "q")
    assert is_new
    part = (place / "code" / "part.py").read_text().split("'")[1]
    names = sorted(os.listdir(place / "listed"))
    assert text == f"{part} {(place / 'read.txt').read_text()} {(place / 'perhaps').is_file()} {names}\n"


def test_another_question_variable_or_python_is_another_answer(place: Path):
    asked(place, "q")
    assert asked(place, "r")[1]
    assert asked(place, "q", GAIT_PLUGINS_LOAD="")[1]
    assert asked(place, "q", PYTHONWARNINGS="error")[1]
    assert asked(place, "q", "--fresh")[1]
    assert not asked(place, "q", COLUMNS="33")[1]


@pytest.mark.parametrize("kind", ["warns", "fails", "asks"])
def test_only_answers_without_a_word_beside_them_are_kept(place: Path, kind: str):
    assert asked(place, kind)[1]
    assert asked(place, kind)[1]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there are no files in memory here")
def test_files_in_memory_are_files(place: Path):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        file = Path(folder, "read.txt")
        file.write_text("two")
        asked(place, "q", READ=str(file))
        assert not asked(place, "q", READ=str(file))[1]
        file.write_text("owt")
        assert asked(place, "q", READ=str(file)) == ("one owt False []\n", True)


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="standard input has no name here")
def test_an_answer_from_standard_input_is_not_kept(place: Path):
    other = place / "other.txt"
    other.write_text("owt")
    assert asked(place, "q", given=place / "read.txt", READ="/dev/stdin") == ("one two False []\n", True)
    assert asked(place, "q", given=other, READ="/dev/stdin") == ("one owt False []\n", True)


def test_a_machine_that_was_started_again_is_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    boot, gpu = tmp_path / "boot", tmp_path / "gpu"
    monkeypatch.setattr(accepted, "_BOOT", str(boot))
    monkeypatch.setattr(accepted, "_GPUS", (str(gpu),))
    keys = [accepted._key(["q"])]
    for file in (boot, gpu):
        file.write_text("1")
        keys.append(accepted._key(["q"]))
    assert len(set(keys)) == 3
    assert accepted._key(["q"]) == keys[-1]


def test_what_was_just_changed_is_asked_again(place: Path):
    assert asked(place, "q", CAREFUL="1")[1]
    assert asked(place, "q", CAREFUL="1")[1]


def test_a_store_that_cannot_be_written_is_none(place: Path):
    (place / "cache").write_text("a file")
    assert asked(place, "q") == ("one two False []\n", True)
    assert asked(place, "q") == ("one two False []\n", True)


def test_the_store_stays_small(place: Path):
    asked(place, "q")
    folder = place / "cache" / "checks"
    for number in range(70):
        old = folder / f"{number:064}.z"
        old.write_bytes(b"")
        os.utime(old, (number, number))
    asked(place, "r")
    assert len(list(folder.glob("*.z"))) == 64
    assert not asked(place, "q")[1]
