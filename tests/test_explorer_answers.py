"""The explorer's world and answers: worked by hand, of the stated shapes, and a sentence for each mistake."""

import json
from dataclasses import replace

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from explorer_world import HOSTILE, IDS, parts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.beyond import readable
from lib.beyond.moments import Moments
from lib.explorer import media, widget
from lib.explorer import world as worlds
from lib.explorer.answers import Answers
from lib.explorer.upload import Upload

ASKED_FOR = {"best": "siamese", "shown": ["truth", "siamese", "l2"], "list_length": 8, "start": "b"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return parts(tmp_path_factory.mktemp("world"))


@pytest.fixture
def described(world):
    return worlds.describe(*world, **ASKED_FOR)


@pytest.fixture
def answers(world, described):
    return Answers(*world, described)


def plain(value):
    """As it comes out of JSON; an error where a value is none."""
    return json.loads(json.dumps(value, allow_nan=False))


def test_the_world_is_json_and_names_what_there_is(world, described):
    assert plain(described) == described
    assert described["artists"]["id"] == IDS
    assert described["artists"]["listeners"] == [5000, 40, 30, 20, 10]
    assert described["artists"]["plays"] is None
    assert [method["name"] for method in described["methods"]] == ["truth", "l2", "siamese"]
    assert described["clips"]["artist"] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert described["clips"]["loudness"] == [-12.5, None] * 5
    assert described["n_listeners"] == 2
    assert (described["start"], described["best"]) == (1, "siamese")
    assert described["profile"] == world[0].folder.name
    nothing = ("map", "groups", "blend", "moments", "excerpt")
    assert [name for name in nothing if described[name] is not None] == []


@given(names=st.lists(st.text(), min_size=5, max_size=5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_goes_through_json_untouched(world, names):
    study, scores = world
    study = replace(study, artists=study.artists.assign(name=names))
    described = plain(worlds.describe(study, scores, **ASKED_FOR))
    shown = described["artists"]["name"]
    assert all(label.startswith(name) for label, name in zip(shown, names, strict=True))
    assert len(set(shown)) == 5


def test_names_that_look_like_markup_are_data(described):
    assert described["artists"]["name"][1] == HOSTILE
    assert set(described["clips"]["title"]) == {HOSTILE}


def test_plays_of_a_person_are_in_the_order_of_the_artists(world):
    described = worlds.describe(*world, **ASKED_FOR, played=pd.Series({"c": 7, "a": 1}))
    assert described["artists"]["plays"] == [1, 0, 7, 0, 0]


def test_features_have_mean_0_and_standard_deviation_1_over_the_artists(tmp_path, monkeypatch):
    """Two clips an artist: the means are 0, 2, 2, 2, 4; the other feature is the same everywhere."""
    values = pd.DataFrame({"bass": [-1, 1, 1, 3, 2, 2, 2, 2, 0, 8], "beat": 5.0})
    values.assign(clip_id=[f"clip-{k}" for k in range(10)])[::-1].to_parquet(tmp_path / "readable.parquet")
    monkeypatch.setattr(readable, "LOW", {"bass": "less bass", "beat": "looser"})
    monkeypatch.setattr(readable, "HIGH", {"bass": "more bass", "beat": "steadier"})
    features = worlds.describe(*parts(tmp_path), **ASKED_FOR)["features"]
    assert (features["low"], features["high"]) == (["less bass", "looser"], ["more bass", "steadier"])
    assert features["values"] == [[-1.58, 0], [0, 0], [0, 0], [0, 0], [1.58, 0]]


@pytest.fixture
def stored(tmp_path):
    """With the files that notebooks 02 and 07 write, the artists and clips in another order."""
    study, scores = parts(tmp_path)
    clips = [f"clip-{k}" for k in range(10)][::-1]
    places = pd.DataFrame({"artist_id": IDS[::-1], "x": [0.5, 0.4, 0.3, 0.2, 0.1], "y": -1.0, "of": "L2"})
    places.to_parquet(tmp_path / "artist_map.parquet")
    styles = ["rock", "rock", "soul", "folk", "folk", "soul", "rock", "folk", "soul", "soul"]
    pd.DataFrame({"clip_id": clips[:-2], "style": styles[:-2]}).to_parquet(tmp_path / "styles.parquet")
    cells = [(method, share, weight) for method in ("l2", "other") for share in (0, 1) for weight in (0, 2)]
    blend = pd.DataFrame(cells, columns=["method", "listeners", "popularity"])
    blend = blend.assign(value=np.arange(8) / 10, ci_low=-1.0, ci_high=2.0, chance=0.16, n=10, n_queries=49)
    blend.assign(measure="ndcg").iloc[::-1].to_parquet(tmp_path / "blend.parquet")
    frames = np.arange(10 * 4 * 3, dtype=np.int8).reshape(10, 4, 3)
    about = {"of": "siamese network", "seconds": 0.94}
    Moments(frames, clips, about).save(tmp_path / "moments.npz")
    return study, scores


def test_what_07_stored_is_laid_on_the_studys_order(stored):
    described = worlds.describe(*stored, **ASKED_FOR)
    assert plain(described) == described
    assert described["map"] == {"x": [0.1, 0.2, 0.3, 0.4, 0.5], "y": [-1.0] * 5, "of": "L2"}
    assert described["blend"] == {
        "measure": "nDCG@10", "n_queries": 49, "chance": 0.16, "listeners": [0, 1], "popularity": [0, 2],
        "methods": {"l2": {"value": [[0, 0.1], [0.2, 0.3]], "low": [[-1, -1]] * 2, "high": [[2, 2]] * 2}},
    }  # fmt: skip
    assert described["moments"] == {"of": "siamese network", "n": 4, "dims": 3, "seconds": 0.94}
    answer, (_, frames) = Answers(*stored, described).answer("picture", {"clip": 9})
    assert answer["seconds"] == 30
    assert list(frames) == list(range(12))


def test_an_artists_style_is_its_most_frequent_one_and_the_first_by_name_of_two(stored):
    groups = worlds.describe(*stored, **ASKED_FOR)["groups"]
    assert groups == {"label": "style (simulated)", "names": ["folk", "rock"], "of": [-1, 0, 0, 0, 1]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("artist_map.parquet", "artist_map.parquet lacks 1 of the 5 artists, the first is 'b'"),
        ("moments.npz", "moments.npz lacks 1 of the 10 clips, the first is 'clip-3'"),
    ],
)
def test_files_of_another_run_are_refused(stored, name, message):
    path = stored[0].folder / name
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            arrays = dict(arrays)
        np.savez(
            path, **arrays | {"clip_ids": np.where(arrays["clip_ids"] == "clip-3", "x", arrays["clip_ids"])}
        )
    else:
        pd.read_parquet(path).query("artist_id != 'b'").to_parquet(path)
    with pytest.raises(ValueError, match=message) as error:
        worlds.describe(*stored, **ASKED_FOR)
    assert "run_all.py --list" in str(error.value)


FILES = ["artist_map.parquet", "blend.parquet", "styles.parquet", "readable.parquet", "moments.npz"]
DAMAGES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-200]),
    "empty": lambda path: path.write_bytes(b""),
    "folder": lambda path: path.unlink() or path.mkdir(),
    "other": lambda path: pd.DataFrame({"z": [1]}).to_parquet(path),
    "no rows": lambda path: pd.read_parquet(path).iloc[:0].to_parquet(path),
    "doubled": lambda path: pd.concat([pd.read_parquet(path)] * 2).to_parquet(path),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_one_sentence_with_its_name_and_the_command_that_makes_it(stored, name, damage):
    path = stored[0].folder / name
    values = pd.DataFrame({"clip_id": [f"clip-{k}" for k in range(10)], "brightness": np.arange(10.0)})
    values.to_parquet(stored[0].folder / "readable.parquet")
    if name.endswith(".npz") and damage == "doubled":
        with np.load(path) as arrays:
            arrays = dict(arrays)
        np.savez(path, **arrays | {"clip_ids": np.array(["clip-0"] * 10)})
    elif name.endswith(".npz") and damage == "no rows":
        np.savez(path, about=np.frombuffer(b"{}", np.uint8))
    else:
        DAMAGES[damage](path)
    with pytest.raises(ValueError, match=f"^{name} ") as error:
        worlds.describe(*stored, **ASKED_FOR)
    stage = "02" if name == "styles.parquet" else "07"
    assert str(error.value).endswith(f"Run: python3 run_all.py --profile {path.parent.name} --only {stage}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("names", [["", None, " ", "A", "A"], ["A", "A", "A (a)", "A (b)", "A (a) (c)"]])
def test_artists_are_told_apart_by_their_labels_whatever_their_names(world, names):
    study, scores = world
    study = replace(study, artists=study.artists.assign(name=names))
    shown = worlds.describe(study, scores, **ASKED_FOR)["artists"]["name"]
    assert len(set(shown)) == 5
    assert plain(shown) == shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": "z"}, "no artist 'z' with clips among 5"),
        ({"shown": ["chance"]}, "chance is no list"),
        ({"shown": ["magic"]}, "no scores of magic; choose among truth, l2, siamese"),
        ({"shown": []}, "no scores of nothing"),
        ({"list_length": 0}, "list_length must be 1 or more"),
    ],
)
def test_a_world_that_cannot_be_shown_is_one_sentence(world, changes, message):
    with pytest.raises(ValueError, match=message):
        worlds.describe(*world, **ASKED_FOR | changes)


