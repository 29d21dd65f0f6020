"""The grid search trains one network a setting and looks at dev artists only."""

import numpy as np
import pandas as pd
import pytest

from lib import study as studies
from lib.ranking import lists, metrics
from lib.training import search
from lib.training.siamese import Siamese
from lib.workflow.kept import Kept

FOR_COMPILING = 3  # silent clips, on which a step is compiled
GRID = {"epochs": [1], "judge": lists.judge(2), "seed": 5, "batch_norm_momentum": 0.5}


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "kept")


@pytest.fixture
def parts(study):
    return study.ids[:6], study.ids[6:9], study.ids[9:]


def test_a_row_is_what_a_training_blind_to_the_test_artists_gives(study, parts, kept):
    train, dev, test = parts
    asked = {"batch_sizes": [1024], "learning_rates": [0.002], "kept": kept, **GRID}
    (row,) = search.grid(study, train, dev, **asked).to_dict("records")
    clips, target = np.array(study.spectrograms), study.target.copy()
    clips[np.isin(study.clip_artists, test)] = np.nan
    target.loc[test] = np.nan
    blind = studies.of_arrays(clips, study.clip_artists, target, study.listeners)
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
        "dev_overlap": metrics.overlap_at_n(scores, truth, 2).mean(),
        "dev_ndcg": metrics.ndcg(scores, truth, 2).mean(),
    }


def imitation(losses):
    """A `Siamese.fit` that learns nothing: the dev loss of each epoch is `losses` of the method and seed."""

    def fit(method, study, train, dev, *, seed, watch, keep, checkpoint_folder):
        method.build(seed=seed)
        values = losses(method, seed)
        epochs = range(1, len(values) + 1)
        method.history = pd.DataFrame({"epoch": epochs, "split": "dev", "loss": values})
        method.best_epoch, method.best_weights = 1, method.model.get_weights()
        method.kept = {epoch: method.model.get_weights() for epoch in keep}
        return method

    return fit


def test_every_combination_is_trained_once_and_its_last_epoch_counts(study, parts, kept, monkeypatch):
    monkeypatch.setattr(Siamese, "fit", imitation(lambda m, seed: [9.0, m.batch_size + m.learning_rate]))
    monkeypatch.setattr(Siamese, "score", lambda method, study, artists: study.target.loc[artists, artists])
    table = search.grid(
        study,
        *parts[:2],
        batch_sizes=[16, 64],
        learning_rates=[0.25, 0.5, 0.75],
        kept=kept,
        **GRID | {"epochs": [2]},
    )
    assert sorted(table["dev_loss"]) == [16.25, 16.5, 16.75, 64.25, 64.5, 64.75]
    assert (table["dev_loss"] == table["batch_size"] + table["learning_rate"]).all()
    assert table["dev_ndcg"].tolist() == pytest.approx([1] * 6)


def test_fewer_epochs_are_read_off_the_training_of_more(study, parts, kept, monkeypatch):
    fit, fitted = Siamese.fit, []
    monkeypatch.setattr(Siamese, "fit", lambda *a, **b: fitted.append(1) or fit(*a, **b))
    asked = {"batch_sizes": [1024], "learning_rates": [0.002], "depths": [3, 5], "epochs": [2, 1]}
    asked |= {"judge": lists.judge(2), "kept": kept, "batch_norm_momentum": 0.5}
    table = search.grid(study, *parts[:2], **asked)
    assert table[["n_convolutions", "epochs"]].to_numpy().tolist() == [[3, 1], [3, 2], [5, 1], [5, 2]]
    assert len(fitted) == 2
    train, dev = parts[:2]
    for epochs, row in zip((1, 2), table.to_dict("records")[2:]):
        alone = Siamese(
            batch_size=1024, learning_rate=0.002, epochs=epochs, n_convolutions=5, batch_norm_momentum=0.5
        )
        history = fit(alone, study, train, dev).history
        assert row["dev_loss"] == history.query("split == 'dev'")["loss"].iloc[-1]
        truth = study.target.loc[dev, dev]
        assert row["dev_ndcg"] == metrics.ndcg(alone.score(study, dev), truth, 2).mean()


def test_other_depths_are_trained_with_the_best_settings_of_the_first(study, parts, kept, monkeypatch):
    """Best after the most epochs: after the first, the large batch is behind."""

    def losses(method, seed):
        return [method.batch_size, 100 - method.batch_size * method.learning_rate]

    monkeypatch.setattr(Siamese, "fit", imitation(losses))
    monkeypatch.setattr(Siamese, "score", lambda method, study, artists: study.target.loc[artists, artists])
    how = {"batch_sizes": [16, 64], "learning_rates": [0.25, 0.5], "depths": [3, 5], "kept": kept}
    how |= {**GRID, "epochs": [1, 2]}
    table = search.grid(study, *parts[:2], n_at_other_depths=2, **how)
    first, other = (part.drop(columns="n_convolutions") for _, part in table.groupby("n_convolutions"))
    assert len(first) == 8
    assert other[["batch_size", "learning_rate", "epochs"]].to_numpy().tolist() == [
        [64, 0.5, 1], [64, 0.5, 2], [64, 0.25, 1], [64, 0.25, 2]
    ]  # fmt: skip
    whole = search.grid(study, *parts[:2], **how)
    assert len(whole) == 16
    assert search.rival(whole, batch_size=16, learning_rate=0.5) == search.rival(
        table, batch_size=16, learning_rate=0.5
    )
    with pytest.raises(ValueError, match=r"n_at_other_depths must be 0 \(all settings\) or more, got -1"):
        search.grid(study, *parts[:2], n_at_other_depths=-1, **how)


