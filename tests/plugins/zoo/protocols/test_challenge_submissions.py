"""Files for the servers of GREW and HID: lines, names, re-ranking, and nothing that looks like a figure."""

import csv
import io

import numpy as np
import pytest
from helpers.files.walks import embedded, every, unembedded

from gait_plugins import DataError, build
from gait_plugins.core.evaluate.report import print_results, write_results
from gait_plugins.metrics import part_distances, rerank


def protocol(name, **options):
    return build("protocol", {"eval_func": f"{name}_submission", **options})


def grew(count=25, noise=0.3):
    people = [f"{i:05d}" for i in range(count)]
    walks = [*every(people, ["01", "02"], ["x"]), *[("probe", "03", f"video{i}") for i in range(4)]]
    data = embedded(walks, "GREW", noise=noise)
    data.embeddings[-4:] = data.embeddings[[6, 8, 10, 12]] + 1e-3
    return data


def hid(count=6, noise=0.5):
    people = [f"{i:03d}" for i in range(count)]
    walks = [*every(people, ["default"], ["0", "1"]), *every(["probe"], ["default"], ["v0", "v1", "v2"])]
    data = embedded(walks, "HID", noise=noise)
    data.embeddings[-3:] = data.embeddings[[4, 0, 10]] + 1e-3
    return data


def lines(results):
    (text,) = results.files.values()
    return list(csv.reader(io.StringIO(text)))


def test_grew_lists_the_twenty_nearest_of_each_video():
    data = grew()
    results = protocol("GREW").evaluate(data)
    heads, *body = lines(results)
    assert heads == ["videoId", *(f"rank{k}" for k in range(1, 21))]
    assert [line[0] for line in body] == ["video0", "video1", "video2", "video3"]
    assert [line[1] for line in body] == ["3", "4", "5", "6"]
    gallery = data.labels[:-4]
    order = np.argsort(part_distances(data.embeddings[-4:], data.embeddings[:-4]), axis=1, kind="stable")
    expected = [[str(int(gallery[g])) for g in row[:20]] for row in order]
    assert [line[1:] for line in body] == expected


def test_grew_with_a_small_gallery_leaves_ranks_blank():
    results = protocol("GREW").evaluate(grew(count=7))
    assert all(len(line) == 21 and line[15:] == [""] * 6 for line in lines(results)[1:])
    assert "the gallery has 14 sequences: higher ranks are left blank" in results.notes


def test_identities_that_are_no_numbers_stay_as_they_are():
    data = embedded([("anna", "01", "x"), ("bo", "02", "x"), ("probe", "03", "v")], "GREW")
    assert set(lines(protocol("GREW").evaluate(data))[1][1:3]) == {"anna", "bo"}


@pytest.mark.parametrize("reranked", [False, True])
def test_hid_names_one_identity_for_each_video(reranked):
    results = protocol("HID", rerank=reranked).evaluate(hid())
    assert lines(results) == [["videoID", "label"], ["v0", "002"], ["v1", "000"], ["v2", "005"]]
    assert ("re-ranking" in results.protocol) == reranked


def test_hid_videos_are_told_by_type_where_they_share_a_view():
    walks = [("000", "a", "default"), ("001", "b", "default")]
    walks += [("probe", video, "default") for video in ("v0", "v1")]  # as data prepare lays HID out
    results = protocol("HID", rerank=False).evaluate(embedded(walks, "HID"))
    assert [line[0] for line in lines(results)[1:]] == ["v0", "v1"]
    assert not any("share" in note for note in results.notes)


def test_probes_of_one_name_are_noted():
    walks = [("000", "a", "x"), ("probe", "v0", "x"), ("probe", "v0", "x")]
    results = protocol("HID", rerank=False).evaluate(embedded(walks, "HID"))
    assert "2 probes share 1 names, but the server identifies probes by name" in results.notes


def test_hid_takes_the_reranked_nearest():
    data = hid(count=40, noise=2.0)
    data.embeddings[-3:] = np.random.default_rng(1).standard_normal((3, 6, 2))
    named = [line[1] for line in lines(protocol("HID").evaluate(data))[1:]]
    distances = rerank(data.embeddings[-3:], data.embeddings[:-3], k1=6, k2=6, lambda_value=0.3)
    assert named == data.labels[:-3][distances.argmin(axis=1)].tolist()


@pytest.mark.parametrize(("name", "data"), [("GREW", grew()), ("HID", hid())])
def test_a_submission_shows_no_figures_and_says_who_scores(name, data, capsys, tmp_path):
    results = protocol(name).evaluate(data)
    assert (results.metrics, results.scalars()) == ({}, {})
    print_results(results)
    shown = capsys.readouterr().out
    assert "the challenge's server scores the probes" in shown
    assert "without a match" not in shown
    write_results(results, tmp_path, 60, name)
    (text,) = results.files.values()
    assert (tmp_path / f"{name}_submission-60.csv").read_text() == text


@pytest.mark.parametrize("step", ["check", "evaluate"])
@pytest.mark.parametrize(
    ("name", "walks", "words"),
    [
        ("GREW", [("00001", "01", "x")], "is a probe: their types are 01, expected 03"),
        ("GREW", [("probe", "03", "x")], "is in the gallery: their types are 03, expected 01, 02"),
        ("HID", [("001", "d", "x")], "is a probe: .*folder 'probe', and the test identities are 001"),
        ("HID", [("probe", "d", "x")], "is in the gallery: .*the test identities are probe"),
    ],
)
def test_missing_probes_or_gallery_are_named(step, name, walks, words):
    data = embedded(walks, name)
    with pytest.raises(DataError, match=words):
        getattr(protocol(name), step)(unembedded(data) if step == "check" else data)