def test_scores_are_the_truths_and_each_methods_mean_over_seeds(answers):
    answer, (values, shared) = answers.answer("scores", {"artist": 1})
    assert answer == {"methods": ["truth", "l2", "siamese"]}
    line = [-1, np.nan, -2, -6, -14]
    # Backwards b is at 7 and seeds have scales 1 and 3: twice the distances to 15, 3, 1, 0.
    wanted = [line, line, [-16, np.nan, -8, -12, -14]]
    np.testing.assert_array_equal(np.frombuffer(values, "<f4").reshape(3, 5), wanted)
    assert np.frombuffer(shared, "<u4").tolist() == [2, 0, 2, 2, 2]


def test_every_artist_and_clip_has_answers_of_the_stated_shapes(world, answers):
    study, _ = world
    for artist in range(5):
        answer, (values, shared) = answers.answer("scores", {"artist": artist})
        scores = np.frombuffer(values, "<f4").reshape(len(answer["methods"]), 5)
        assert (np.isnan(scores) == (np.arange(5) == artist)).all()
        assert np.frombuffer(shared, "<u4").shape == (5,)
    for clip in range(len(study.clips)):
        answer, (data, frames) = answers.answer("picture", {"clip": clip})
        assert plain(answer) == {"type": answer["type"], "seconds": 30.0}
        assert answer["type"] in ("image/png", "image/webp")
        assert data.startswith((b"\x89PNG", b"RIFF"))
        assert frames == b""
        answer, (data,) = answers.answer("sound", {"clip": clip})
        assert plain(answer).keys() == {"type", "start", "seconds"}
        assert answer["type"].startswith("audio/")
        assert answer["seconds"] > 0
        assert data


