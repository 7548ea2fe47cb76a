"""Galleries from the command line: enrolled, searched, listed, calibrated, evaluated, removed, converted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny import TinyModel, seen_weights
from helpers.files.gallery_files import content, embeddings, gallery_of
from helpers.gallery_commands import MODEL, Gait, gait_in

from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.tools.embeddings import write_embeddings


@pytest.fixture
def gait(tiny: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gait:
    """Runs a command in a folder that holds tiny.yaml, the weights a.pt and walks of four people."""
    return gait_in(tmp_path, monkeypatch)


def test_people_are_enrolled_found_and_removed(gait: Gait) -> None:
    code, output = gait("enroll", "tiny.yaml", "people", "--gallery", "g", *MODEL, "--when", "2026-03-31")
    assert code == 0, output
    assert "20 sequences enrolled; g holds 20 of 4 identities" in output
    assert "smallest distance between two identities" in output
    code, output = gait(
        "enroll", "tiny.yaml", "people/001/nm-01/090", "--id", "new", "--gallery", "g", *MODEL
    )
    assert "1 sequences enrolled; g holds 21 of 5 identities" in output
    code, output = gait("enroll", "tiny.yaml", "people", "--gallery", "g", *MODEL)
    assert "20 sequences are already enrolled" in output
    words = ("identify", "tiny.yaml", "people/002/nm-03/090/090.pkl", "--gallery", "g", *MODEL)
    code, output = gait(*words)
    assert code == 0
    assert output.splitlines()[0] == "people/002/nm-03/090/090.pkl: 002"
    assert output.splitlines()[1].split() == ["1", "002", "0.0000", "002-nm-03-090"]
    assert len(output.splitlines()) == 6
    code, output = gait("gallery", "list", "g")
    assert "21 sequences of 5 people, 4 channels x 1 parts, float32" in output
    assert "000  5 sequences; nm-00, nm-01, nm-02, nm-03, nm-04; views 090; 2026-03-31" in output
    code, output = gait("gallery", "list", "g", "--sequences")
    assert "  001-nm-02-090; 5 frames; 2026-03-31; from people" in output
    assert "people/001/nm-01/090/090.pkl; 4 frames; 2" in output
    code, output = gait("gallery", "list", "g", "--json")
    assert [len(person["sequences"]) for person in json.loads(output)["people"]] == [5, 5, 5, 5, 1]
    code, output = gait("gallery", "remove", "g", "002")
    assert code == 0
    assert "5 sequences removed; g holds 16 of 4 people" in output
    assert b"002-nm" not in content(Path("g"))
    code, output = gait(*words, "--json")
    assert json.loads(output)[0]["matches"][0]["distance"] > 0
    assert "002" not in [match["identity"] for match in json.loads(output)[0]["matches"]]


def test_a_calibrated_gallery_says_unknown(gait: Gait) -> None:
    gait("enroll", "tiny.yaml", "people", "--gallery", "g", *MODEL)
    code, output = gait("gallery", "calibrate", "g", "--fmr", "0.001")
    assert code == 2
    assert "150 comparisons of 4 people: 3000 or more are needed" in output
    code, output = gait("gallery", "calibrate", "g", "--fmr", "0.05")
    assert code == 0, output
    assert (
        "it rests on 150 comparisons of 6 pairs of people (4 people, 20 sequences); 7 of them match" in output
    )
    assert "warning: the rate rests on 150 comparisons" in output
    with Gallery(Path("g")) as gallery:
        record = gallery.thresholds()["euc"]
    assert record["comparisons"] == 150
    code, output = gait("gallery", "list", "g")
    assert f"threshold {record['threshold']:.4f} (euc) for a false-match rate of 0.05" in output
    np.save("far.npy", np.full((5, 8, 8), 255, np.uint8))
    words = ("identify", "tiny.yaml", "far.npy", "people/000/nm-00/090/090.pkl", "--gallery", "g", *MODEL)
    code, output = gait(*words, "--json")
    assert code == 0
    far, near = json.loads(output)
    assert (far["identity"], near["identity"]) == (None, "000")
    assert json.loads(gait(*words, "--json", "--unknown-above", "1000")[1])[0]["identity"] is not None
    gait("gallery", "remove", "g", "003")
    changed = "its threshold was found among 20 sequences of 4 people, and it holds"
    assert f"{changed} 15 of 3 now" in gait(*words)[1]
    gait("gallery", "calibrate", "g", "--fmr", "0.1")
    assert "its threshold was found" not in gait(*words)[1]
    # Somebody else in place of one: as many as before, and other people.
    gait("gallery", "remove", "g", "002")
    for number in range(5):
        place = f"people/002/nm-0{number}/090"
        gait("enroll", "tiny.yaml", place, "--id", "new", "--gallery", "g", *MODEL)
    assert "15 sequences of 3 people, and it holds 15 of 3 now, or others" in gait(*words)[1]


def test_a_labelled_set_is_evaluated(gait: Gait) -> None:
    gallery_of(Path("g"), embeddings(40, 3, noise=1.0)).close()
    write_embeddings(Path("probes.npz"), embeddings(50, 2, noise=1.0, seed=4))
    code, output = gait("gallery", "evaluate", "g")
    assert code == 0
    assert "120 comparisons of one person, 7020 of two people (euc)" in output
    assert "at a false-match rate of 0.001" in output
    assert "at the threshold" not in output
    gait("gallery", "calibrate", "g", "--fmr", "0.01", "--metric", "cos")
    code, output = gait("gallery", "evaluate", "g", "probes.npz", "--metric", "cos", "--out", "det.csv")
    assert "at the threshold 0." in output
    assert "searches for strangers: " in output
    assert Path("det.csv").read_text().startswith("threshold,fmr,fnmr")
    told = json.loads(gait("gallery", "evaluate", "g", "probes.npz", "--unknown-above", "2", "--json")[1])
    assert (told["searches"]["enrolled"], told["searches"]["strangers"]) == (80, 20)


def test_old_galleries_are_listed_converted_and_told_apart(gait: Gait) -> None:
    gait("enroll", "tiny.yaml", "people", "--gallery", "g.npz", *MODEL)
    assert "20 sequences of 4 people" in gait("gallery", "list", "g.npz")[1]
    code, output = gait("gallery", "remove", "g.npz", "001")
    assert code == 2
    assert "gait-plugins gallery convert g.npz g.gallery" in output
    assert (
        "20 sequences: g.gallery" in gait("gallery", "convert", "g.npz", "g.gallery", "--dtype", "float16")[1]
    )
    assert "keeps no times, sources" in gait("gallery", "convert", "g.gallery", "copy.npz")[1]
    gait("embed", "tiny.yaml", "people/001/nm-01/090/090.pkl", "-O", "probes.npz", *MODEL)
    code, output = gait("gallery", "evaluate", "g.npz", "probes.npz")
    assert code == 2
    assert "probes.npz: a sequence of the labelled set has no identity" in output
    words = ("identify", "tiny.yaml", "people", *MODEL, "--json")
    old, new = (json.loads(gait(*words, "--gallery", name)[1]) for name in ("g.npz", "g.gallery"))
    assert [answer["identity"] for answer in old] == [answer["identity"] for answer in new]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gallery", "list", "nowhere"), "there is no such file"),
        (("gallery", "list", "people"), "this is no gallery"),
        (("gallery", "remove", "g"), "not said who is removed"),
        (("gallery", "remove", "g", "person-1"), "did you mean 'person-001'"),
        (("gallery", "calibrate", "g", "--fmr", "2"), "above 0 and below 1"),
        (("gallery", "calibrate", "g", "--metric", "l1"), "expected euc or cos"),
        (("gallery", "evaluate", "g", "--out", "det.pdf"), "written as .csv, .json or .png"),
        (("gallery", "evaluate", "g", "--unknown-above", "-1"), "0 or more"),
        (("gallery", "convert", "g", "h"), "both are galleries in folders"),
        (("gallery", "convert", "g", "h.npz", "--dtype", "int8"), "expected float32 or float16"),
        (("enroll", "tiny.yaml", "people", "--gallery", "g", *MODEL), "another origin"),
        (("enroll", "tiny.yaml", "people", "--gallery", "h", "--when", "today", *MODEL), "in ISO 8601"),
        (
            ("enroll", "tiny.yaml", "people", "--gallery", "h", "--dtype", "int8", *MODEL),
            "float32 or float16",
        ),
        (("identify", "tiny.yaml", "people", "--gallery", "g", *MODEL), "another origin"),
        (("identify", "tiny.yaml", "people", "--gallery", "g", "-k", "9", *MODEL), "holds 2 identities"),
        (("identify", "tiny.yaml", "people", "--gallery", "g", "--index", "exat", *MODEL), "'exact'"),
        (("identify", "tiny.yaml", "people", "--gallery", "g", "--index", "{", *MODEL), "is no YAML"),
        (("identify", "tiny.yaml", "people", "--gallery", "o.npz", "--index", "faiss", *MODEL), "an index"),
    ],
)
def test_bad_input_ends_with_words_and_code_two(gait: Gait, words: tuple[str, ...], said: str) -> None:
    data = embeddings(2, 2)
    gallery_of(Path("g"), data).close()
    write_embeddings(Path("o.npz"), data)
    before = content(Path("g"))
    code, output = gait(*words)
    assert code == 2, output
    assert said in output
    assert content(Path("g")) == before
    assert not Path("h").exists()


def test_untrained_models_name_nobody(gait: Gait) -> None:
    gait("enroll", "tiny.yaml", "people", "--gallery", "g", *MODEL)
    torch.save({"model": TinyModel().state_dict()}, "random.pt")
    weights = seen_weights()
    torch.save({"model": {k: v for k, v in weights.items() if not k.startswith("conv")}}, "part.pt")
    loose = ("--override", "evaluator_cfg.restore_ckpt_strict=false")
    for file, more, said in (
        ("random.pt", (), "random: they were never"),
        ("part.pt", loose, "partly restored"),
    ):
        for words in (("enroll", "--gallery", "h"), ("enroll", "--gallery", "h.npz")):
            code, output = gait(words[0], "tiny.yaml", "people", *words[1:], "--checkpoint", file, *more)
            assert code == 2
            assert said in output
            assert "this model may name nobody" in output
    assert not list(Path().glob("h*"))
    assert gait("embed", "tiny.yaml", "people", "-O", "e.npz", "--checkpoint", "random.pt")[0] == 0


def test_a_model_of_synthetic_people_names_them_with_a_warning(gait: Gait) -> None:
    made_up = {"data_cfg": {"type": "walkers"}, "model_cfg": {"model": "TinyModel"}}
    torch.save({"model": seen_weights(), "config": made_up, "iteration": 5, "format": 1}, "a.pt")
    for words in (("enroll", "tiny.yaml", "people"), ("identify", "tiny.yaml", "people")):
        code, output = gait(*words, "--gallery", "g", *MODEL)
        assert code == 0, output
        assert "trained on synthetic people (walkers)" in output
