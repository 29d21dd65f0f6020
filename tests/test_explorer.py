"""Rankings read off by eye, names that stay text, and an explorer that follows what is chosen."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from lib.explorer import explorer
from lib.explorer import widget as explorer_widget

HOSTILE = '<img src=x onerror="window.ran=1"> $x^2$'
IDS = ["a", "b", "c", "d", "e"]
# Five artists on a line at 0, 1, 3, 7 and 15: every list can be read off by eye.
PLACES = np.array([0.0, 1, 3, 7, 15])


def frame(places):
    values = -np.abs(np.subtract.outer(places, places))
    np.fill_diagonal(values, np.nan)
    return pd.DataFrame(values, index=pd.Index(IDS, name="query"), columns=pd.Index(IDS, name="candidate"))


def long(places, method, seed=0):
    scores = frame(places).stack().rename("score").reset_index().dropna()
    return scores.assign(method=method, fold=0, seed=seed)


def parts(folder):
    """What `explorer.study` needs: the network hears the line backwards, twice, on two scales."""
    names = ["Alpha", HOSTILE, "Same", "Same", "$un_balanced"]
    artists = pd.DataFrame({"artist_id": IDS, "name": names, "listeners": [5000, 40, 30, 20, 10]})
    split = pd.DataFrame({"fold": 0, "artist_id": IDS, "split": ["train", "train", "dev", "test", "test"]})
    seeds = [long(PLACES, "l2"), long(PLACES[::-1], "siamese", 0), long(3 * PLACES[::-1], "siamese", 1)]
    clip_ids = [f"{artist}-{k}" for artist in IDS for k in range(2)]
    clips = pd.DataFrame({"clip_id": clip_ids, "title": HOSTILE, "file": "clips/tone.wav"})
    (folder / "clips").mkdir()
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(30 * 8000) / 8000)
    soundfile.write(folder / "clips" / "tone.wav", tone, 8000)
    index = pd.DataFrame({"row": range(10), "clip_id": clips["clip_id"], "artist_id": np.repeat(IDS, 2)})
    spectrograms = np.random.default_rng(0).random((10, 256, 64)).astype(np.float16)
    return artists, split, frame(PLACES), pd.concat(seeds), clips.iloc[::-1], spectrograms, index


@pytest.fixture
def study(tmp_path):
    return explorer.study(*parts(tmp_path), folder=tmp_path, simulated=True)


def lists(table):
    return table.groupby("source")["artist"].agg("".join).to_dict()


def test_each_source_lists_its_own_neighbours(study):
    table = explorer.neighbours(study, "b", sources=["truth", "siamese", "l2"], n=3)
    assert lists(table) == {"truth": "acd", "l2": "acd", "siamese": "cde"}
    assert table["rank"].tolist() == [1, 2, 3] * 3


def test_a_hit_is_an_artist_of_the_truths_list(study):
    table = explorer.neighbours(study, "b", sources=["siamese"], n=2)
    assert dict(zip(table["artist"], table["true"], strict=True)) == {"c": True, "d": False}


def test_candidates_are_narrowed_for_the_truth_as_for_every_source(study):
    table = explorer.neighbours(study, "a", sources=["truth", "l2"], n=5, among=["dev", "test"])
    assert lists(table) == {"truth": "cde", "l2": "cde"}


def test_scores_are_averaged_over_seeds(study):
    one = explorer.neighbours(study, "a", sources=["siamese"], n=1)
    assert one["score"].item() == -16.0  # the mean of 15 - 7 and three times that


def test_artists_of_one_name_and_clips_in_any_order_are_told_apart(study):
    assert study.ids["label"].tolist() == ["Alpha", HOSTILE, "Same (c)", "Same (d)", "$un_balanced"]
    assert study.clips["artist_id"].tolist() == list(np.repeat(IDS, 2))


def test_the_notice_says_what_is_simulated_and_what_was_trained_on(study):
    assert "training artist" in explorer.notice(study, "a")
    assert "never heard" in explorer.notice(study, "d")
    assert "5,000 listeners" in explorer.notice(study, "a")
    assert all("Simulated" in explorer.notice(study, artist) for artist in IDS)


def test_real_artists_are_not_called_simulated(tmp_path):
    real = explorer.study(*parts(tmp_path), folder=tmp_path, simulated=False)
    assert "imulated" not in explorer.notice(real, "a")


def test_names_never_become_markup(study):
    shown = explorer.side_by_side_html(explorer.neighbours(study, "a", sources=["truth", "siamese"], n=4))
    assert "<img" not in shown
    assert "$x" not in shown
    assert "&lt;img src=x" in shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": "z"}, "no artist 'z'"),
        ({"sources": ["magic"]}, "no scores of magic; choose among truth, l2, siamese"),
        ({"sources": []}, "no scores of nothing"),
        ({"among": []}, "0 candidates"),
        ({"n": 0}, "lists of 0"),
    ],
)
def test_what_cannot_be_listed_is_named(study, changes, message):
    asked = {"query": "a", "sources": ["truth"], "n": 3} | changes
    with pytest.raises(ValueError, match=message):
        explorer.neighbours(study, asked.pop("query"), **asked)


@pytest.mark.parametrize(
    ("place", "keep", "message"),
    [
        (0, lambda frame: frame[frame["artist_id"] != "d"], "not in artists.parquet, the first is 'd'"),
        (2, lambda frame: frame.drop(index="d"), "not in the target"),
        (3, lambda frame: frame[frame["query"] != "d"], "not in the scores"),
        (6, lambda frame: frame[frame["artist_id"] != "d"], "not in the spectrograms"),
    ],
)
def test_results_of_different_runs_are_refused(tmp_path, place, keep, message):
    given = list(parts(tmp_path))
    given[place] = keep(given[place])
    with pytest.raises(ValueError, match=message):
        explorer.study(*given, folder=tmp_path, simulated=True)


def test_the_explorer_follows_the_artist_that_is_chosen(study):
    shown = explorer_widget.Explorer(study, n=3)
    assert shown.artist.value == "a"
    before = shown.table.value
    shown.artist.value = "d"
    assert "never heard" in shown.notice.value
    assert shown.table.value != before
    assert [value for _, value in shown.neighbour.options][:3] == ["c", "b", "a"]


def test_the_explorer_follows_rankings_length_and_candidates(study):
    shown = explorer_widget.Explorer(study, n=3)
    shown.sources.value = ["truth"]
    assert "siamese network" not in shown.table.value
    shown.n.value = 1
    assert [value for _, value in shown.neighbour.options] == ["b"]
    shown.among.value = ["test"]
    assert [value for _, value in shown.neighbour.options] == ["d"]
    shown.among.value = []
    assert "at least 1 of each" in shown.table.value


def test_clips_of_the_artist_and_of_a_neighbour_are_heard_and_seen(study):
    shown = explorer_widget.Explorer(study, n=3)
    kinds = [type(widget).__name__ for widget in shown.clips.box.children]
    assert kinds == ["HTML", "Audio", "Image"] * 2
    assert bytes(shown.clips.box.children[2].value).startswith(b"\x89PNG")
    assert shown.clips.box.children[1].autoplay is False
    shown.neighbour.value = "c"
    assert shown.neighbour_clips.artist == "c"


def test_a_clip_that_is_gone_is_named_and_its_spectrogram_still_shown(study):
    (study.folder / "clips" / "tone.wav").unlink()
    shown = explorer_widget.Explorer(study, n=3)
    kinds = [type(widget).__name__ for widget in shown.clips.box.children]
    assert kinds == ["HTML", "Image"] * 2
    assert "cannot be read" in shown.clips.box.children[0].value


def test_no_widget_of_the_explorer_holds_markup_from_a_name(study):
    shown = explorer_widget.Explorer(study, artist="b", n=4)
    for widget in [shown.notice, shown.table, *shown.clips.box.children]:
        if type(widget).__name__ == "HTML":
            assert "<img" not in widget.value


def test_what_is_stored_of_the_explorer_is_one_line(study):
    bundle = explorer_widget.Explorer(study)._repr_mimebundle_()
    assert bundle["text/plain"] == "Explorer of 5 artists and 3 rankings"


def test_popularity_moves_famous_candidates_up_in_every_ranking_but_the_truths(study):
    plain = explorer.neighbours(study, "e", sources=["truth", "l2"], n=1)
    blended = explorer.neighbours(study, "e", sources=["truth", "l2"], n=1, popularity=2.0)
    assert lists(plain) == {"truth": "d", "l2": "d"}
    assert lists(blended) == {"truth": "d", "l2": "a"}  # a has 5,000 listeners, the others 40 at most


def test_the_slider_blends_popularity_into_the_lists(study):
    shown = explorer_widget.Explorer(study, artist="e", sources=("l2",), n=1)
    before = shown.table.value
    shown.popularity.value = 2.0
    assert "Alpha" in shown.table.value
    assert "Alpha" not in before


def test_methods_of_08_are_offered_where_it_was_run_and_its_choice_is_the_best(study, tmp_path):
    long(PLACES, "l2").to_parquet(tmp_path / "scores.parquet")
    assert explorer.fitted(tmp_path)[1] == "siamese"
    beyond = [long(PLACES, name) for name in ("l2", "factor_sum", "factor_sum+popularity")]
    pd.concat(beyond).to_parquet(tmp_path / "beyond_scores.parquet")
    (tmp_path / "beyond_choice.json").write_text('{"method": "factor_sum"}')
    scores, best = explorer.fitted(tmp_path)
    assert scores["method"].value_counts().to_dict() == {"l2": 20, "factor_sum": 20}
    assert explorer.resolved(["truth", "best", "l2", "factor_sum"], best) == ["truth", "factor_sum", "l2"]