@pytest.mark.parametrize(
    ("kind", "message", "sentence"),
    [
        ("scores", {"artist": 5}, "artist must be a whole number from 0 to 4, got 5"),
        ("scores", {"artist": -1}, "from 0 to 4, got -1"),
        ("scores", {"artist": True}, "got True"),
        ("scores", {"artist": 1.0}, "got 1.0"),
        ("scores", {"artist": "a"}, "got 'a'"),
        ("scores", {}, "got None"),
        ("scores", [1], "a question is an object with fields, got list"),
        ("picture", {"clip": 10}, "clip must be a whole number from 0 to 9, got 10"),
        ("sound", {"clip": None}, "got None"),
        ("magic", {}, "there is no answer to 'magic'; ask for scores, picture, sound, upload"),
        (None, {}, "there is no answer to None"),
        (["scores"], {}, "there is no answer to"),
        ("x" * 5000, {}, "there is no answer to 'xxx"),
        ("scores", {"artist": "0" * 5000}, "got '000"),
        ("scores", {"artist": 10**1000}, "got 1000"),
        ("upload", {"name": "x" * 5000}, "an upload is a name and one file"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_by_a_sentence(answers, kind, message, sentence):
    answer, buffers = answers.answer(kind, message)
    assert len(answer["error"]) < 150
    assert sentence in answer["error"]
    assert "\n" not in answer["error"]
    assert "bug" not in answer["error"]
    assert buffers == []


def test_a_bug_is_named_by_its_type_and_logged(answers, monkeypatch, caplog):
    def broken(values):
        raise KeyError("rows\nof values")

    monkeypatch.setattr(media, "picture", broken)
    answer, buffers = answers.answer("picture", {"clip": 0})
    assert answer == {"error": "KeyError in the answer to 'picture', a bug: 'rows\\nof values'"}
    assert buffers == []
    assert "Traceback" in caplog.text


def test_a_clip_whose_file_is_gone_is_named(tmp_path):
    study, scores = parts(tmp_path)
    described = worlds.describe(study, scores, **ASKED_FOR)
    (tmp_path / "clips" / "tone.wav").unlink()
    answer, buffers = Answers(study, scores, described).answer("sound", {"clip": 0})
    assert "tone.wav" in answer["error"]
    assert buffers == []
    without = replace(study, clips=study.clips.assign(file=None))
    answer, _ = Answers(without, scores, described).answer("sound", {"clip": 0})
    assert answer["error"] == "clip 0 has no file: only its spectrogram was kept"


def test_an_upload_is_handed_on_with_its_name_and_bytes(answers, monkeypatch):
    given_on = []
    reply = {"title": "x"}, [b"1"]
    monkeypatch.setattr(Upload, "__call__", lambda self, *file: given_on.append(file) or reply)
    assert answers.answer("upload", {"name": "x.mp3"}, [memoryview(b"abc")]) == reply
    assert given_on == [("x.mp3", b"abc")]


@pytest.mark.parametrize(
    ("message", "buffers"),
    [
        ({}, [b"a"]),
        ({"name": "x"}, []),
        ({"name": 1}, [b"a"]),
        ({"name": "x"}, [b"a"] * 2),
        ({"name": "x"}, [None]),
        ({"name": "x"}, [5]),
    ],
)
def test_an_upload_is_a_name_and_one_file(answers, message, buffers):
    assert "an upload is a name and one file" in answers.answer("upload", message, buffers)[0]["error"]


@pytest.fixture
def shown(world, monkeypatch):
    """A widget whose messages are kept."""
    one = widget.Explorer(*world, sources=["truth", "l2"])
    one.sent = []
    monkeypatch.setattr(one, "send", lambda content, buffers=None: one.sent.append((content, buffers)))
    return one


def test_the_widget_answers_under_the_number_of_the_question(shown):
    shown._handle_custom_msg({"ask": "scores", "number": 7, "artist": 2}, [])
    shown._handle_custom_msg({"ask": "magic", "number": 8}, [])
    shown._handle_custom_msg("nonsense", [])
    (first, buffers), (second, none), (third, _) = shown.sent
    assert (first["number"], [len(part) for part in buffers]) == (7, [60, 20])
    assert (second["number"], none) == (8, [])
    assert "no answer to 'magic'" in second["answer"]["error"]
    assert third["number"] is None


def test_the_widget_is_one_model_with_its_layout_and_answers_make_no_other(world):
    models = ipywidgets.Widget._active_widgets if hasattr(ipywidgets.Widget, "_active_widgets") else None
    models = models if models is not None else ipywidgets.widgets.widget._instances
    before = len(models)
    one = widget.Explorer(*world)
    one._handle_custom_msg({"ask": "scores", "number": 1, "artist": 0}, [])
    assert len(models) == before + 2


def test_what_is_stored_of_the_widget_is_one_line(shown):
    bundle, _ = shown._repr_mimebundle_()
    assert bundle["text/plain"] == "Explorer of 5 artists and 3 lists"


def test_the_widget_knows_the_files_of_the_clips_and_its_answers_world_does_not(world, shown):
    files = shown.world["clips"]["file"]
    assert files == [str(world[0].folder / "clips" / "tone.wav")] * 10
    assert "file" not in shown.answers.world["clips"]
    assert plain(shown.world) == shown.world


def test_the_widgets_module_and_style_are_the_files_beside_it(shown):
    assert shown._esm == (widget.BESIDE / "widget.js").read_text(encoding="utf-8")
    assert shown._css == (widget.BESIDE / "widget.css").read_text(encoding="utf-8")
