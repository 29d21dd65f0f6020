"""Something new is one function or module, and one registration: toys are seen wherever a user would look."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import toy_source
from hostile_server import HostileServer, reply
from tiny_world import mbid, sound

from lib.clips import collect
from lib.clips.sources import faults, limits, musicbrainz, registry
from lib.listening import labels, targets, trust
from lib.listening import metrics as listening_metrics
from lib.plots import listening as listening_plots
from lib.plots import ranking as ranking_plots
from lib.plots import sound as sound_plots
from lib.ranking import compare, lists, tables, ties
from lib.ranking import metrics as ranking_metrics
from lib.ranking.scores import Scores

REGISTRIES = (listening_metrics.METRICS, ranking_metrics.METRICS, registry.SOURCES, registry.ADDRESSES)


@pytest.fixture(autouse=True)
def forgotten():
    """What a test registers is unknown after it, and its figures are closed."""
    before = [dict(known) for known in REGISTRIES]
    yield
    for known, earlier in zip(REGISTRIES, before, strict=True):
        known.clear()
        known.update(earlier)
    plt.close("all")


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


# A metric of similarity.


def toy_similarity(listening):
    """Co-listeners over the smaller audience of the two."""
    together = labels.cooccurrence(listening)
    listeners = np.diag(together)
    return labels.finish(together / np.maximum(np.minimum.outer(listeners, listeners), 1))


def test_a_toy_metric_of_similarity_is_made_audited_summed_up_and_drawn_with_the_others(miniature):
    listening_metrics.register(symmetric=True)(toy_similarity)
    made = {name: metric(miniature) for name, metric in listening_metrics.METRICS.items()}
    for name, target in made.items():  # as in notebook 01
        targets.audit(target, symmetric=listening_metrics.METRICS[name].symmetric)
    assert list(made)[-1] == "toy_similarity"
    summary = trust.summary(miniature, n_halvings=2, progress=False)
    row = summary.set_index("metric").loc["toy_similarity"]
    assert row["popularity_low"] < row["popularity_correlation"] < row["popularity_high"]
    assert "toy similarity" in texts(listening_plots.metric_summary(summary))
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    words = texts(listening_plots.metrics_and_popularity(made, listeners, n=3))
    assert any(word.startswith("toy similarity\nρ = ") for word in words)
    near = trust.neighbours(made, miniature.artists, ["artist-00"], n=3)
    assert (near["metric"] == "toy_similarity").sum() == 3


def test_a_metric_of_similarity_that_is_not_as_symmetric_as_it_says_is_refused(miniature):
    def toy(listening):
        return listening_metrics.conditional(listening)

    listening_metrics.register(symmetric=True)(toy)
    metric = listening_metrics.METRICS["toy"]
    with pytest.raises(ValueError, match="should be symmetric"):
        targets.audit(metric(miniature), symmetric=metric.symmetric)


def test_a_name_of_a_metric_of_similarity_is_taken_once():
    listening_metrics.register(symmetric=True)(toy_similarity)
    with pytest.raises(ValueError, match="there is a metric of similarity 'toy_similarity' already"):
        listening_metrics.register(symmetric=True)(toy_similarity)


# A metric of ranking.


@pytest.fixture
def target(miniature):
    return listening_metrics.min_conditional(miniature)


@pytest.fixture
def test_artists(target):
    return [target.index[place] for place in (7, 2, 10, 5, 0, 9)]


def scores_of(target, **methods):
    """Scores, one training a method."""
    frames = {
        (name, 0, 0): pd.DataFrame(values, index=target.index, columns=target.columns)
        for name, values in methods.items()
    }
    return Scores.of_frames(frames)


@pytest.fixture
def scores(target, rng):
    noise = rng.random(target.shape)
    return scores_of(target, chance=np.zeros(target.shape), l2=noise, siamese=target.fillna(0) + noise)


def nearest_factors(p, t, n):
    """Whether the nearest true neighbour is among the first `n`."""
    return ties.sorted_inclusion(p, n), ties.sorted_inclusion(t, 1)


@ties.over_orders
def same_places(predicted, true):
    """Share of places at which both lists have the same artist."""
    return (predicted == true).mean(axis=1)


def centred_factors(p, t, n):
    """Mean product of both sides, the true one less its mean."""
    return p.values, (t.values - t.values.mean(axis=1, keepdims=True)) / t.values.shape[1]


TOYS = [
    ranking_metrics.Metric("toy_nearest", "share of nearest found", factors=nearest_factors),
    ranking_metrics.Metric("toy_places", "share in the right place", core=same_places, draws_orders=True),
    ranking_metrics.Metric("toy_whole", "covariance", factors=centred_factors, has_length=False),
]


@pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.name)
def test_a_toy_metric_of_ranking_is_in_table_1_with_its_interval_and_is_compared_and_drawn(
    toy, target, scores, test_artists
):
    ranking_metrics.register(toy)
    table = tables.table1(scores, target, test_artists, list_lengths=[2, 4])
    rows = table[
        (table["metric"] == toy.name) & (table["truth"] == "corrected") & (table["candidates"] == "test")
    ]
    assert rows["n"].dropna().tolist() == ([2, 4] * 3 if toy.has_length else [])
    chance = rows["method"] == "chance"
    np.testing.assert_allclose(rows["value"][chance], rows["chance"][chance], atol=1e-12)
    assert (rows["ci_low"] < rows["value"])[~chance].all()
    assert (rows["value"] < rows["ci_high"])[~chance].all()

    truth, n = target.loc[test_artists, test_artists], 2 if toy.has_length else None
    (run,) = scores.trainings("siamese")
    (measured,) = compare.measured([run.reindex_like(truth)], truth, toy.name, n)
    shown = rows[(rows["method"] == "siamese") & (rows["n"].isna() if n is None else rows["n"] == n)]
    assert measured.values.mean() == pytest.approx(shown["value"].item())

    forest = ranking_plots.forest(table, metric=toy.name, n=n)
    assert (f"{toy.label}, n = 2" if toy.has_length else toy.label) in texts(forest)
    if toy.has_length:
        figure = ranking_plots.overlap_by_length(table, metric=toy.name)
        assert f"{toy.label}: gain over chance" in texts(figure)
        gains = (rows["value"] - rows["chance"]).to_numpy().reshape(3, 2)
        drawn = [ax.lines[-1].get_ydata() for ax in figure.axes]
        np.testing.assert_allclose(drawn, gains[np.abs(gains).max(axis=1) > 1e-9], atol=1e-9)


def test_the_error_of_a_toy_metric_that_draws_orders_is_stated(target):
    ranking_metrics.register(TOYS[1])
    drawn = [
        name for name, metric in ranking_metrics.METRICS.items() if metric.draws_orders
    ]  # as notebook 05
    assert drawn[-1] == "toy_places"
    assert lists.order_error("toy_places", target * 0, target, 3) > 0


def test_a_name_of_a_metric_of_ranking_is_taken_once_and_a_metric_needs_what_it_is_made_of():
    ranking_metrics.register(TOYS[0])
    with pytest.raises(ValueError, match="there is a metric of ranking 'toy_nearest' already"):
        ranking_metrics.register(TOYS[0])
    with pytest.raises(ValueError, match="toy needs either factors or a core"):
        ranking_metrics.Metric("toy", "toy")
    with pytest.raises(ValueError, match="toy has no lists, so only factors can tell"):
        ranking_metrics.Metric("toy", "toy", core=same_places, has_length=False)


def test_a_metric_of_lists_without_their_length_is_an_error(target):
    with pytest.raises(ValueError, match="ndcg is about lists, and their length n is missing"):
        ranking_metrics.ndcg(target, target)


# A source of clips.


@pytest.fixture
def served():
    """Abba and two called Cher on the toy service, two tracks each; MusicBrainz links the second Cher."""
    artists = {"1": "Abba", "2": "Cher", "3": "Cher"}
    with HostileServer() as server:
        page = {"url": {"resource": "https://toy.example/artist/3"}}
        server.script = {
            "/toy/search": [reply([[number, name] for number, name in artists.items()])],
            f"/musicbrainz/artist/{mbid(2)}": [reply({"relations": [page]})],
        }
        for number in artists:
            tracks = [f"{number}{n}" for n in range(2)]
            server.script[f"/toy/top/{number}"] = [reply([[track, f"Song {track}"] for track in tracks])]
            for track in tracks:
                server.script[f"/toy/preview/{track}"] = [reply([f"{server.address}/clip/{track}"])]
                server.script[f"/clip/{track}"] = [reply(sound(20 * int(track)))]
        yield server


def test_a_toy_source_is_connected_collected_from_counted_and_drawn(served, tmp_path):
    registry.register(toy_source)
    artists = pd.DataFrame({"artist_id": [mbid(1), mbid(2)], "name": ["Abba", "Cher"]})
    addresses = {name: f"{served.address}/{name}" for name in ("toy", "deezer", "musicbrainz")}
    sources = ["toy", "deezer"]
    connected = registry.connect(sources, cache=tmp_path / "answers", addresses=addresses)
    clips, _ = collect.collect(artists, connected, tmp_path, clips_per_artist=2, n_jobs=1)
    assert clips["source_track_id"].tolist() == ["10", "11", "30", "31"]
    assert clips["accepted_because"].unique().tolist() == [
        "the only artist of this name",
        "linked by MusicBrainz",
    ]
    summary = collect.summary(clips, sources, len(artists)).set_index(["source", "quantity"])["value"]
    assert summary["toy", "clips"] == 4
    assert summary["toy", "disambiguated_artists"] == 1
    bars = sound_plots.sources_bar(clips, sources).axes[0].containers
    assert {bar.get_label(): [patch.get_width() for patch in bar] for bar in bars} == {
        "toy: 4 clips": [4],
        "Deezer: 0 clips": [0],
    }


def test_the_terms_and_limits_of_a_toy_source_hold_outside(monkeypatch):
    registry.register(toy_source)
    assert registry.terms(["toy"])["terms"].tolist() == ["For play only."]
    with pytest.raises(ValueError, match=r"For play only.*`i_may_use`: \[toy\]"):
        registry.connect(["toy"], contact="me@example.org")
    with pytest.raises(ValueError, match="`contact`"):
        registry.connect(["toy"], i_may_use=["toy"])
    limiter = limits.Limiter({})
    limiter.close("api.toy.example", 1_000_000)
    monkeypatch.setattr(toy_source, "LIMITER", limiter)
    (source,) = registry.connect(["toy"], contact="me@example.org", i_may_use=["toy"])
    with pytest.raises(faults.Unavailable, match="api.toy.example is left alone"):
        source.top("1")


def test_a_name_of_a_source_is_taken_once_and_a_source_states_all_that_it_should():
    registry.register(toy_source)
    with pytest.raises(ValueError, match="toy_source.Source needs a name of its own, got 'toy'"):
        registry.register(toy_source)
    with pytest.raises(
        ValueError, match="musicbrainz cannot be a source of clips without NEEDS_STATEMENT, Source"
    ):
        registry.register(musicbrainz)
