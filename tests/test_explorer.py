"""Rankings read off by eye, a truth without strangers, and names that stay text."""

from dataclasses import replace

import pytest
from explorer_world import HOSTILE, IDS, PLACES, frame, parts

from lib.explorer import explorer
from lib.ranking.scores import Scores


@pytest.fixture
def world(tmp_path):
    return parts(tmp_path)


def lists(table):
    return table.groupby("source", observed=True)["artist"].agg("".join).to_dict()


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
    assert "no method was trained on it" in explorer.notice(*world, "d")
    assert "5,000 listeners" in explorer.notice(*world, "a")
    assert all("Simulated" in explorer.notice(*world, artist) for artist in IDS)


def test_the_notice_says_that_another_artist_is_shown_than_was_wanted(world):
    study, scores = world
    for wanted in ("", "a", "Alpha", " ALPHA"):
        assert explorer.notice(study, scores, "a", wanted=wanted).startswith("Alpha, 5,000 listeners")
    other = explorer.notice(study, scores, "a", wanted="Alfa")
    assert other.startswith("No artist with clips is 'Alfa'; this one is shown: Alpha, 5,000 listeners")


def test_real_artists_are_not_called_simulated(world):
    study, scores = world
    assert "imulated" not in explorer.notice(replace(study, simulated=False), scores, "a")


def test_whom_a_person_plays_is_marked(world, tmp_path, capsys):
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
    assert "✓ Same (c) <small>dev, 2 plays</small>" in html
    assert "✓ Same (d) <small>test</small>" in html
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
        ({"sources": ["chance"]}, "chance is no list, for its order is drawn at random; choose among truth,"),
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


def test_popularity_moves_famous_candidates_up_in_every_ranking_but_the_truths(world):
    plain = explorer.neighbours(*world, "e", sources=["truth", "l2"], n=1)
    blended = explorer.neighbours(*world, "e", sources=["truth", "l2"], n=1, popularity=2.0)
    assert lists(plain) == {"truth": "d", "l2": "d"}
    assert lists(blended) == {"truth": "d", "l2": "a"}  # a has 5,000 listeners, the others 40 at most


@pytest.mark.parametrize(("share", "wanted"), [(0, "deba"), (0.4, "dbea"), (0.6, "bdae"), (1, "bade")])
def test_shared_listeners_are_blended_into_every_ranking_but_the_truths(world, share, wanted):
    """From c the network has d, e, b, a where the truth has b, a, d, e, at the same four distances."""
    table = explorer.neighbours(*world, "c", sources=["truth", "siamese"], n=4, share=share)
    assert lists(table) == {"truth": "bade", "siamese": wanted}


def test_listeners_are_shared_by_distinct_users_and_counted_for_the_studys_artists(tmp_path):
    plays = [[3, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 9, 0, 1], [0, 0, 0, 1, 0]]
    study, _ = parts(tmp_path, plays)
    shared = {artist: explorer.sharing(study, artist).tolist() for artist in IDS}
    assert shared == {
        "a": [0, 2, 1, 0, 0], "b": [2, 0, 1, 0, 0], "c": [1, 1, 0, 0, 1], "d": [0] * 5, "e": [0, 0, 1, 0, 0],
    }  # fmt: skip


def test_an_artist_without_shared_listeners_is_neither_in_the_truths_list_nor_marked(tmp_path):
    plays = [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    world = parts(tmp_path, plays)
    table = explorer.neighbours(*world, "a", sources=["truth", "l2"], n=4)
    assert lists(table) == {"truth": "bc", "l2": "bcde"}
    assert table.loc[table["source"] == "l2", "true"].tolist() == [True, True, False, False]
    html = explorer.side_by_side_html(table)
    assert html.count("✓") == 4
    assert html.count("<td></td>") == 2  # the truth's list is shorter
    assert "Only 2 artists share listeners with Alpha." in explorer.notice(*world, "a", n=3)
    assert "share" not in explorer.notice(*world, "a", n=2)
    nobody = explorer.neighbours(*world, "d", sources=["truth", "l2"], n=2)
    assert nobody["source"].tolist() == ["l2", "l2"]
    assert not nobody["true"].any()
    assert explorer.side_by_side_html(nobody).count("truth: shared listeners") == 1
    assert "No artist shares listeners with Same (d)." in explorer.notice(*world, "d", n=3)


def test_one_artist_that_shares_listeners_is_one(tmp_path):
    world = parts(tmp_path, [[1, 1, 0, 0, 0], [0, 0, 1, 1, 1]])
    assert "Only 1 artist shares listeners with Alpha." in explorer.notice(*world, "a", n=8)
    everybody = parts(tmp_path / "other")
    assert "Only" not in explorer.notice(*everybody, "a", n=8)  # there are no more than four others


def test_chance_is_no_list(world):
    study, scores = world
    with_chance = scores | Scores.of_frames({("chance", 0, 0): frame(PLACES)})
    assert explorer.sources_of(with_chance) == ["truth", "l2", "siamese"]


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


@pytest.mark.parametrize("text", ["{", "[]", '{"x": 1}', '{"method": "magic"}', '{"method": []}', ""])
def test_a_choice_that_names_no_method_is_one_sentence_with_a_command(tmp_path, text):
    for name in ("scores", "beyond_scores"):
        Scores.of_frames({("l2", 0, 0): frame(PLACES)}).save(tmp_path / f"{name}.npz")
    (tmp_path / "beyond_choice.json").write_text(text)
    with pytest.raises(ValueError, match=r"^beyond_choice\.json names .*\. Run: .* --only 07$"):
        explorer.fitted(tmp_path)
