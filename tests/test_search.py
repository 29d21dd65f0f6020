"""The grid search trains one network a setting and looks at dev artists only."""

import numpy as np
import pandas as pd
import pytest

from lib import methods, ranking, search
from lib.training import Siamese

GRID = {"epochs": [1], "n": 2, "seed": 5, "batch_norm_momentum": 0.5}


@pytest.fixture
def parts(collection):
    return collection.artists[:6], collection.artists[6:9], collection.artists[9:]


def test_a_row_is_what_a_training_blind_to_the_test_artists_gives(collection, parts):
    train, dev, test = parts
    (row,) = search.grid(collection, train, dev, batch_sizes=[1024], learning_rates=[0.002], **GRID).to_dict(
        "records"
    )
    clips, target = np.array(collection.spectrograms), collection.target.copy()
    clips[np.isin(collection.clip_artists, test)] = np.nan
    target.loc[test] = np.nan
    blind = methods.Collection(clips, collection.clip_artists, target, collection.listeners)
    method = Siamese(batch_size=1024, learning_rate=0.002, epochs=1, batch_norm_momentum=0.5)
    method.fit(blind, train, dev, seed=5)
    truth, scores = target.loc[dev, dev], method.score(blind, dev)
    assert row == {
        "batch_size": 1024,
        "learning_rate": 0.002,
        "n_convolutions": 3,
        "epochs": 1,
        "seed": 5,
        "dev_loss": method.history.query("split == 'dev'")["loss"].iloc[0],
        "dev_overlap": ranking.overlap_at_n(scores, truth, 2).mean(),
        "dev_ndcg": ranking.ndcg(scores, truth, 2).mean(),
    }


def test_every_combination_is_trained_once_and_its_last_epoch_counts(collection, parts, monkeypatch):
    def fit(method, collection, train, dev, *, seed, checkpoint_folder):
        losses = [9.0, method.batch_size + method.learning_rate]
        method.history = pd.DataFrame({"epoch": [1, 2], "split": "dev", "loss": losses})
        return method

    monkeypatch.setattr(Siamese, "fit", fit)
    monkeypatch.setattr(
        Siamese, "score", lambda method, collection, artists: collection.target.loc[artists, artists]
    )
    table = search.grid(
        collection, *parts[:2], batch_sizes=[16, 64], learning_rates=[0.25, 0.5, 0.75], **GRID
    )
    assert sorted(table["dev_loss"]) == [16.25, 16.5, 16.75, 64.25, 64.5, 64.75]
    assert (table["dev_loss"] == table["batch_size"] + table["learning_rate"]).all()
    assert table["dev_ndcg"].tolist() == pytest.approx([1] * 6)


def test_depths_and_epochs_are_part_of_the_grid(collection, parts, tmp_path):
    """More epochs go on from fewer: as many steps as the longest training alone."""
    asked = {"batch_sizes": [1024], "learning_rates": [0.002], "depths": [3, 5], "epochs": [2, 1], "n": 2}
    table = search.grid(collection, *parts[:2], **asked, batch_norm_momentum=0.5, checkpoint_folder=tmp_path)
    assert table[["n_convolutions", "epochs"]].to_numpy().tolist() == [[3, 1], [3, 2], [5, 1], [5, 2]]
    alone = Siamese(batch_size=1024, learning_rate=0.002, epochs=2, n_convolutions=5, batch_norm_momentum=0.5)
    losses = alone.fit(collection, *parts[:2]).history.query("split == 'dev'")["loss"]
    assert table["dev_loss"].tolist()[2:] == losses.tolist()


def test_an_interrupted_search_goes_on_with_the_setting_it_was_at(collection, parts, tmp_path, monkeypatch):
    asked = {"batch_sizes": [512, 1024], "learning_rates": [0.002], "checkpoint_folder": tmp_path, **GRID}
    step, taken = Siamese.step, []
    monkeypatch.setattr(Siamese, "step", lambda *arguments: taken.append(1) or step(*arguments))
    whole = search.grid(collection, *parts[:2], **asked)
    n_whole = len(taken)
    again = search.grid(collection, *parts[:2], **asked)
    pd.testing.assert_frame_equal(whole, again, check_exact=True)
    only_compiled = 2 * 2  # two settings, two sizes of tile
    assert len(taken) - n_whole == only_compiled < n_whole


def test_the_best_setting_depends_on_who_is_asked():
    table = pd.DataFrame(
        {
            "batch_size": [1, 2, 3],
            "dev_loss": [3, 1, 2],
            "dev_overlap": [0.5, 0.1, 0.5],
            "dev_ndcg": [0, 1, 2],
        }
    )
    assert search.best(table)["batch_size"].to_dict() == {"dev_loss": 2, "dev_overlap": 1, "dev_ndcg": 3}


def test_lists_longer_than_the_dev_artists_are_an_error_before_any_training(collection, parts, monkeypatch):
    monkeypatch.setattr(Siamese, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ValueError, match="lists of 3 were asked for, there are 2 candidates"):
        search.grid(collection, *parts[:2], batch_sizes=[16], learning_rates=[0.1], **GRID | {"n": 3})