def test_an_interrupted_search_goes_on_with_the_setting_it_was_at(study, parts, tmp_path, monkeypatch):
    asked = {
        "batch_sizes": [512, 1024],
        "learning_rates": [0.002],
        "checkpoint_folder": tmp_path / "half",
        **GRID,
    }
    asked |= {"epochs": [1, 2]}
    step, taken = Siamese.step, []

    def counted(method, clips, *arguments):
        if len(clips) > FOR_COMPILING:
            taken.append(1)
        return step(method, clips, *arguments)

    monkeypatch.setattr(Siamese, "step", counted)
    whole = search.grid(study, *parts[:2], kept=Kept(tmp_path / "first"), **asked)
    n_whole = len(taken)
    again = search.grid(study, *parts[:2], kept=Kept(tmp_path / "second"), **asked)  # checkpoints only
    pd.testing.assert_frame_equal(whole, again, check_exact=True)
    assert len(taken) == n_whole > 0


def test_a_search_done_before_trains_nothing(study, parts, kept, monkeypatch):
    asked = {"batch_sizes": [512, 1024], "learning_rates": [0.002], "kept": kept, **GRID}
    whole = search.grid(study, *parts[:2], **asked)
    monkeypatch.setattr(Siamese, "fit", lambda *_, **__: pytest.fail("trained"))
    pd.testing.assert_frame_equal(search.grid(study, *parts[:2], **asked), whole, check_exact=True)
    other_lists = search.grid(study, *parts[:2], **asked | {"judge": lists.judge(1)})
    pd.testing.assert_series_equal(other_lists["dev_loss"], whole["dev_loss"], check_exact=True)


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


def test_lists_longer_than_the_dev_artists_are_an_error_before_any_training(study, parts, kept, monkeypatch):
    monkeypatch.setattr(Siamese, "fit", lambda *_, **__: pytest.fail("trained"))
    asked = {"batch_sizes": [16], "learning_rates": [0.1], "kept": kept, **GRID}
    with pytest.raises(ValueError, match="lists of 3 were asked for, there are 2 candidates"):
        search.grid(study, *parts[:2], **asked | {"judge": lists.judge(3)})


TABLE = pd.DataFrame(
    {
        "batch_size": [512, 2048, 2048, 512, 512],
        "learning_rate": [0.001, 0.001, 0.01, 0.001, 0.01],
        "n_convolutions": [3, 3, 3, 5, 3],
        "epochs": [1, 3, 3, 3, 3],
        "seed": 4,
        "dev_loss": [0.1, 0.2, 0.5, 0.15, 0.4],
    }
)


def test_the_rival_has_the_papers_depth_and_the_most_epochs():
    assert search.rival(TABLE) == {
        "batch_size": 512, "learning_rate": 0.01, "n_convolutions": 3, "epochs": 3
    }  # fmt: skip
    assert search.rival(TABLE[TABLE["batch_size"] == 2048].iloc[:1]) is None


def test_the_check_takes_fresh_seeds_for_both_settings(study, parts, kept, monkeypatch):
    monkeypatch.setattr(Siamese, "fit", imitation(lambda m, seed: [9.0, 9.0, m.batch_size + seed]))
    monkeypatch.setattr(Siamese, "score", lambda method, study, artists: study.target.loc[artists, artists])
    found = search.check(study, *parts[:2], TABLE, judge=lists.judge(2), kept=kept, n_seeds=2)
    assert found["seed"].tolist() == [5, 5, 6, 6]  # the grid had 4
    wide = found.pivot(index="seed", columns="setting", values="dev_loss")
    assert (wide["rival"] - wide["paper"]).tolist() == [512 - 2048] * 2
    assert set(found["learning_rate"]) == {0.001, 0.01}
    assert set(found["epochs"]) == {3}


def test_a_grid_of_the_papers_setting_alone_leaves_nothing_to_check(study, parts, kept, monkeypatch):
    monkeypatch.setattr(Siamese, "fit", lambda *_, **__: pytest.fail("trained"))
    found = search.check(study, *parts[:2], TABLE.iloc[[1]], judge=lists.judge(2), kept=kept)
    assert found.empty
    assert {"setting", "seed", "dev_loss"} <= set(found.columns)
