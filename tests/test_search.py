"""The grid search trains one network a setting and looks at dev artists only."""

import numpy as np
import pytest

from lib import methods, ranking, search
from lib.training import Siamese

GRID = {
    "batch_sizes": [1024],
    "learning_rates": [0.0, 0.001],
    "epochs": 1,
    "n": 2,
    "seed": 5,
    "batch_norm_momentum": 0.5,
}


def test_each_row_is_what_a_training_blind_to_the_test_artists_gives(collection):
    train, dev, test = collection.artists[:6], collection.artists[6:9], collection.artists[9:]
    table = search.grid(collection, train, dev, **GRID)
    assert table[["batch_size", "learning_rate", "epochs", "seed"]].to_numpy().tolist() == [
        [1024, 0, 1, 5],
        [1024, 0.001, 1, 5],
    ]
    clips, target = np.array(collection.spectrograms), collection.target.copy()
    clips[np.isin(collection.clip_artists, test)] = np.nan
    target.loc[test] = np.nan
    blind = methods.Collection(clips, collection.clip_artists, target, collection.listeners)
    method = Siamese(batch_size=1024, epochs=1, batch_norm_momentum=0.5).fit(blind, train, dev, seed=5)
    truth, scores = target.loc[dev, dev], method.score(blind, dev)
    row = table.iloc[1]
    assert row["dev_loss"] == method.history.query("split == 'dev'")["loss"].iloc[0]
    assert row["dev_overlap"] == ranking.overlap_at_n(scores, truth, 2).mean()
    assert row["dev_ndcg"] == ranking.ndcg(scores, truth, 2).mean()
    assert row["dev_loss"] != table["dev_loss"].iloc[0]


def test_lists_longer_than_the_dev_artists_are_an_error_before_any_training(collection, monkeypatch):
    monkeypatch.setattr(Siamese, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ValueError, match="lists of 3 were asked for, there are 2 candidates"):
        search.grid(collection, collection.artists[:6], collection.artists[6:9], **GRID | {"n": 3})
