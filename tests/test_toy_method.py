"""A toy method: one class and one entry, and every part of the way from fit to explorer knows it."""

from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import planted_world
import pytest

from lib import methods, numerics, registry
from lib.beyond import protocol, similar_artists, tables
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.factor_models import FactorMethod, artist_means
from lib.explorer import explorer
from lib.listening import matrix
from lib.plots import beyond as plots
from lib.ranking import baselines
from lib.ranking import tables as ranking_tables
from lib.ranking.scores import score_all
from lib.spectrograms import picture
from lib.workflow.kept import Kept

SLOW = [name for name in registry.of_kind("audio") if name != "factor_ridge"]


class Toy(FactorMethod):
    """Hears the shape of a clip's mean spectrum, less that of the training clips."""

    name = "toy"

    def fit(self, study, train, dev, *, seed=0):
        clips, _ = study.clips_of(train)
        self.centre = shapes(clips).mean(axis=0)
        return self

    def vectors(self, study, artists):
        clips, owners = study.clips_of(artists)
        return numerics.unit(artist_means(shapes(clips) - self.centre, owners, len(artists)))

    def hear(self, clips):
        return numerics.unit((shapes(clips) - self.centre).mean(axis=0, keepdims=True))[0]

    def arrays(self):
        return {"centre": self.centre}

    @classmethod
    def restore(cls, arrays):
        method = cls(None)
        method.centre = arrays["centre"]
        return method


class Plain(methods.Method):
    """A method with nothing but scores: nothing says where it hears an artist."""

    name = "plain"

    def score(self, study, artists):
        places = np.arange(len(artists), dtype=float)
        return methods.labelled_scores(-np.abs(np.subtract.outer(places, places)), artists)


def shapes(clips):
    """Mean spectra whatever their level, shape=(n_clips, 64)."""
    spectra = np.asarray(clips, dtype=float).mean(axis=1)
    return spectra - spectra.mean(axis=1, keepdims=True)


@pytest.fixture(scope="module", autouse=True)
def entries():
    """The toys beside the methods that are quick."""
    with pytest.MonkeyPatch.context() as patch:
        quick = {name: entry for name, entry in registry.METHODS.items() if name not in SLOW}
        toy = registry.Entry("a toy", "#123456", "audio", "test_toy_method:Toy")
        plain = registry.Entry("a plain toy", "#654321", "audio", "test_toy_method:Plain")
        # Deleting entries would put them back in another order.
        patch.setattr(registry, "METHODS", quick | {"toy": toy, "plain": plain})
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def world():
    """The planted world, split."""
    listening, study = planted_world.build()
    train, dev, test = planted_world.parts(study)
    parts = ["train"] * len(train) + ["dev"] * len(dev) + ["test"] * len(test)
    splits = pd.DataFrame({"fold": 0, "artist_id": [*train, *dev, *test], "split": parts})
    return listening, replace(study, splits=splits)


@pytest.fixture(scope="module")
def fitted(world, entries, tmp_path_factory):
    listening, study = world
    kept = Kept(tmp_path_factory.mktemp("kept"))
    features = {AudioFeatures: AudioFeatures(lengths=(4,), n_atoms=8)}
    given = protocol.Given(listening, features, n_factors=4, steps=1)
    return protocol.fit_and_score(study, study.splits, given, seeds=[0], kept=kept)


@pytest.fixture(scope="module")
def scores(world, fitted):
    """With a network that is always wrong."""
    return fitted[1] | score_all([(baselines.Fixed("siamese", -world[1].target), 0)], world[1])


@pytest.fixture(scope="module")
def on_test(world, scores):
    _, study = world
    return tables.values(scores, study.target, study.splits, study.listeners, n=3)


def texts(figure):
    return {text.get_text() for text in figure.findobj(mpl.text.Text)}


