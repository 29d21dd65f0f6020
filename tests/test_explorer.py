"""Rankings read off by eye, names that stay text, and an explorer that follows what is chosen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from lib import study as studies
from lib.explorer import explorer
from lib.explorer import widget as explorer_widget
from lib.ranking.scores import Scores

HOSTILE = '<img src=x onerror="window.ran=1"> $x^2$'
IDS = ["a", "b", "c", "d", "e"]
# Five artists on a line at 0, 1, 3, 7 and 15: every list can be read off by eye.
PLACES = np.array([0.0, 1, 3, 7, 15])


def frame(places):
    values = -np.abs(np.subtract.outer(places, places))
    np.fill_diagonal(values, np.nan)
    return pd.DataFrame(values, index=pd.Index(IDS, name="query"), columns=pd.Index(IDS, name="candidate"))


def parts(folder):
    """A study, and scores: the network hears the line backwards, twice, on two scales."""
    names = ["Alpha", HOSTILE, "Same", "Same", "$un_balanced"]
    artists = pd.DataFrame({"artist_id": IDS, "name": names, "listeners": [5000, 40, 30, 20, 10]})
    splits = pd.DataFrame({"fold": 0, "artist_id": IDS, "split": ["train", "train", "dev", "test", "test"]})
    backwards = {("siamese", 0, seed): frame(scale * PLACES[::-1]) for seed, scale in ((0, 1), (1, 3))}
    scores = Scores.of_frames({("l2", 0, 0): frame(PLACES), **backwards})
    clips = pd.DataFrame({"artist_id": np.repeat(IDS, 2), "title": HOSTILE, "file": "clips/tone.wav"})
    (folder / "clips").mkdir()
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(30 * 8000) / 8000)
    soundfile.write(folder / "clips" / "tone.wav", tone, 8000)
    spectrograms = np.random.default_rng(0).random((10, 256, 64)).astype(np.float16)
    study = studies.aligned(frame(PLACES), artists, spectrograms, clips)
    return replace(study, splits=splits, simulated=True, folder=folder), scores


@pytest.fixture
def world(tmp_path):
    return parts(tmp_path)


def lists(table):
    return table.groupby("source")["artist"].agg("".join).to_dict()


def test_each_source_lists_its_own_neighbours(world):
    table = explorer.neighbours(*world, "b", sources=["truth", "siamese", "l2"], n=3)
    assert lists(table) == {"truth": "acd", "l2": "acd", "siamese": "cde"}
    assert table["rank"].tolist() == [1, 2, 3] * 3


def test_a_hit_is_an_artist_of_the_truths_list(world):
    table = explorer.neighbours(*world, "b", sources=["siamese"], n=2)
    assert dict(zip(table["artist"], table["true"], strict=True)) == {"c": True, "d": False}


def test_candidates_are_narrowed_for_the_truth_as_for_every_source(world):
    table = explorer.neighbours(*world, "a", sources=["truth", "l2"], n=5, among=["dev", "test"])
    assert lists(table) == {"truth": "cde", "l2": "cde"}


def test_scores_are_averaged_over_seeds(world):
    one = explorer.neighbours(*world, "a", sources=["siamese"], n=1)
    assert one["score"].item() == -16.0  # the mean of 15 - 7 and three times that


def test_artists_of_one_name_are_told_apart(world):
    described = explorer.described(*world)
    assert described["label"].tolist() == ["Alpha", HOSTILE, "Same (c)", "Same (d)", "$un_balanced"]
    assert described["split"].tolist() == ["train", "train", "dev", "test", "test"]


def test_the_notice_says_what_is_simulated_and_what_was_trained_on(world):
    assert "training artist" in explorer.notice(*world, "a")
    assert "never heard" in explorer.notice(*world, "d")
    assert "5,000 listeners" in explorer.notice(*world, "a")
    assert all("Simulated" in explorer.notice(*world, artist) for artist in IDS)


def test_real_artists_are_not_called_simulated(world):
    study, scores = world
    assert "imulated" not in explorer.notice(replace(study, simulated=False), scores, "a")


def test_whom_a_person_plays_is_marked_and_comes_first(world, tmp_path, capsys):
    file = tmp_path / "scrobbles.csv"
    file.write_text(
        "".join(f"{name},A,T,01 Oct 2010 02:05\n" for name in ["same", "Alpha", "SAME", "Nobody"])
    )
    study = world[0]
    played = explorer.plays_of(file, study.artists)
    assert played.to_dict() == {"a": 1, "b": 0, "c": 2, "d": 0, "e": 0}
    assert "4 plays of 4 artists; 2 of the 5 artists here are among them" in capsys.readouterr().out
    table = explorer.neighbours(*world, "b", sources=["truth"], n=3)
    html = explorer.side_by_side_html(table, played)
    assert "Same (c)</b> <small>dev, 2 plays</small>" in html
    assert "Same (d)</b> <small>test</small>" in html
    shown = explorer_widget.Explorer(*world, sources=["truth"], played=played)
    assert [label for label, _ in shown.artist.options[:3]] == [
        "Same (c) (2 plays)",
        "Alpha (1 plays)",
        HOSTILE,
    ]
    assert [artist for _, artist in shown.artist.options] == ["c", "a", "b", "d", "e"]
    assert "2 plays" in shown.table.value
    assert explorer.plays_of("", study.artists) is None


def test_names_never_become_markup(world):
    shown = explorer.side_by_side_html(explorer.neighbours(*world, "a", sources=["truth", "siamese"], n=4))
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
def test_what_cannot_be_listed_is_named(world, changes, message):
    asked = {"query": "a", "sources": ["truth"], "n": 3} | changes
    with pytest.raises(ValueError, match=message):
        explorer.neighbours(*world, asked.pop("query"), **asked)


def test_results_of_different_runs_are_refused(world):
    study, scores = world
    fewer = Scores.of_frames({("l2", 0, 0): scores.frame(("l2", 0, 0), list("abce"))})
    with pytest.raises(ValueError, match="1 artists are not in the scores, the first is 'd'"):
        explorer.described(study, fewer | scores)
    unsplit = replace(study, splits=study.splits[study.splits["artist_id"] != "d"])
    with pytest.raises(ValueError, match="1 artists are not in the splits, the first is 'd'"):
        explorer.described(unsplit, scores)


def test_the_explorer_follows_the_artist_that_is_chosen(world):
    shown = explorer_widget.Explorer(*world, n=3)
    assert shown.artist.value == "a"
    before = shown.table.value
    shown.artist.value = "d"
    assert "never heard" in shown.notice.value
    assert shown.table.value != before
    assert [value for _, value in shown.neighbour.options][:3] == ["c", "b", "a"]


def test_the_explorer_follows_rankings_length_and_candidates(world):
    shown = explorer_widget.Explorer(*world, n=3)
    shown.sources.value = ["truth"]
    assert "siamese network" not in shown.table.value
    shown.n.value = 1
    assert [value for _, value in shown.neighbour.options] == ["b"]
    shown.among.value = ["test"]
    assert [value for _, value in shown.neighbour.options] == ["d"]
    shown.among.value = []
    assert "at least 1 of each" in shown.table.value


def test_clips_of_the_artist_and_of_a_neighbour_are_heard_and_seen(world):
    shown = explorer_widget.Explorer(*world, n=3)
    kinds = [type(widget).__name__ for widget in shown.clips.box.children]
    assert kinds == ["HTML", "Audio", "Image"] * 2
    assert bytes(shown.clips.box.children[2].value).startswith(b"\x89PNG")
    assert shown.clips.box.children[1].autoplay is False
    shown.neighbour.value = "c"
    assert shown.neighbour_clips.artist == "c"


def test_a_clip_that_is_gone_is_named_and_its_spectrogram_still_shown(world):
    (world[0].folder / "clips" / "tone.wav").unlink()
    shown = explorer_widget.Explorer(*world, n=3)
    kinds = [type(widget).__name__ for widget in shown.clips.box.children]
    assert kinds == ["HTML", "Image"] * 2
    assert "cannot be read" in shown.clips.box.children[0].value


def test_no_widget_of_the_explorer_holds_markup_from_a_name(world):
    shown = explorer_widget.Explorer(*world, artist="b", n=4)
    for widget in [shown.notice, shown.table, *shown.clips.box.children]:
        if type(widget).__name__ == "HTML":
            assert "<img" not in widget.value


def test_what_is_stored_of_the_explorer_is_one_line(world):
    bundle = explorer_widget.Explorer(*world)._repr_mimebundle_()
    assert bundle["text/plain"] == "Explorer of 5 artists and 3 rankings"


def test_popularity_moves_famous_candidates_up_in_every_ranking_but_the_truths(world):
    plain = explorer.neighbours(*world, "e", sources=["truth", "l2"], n=1)
    blended = explorer.neighbours(*world, "e", sources=["truth", "l2"], n=1, popularity=2.0)
    assert lists(plain) == {"truth": "d", "l2": "d"}
    assert lists(blended) == {"truth": "d", "l2": "a"}  # a has 5,000 listeners, the others 40 at most


def test_the_slider_blends_popularity_into_the_lists(world):
    shown = explorer_widget.Explorer(*world, artist="e", sources=("l2",), n=1)
    before = shown.table.value
    shown.popularity.value = 2.0
    assert "Alpha" in shown.table.value
    assert "Alpha" not in before


def test_methods_of_07_are_offered_where_it_was_run_and_its_choice_is_the_best(tmp_path):
    line = frame(PLACES)
    Scores.of_frames({("l2", 0, 0): line}).save(tmp_path / "scores.npz")
    assert explorer.fitted(tmp_path)[1] == "siamese"
    beyond = {(name, 0, 0): -line for name in ("l2", "factor_sum", "factor_sum+popularity")}
    Scores.of_frames(beyond).save(tmp_path / "beyond_scores.npz")
    (tmp_path / "beyond_choice.json").write_text('{"method": "factor_sum"}')
    scores, best = explorer.fitted(tmp_path)
    assert scores.runs == [("l2", 0, 0), ("factor_sum", 0, 0)]
    assert scores.mean("l2").loc["a", "e"] == -15  # the scores of 05 come first
    assert explorer.resolved(["truth", "best", "l2", "factor_sum"], best) == ["truth", "factor_sum", "l2"]