def test_it_is_fitted_and_scored_beside_the_others(world, fitted):
    _, study = world
    scorers, scores, seconds = fitted
    assert [method.name for method, _ in scorers] == ["factor_ridge", "toy", "plain"]
    assert seconds["method"].tolist() == ["factor_ridge", "toy", "plain"]
    assert {"chance", "l2", "factor_ridge", "toy", "plain"} <= set(scores.methods)
    alone = Toy(None).fit(study, study.train, study.dev).score(study, study.ids)
    np.testing.assert_allclose(scores.frame(("toy", 0, 0)), alone, atol=1e-6)
    np.testing.assert_array_equal(scores.frame(("plain", 0, 0)), Plain().score(study, study.ids))


def test_it_is_in_the_tables_and_hears_what_was_planted(on_test):
    assert "toy" in set(on_test["method"])
    summary = tables.summary(on_test).set_index(["method", "measure"])["value"]
    assert summary["toy", "ndcg"] > summary["chance", "ndcg"]
    compared = tables.comparisons(on_test).set_index(["reference", "measure", "method"])
    assert compared.loc[("l2", "ndcg", "toy"), "difference"] > 0
    assert ("siamese", "ndcg", "toy") in compared.index
    assert "toy" in set(tables.as_table1(on_test, n=3)["method"])


def test_it_can_be_chosen_on_the_dev_artists(world, fitted):
    _, study = world
    dev = tables.values(fitted[1], study.target, study.splits, study.listeners, n=3, part="dev")
    assert set(tables.choose(dev).index) == {"factor_ridge", "toy", "plain"}


def test_pictures_call_it_by_its_label_and_colour(world, scores, on_test):
    _, study = world
    table = ranking_tables.table1(scores, study.target, study.test, list_lengths=[3])
    forest = plots.beyond_forest(pd.concat([table, tables.as_table1(on_test, n=3)]), n=3, best="toy")
    gains = plots.gains(tables.comparisons(on_test))
    for figure in (forest, gains):
        assert "a toy" in texts(figure)
        colours = {line.get_color() for ax in figure.axes for line in ax.lines}
        assert "#123456" in colours


def test_as_a_model_in_a_file_it_answers_for_a_recording(world, fitted, tmp_path):
    _, study = world
    method = next(method for method, _ in fitted[0] if method.name == "toy")
    settings, provenance = picture.Settings(n_fft=3000), {"profile": "planted"}
    finder = similar_artists.finder(method, study, settings=settings, provenance=provenance)
    finder.save(tmp_path / "toy.npz")
    loaded = similar_artists.load(tmp_path / "toy.npz")
    assert isinstance(loaded.method, Toy)
    clips, _ = study.clips_of(study.ids[3:4])
    answer = loaded.of_clips(clips, n=4)
    assert answer["artist_id"][0] == study.ids[3]
    assert answer["name"][0] == "Artist 3"
    assert answer["score"][0] == pytest.approx(1)


def test_without_vectors_a_method_is_compared_but_is_no_model_for_recordings(world, fitted):
    _, study = world
    plain = next(method for method, _ in fitted[0] if method.name == "plain")
    with pytest.raises(ValueError, match=r"plain has scores only: .* see lib/registry\.py"):
        similar_artists.finder(plain, study, settings=picture.DEFAULT, provenance={})


def test_the_explorer_offers_it_by_its_label(world, fitted, tmp_path):
    listening, study = world
    matrix.save(listening, tmp_path)
    study = replace(study, folder=tmp_path)
    scores = fitted[1]
    assert "toy" in explorer.sources_of(scores)
    table = explorer.neighbours(study, scores, study.ids[0], sources=["truth", "toy"], n=5)
    assert table.groupby("source").size().to_dict() == {"toy": 5, "truth": 5}
    assert table.loc[table["source"] == "toy", "true"].any()
    shown = explorer.side_by_side_html(table)
    assert "<th>a toy</th>" in shown
    assert "<th>toy</th>" not in shown
