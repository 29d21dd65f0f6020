"""Training on a handful of random arrays: the same bits for a seed, losses by hand, and every alarm."""

import keras
import numpy as np
import pandas as pd
import pytest

from lib import methods, pairs, training
from lib.training import Siamese

MANY_TILES = {"batch_size": 64, "epochs": 2, "batch_norm_momentum": 0.5}
ONE_TILE = {"batch_size": 1024, "epochs": 1, "batch_norm_momentum": 0.5}


@pytest.fixture(scope="module")
def parts(collection):
    artists = collection.artists
    return artists[:6], artists[6:9], artists[9:]


@pytest.fixture(scope="module")
def trained(collection, parts):
    train, dev, test = parts
    return Siamese(**MANY_TILES).fit(collection, train, dev, seed=3, watch={"test": test})


def changed(collection, *, clips=None, target=None):
    clips = collection.spectrograms if clips is None else clips
    return methods.Collection(
        clips, collection.clip_artists, collection.target if target is None else target, collection.listeners
    )


def mean_squared_error_by_loop(method, collection, artists):
    clips, owners = collection.clips_of(artists)
    judged, target = method.clip_similarities(clips), collection.target.loc[artists, artists].to_numpy()
    errors = [
        (judged[i, j] - target[owners[i], owners[j]]) ** 2
        for j in range(len(clips))
        for i in range(j)
        if owners[i] != owners[j]
    ]
    return np.mean(errors)


# What a seed fixes.


def test_the_same_seed_gives_the_same_bits_whatever_else_differs(collection, parts, trained):
    """Numbers drawn before, artists watched beside, and all that is known of the artists held out."""
    train, dev, test = parts
    keras.utils.set_random_seed(99)
    held_out = ~np.isin(collection.clip_artists, train)
    clips = np.array(collection.spectrograms)
    clips[held_out] = 1 - clips[held_out]
    target = collection.target.copy()
    target.loc[[*dev, *test]] = 0.5
    again = Siamese(**MANY_TILES).fit(changed(collection, clips=clips, target=target), train, dev, seed=3)
    for ours, theirs in zip(trained.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    first, second = (method.history.query("split == 'train'") for method in (trained, again))
    assert first["loss"].tolist() == second["loss"].tolist()
    pd.testing.assert_frame_equal(
        trained.score(collection, test), again.score(collection, test), check_exact=True
    )


# Losses.


def test_the_history_has_one_row_for_each_epoch_and_split(trained):
    assert trained.history[["seed", "epoch", "split"]].to_numpy().tolist() == [
        [3, epoch, split] for epoch in (1, 2) for split in ("train", "dev", "test")
    ]


def test_losses_after_the_last_epoch_equal_a_loop_over_clip_pairs(collection, parts, trained):
    last = trained.history[trained.history["epoch"] == 2].set_index("split")["loss"]
    for name, artists in zip(("dev", "test"), parts[1:], strict=True):
        assert last[name] == pytest.approx(mean_squared_error_by_loop(trained, collection, artists), rel=1e-5)


def test_the_training_loss_is_the_mean_over_pairs_of_different_artists(collection, parts):
    """With a learning rate of 0 it follows from the network's answers, whatever the tiles' sizes."""
    train, dev, _ = parts
    method = Siamese(**MANY_TILES | {"epochs": 1}, learning_rate=0.0).fit(collection, train, dev, seed=1)
    fresh = training.Untrained().build(seed=1)
    for ours, theirs in zip(method.model.trainable_weights, fresh.model.trainable_weights, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    clips, owners = collection.clips_of(train)
    target = collection.target.loc[train, train].to_numpy()
    errors = []
    for tile in pairs.tiles(len(clips), batch_size=64, seed=1, epoch=1):
        inputs = [clips[tile.clips][None], tile.left[None], tile.right[None]]
        judged = np.asarray(fresh.model(inputs, training=True))[0, :, 0]
        left, right = owners[tile.clips[tile.left]], owners[tile.clips[tile.right]]
        errors += ((judged - target[left, right]) ** 2)[left != right].tolist()
    assert method.history["loss"].iloc[0] == pytest.approx(np.mean(errors), rel=1e-5)


def test_the_network_can_learn(collection, parts):
    """Over and over one tile of six artists: better than always predicting their mean."""
    train, dev, _ = parts
    method = Siamese(**ONE_TILE | {"epochs": 25}).fit(collection, train, dev, seed=0)
    losses = method.history.query("split == 'train'")["loss"]
    assert losses.iloc[-1] < 0.5 * training.constant_loss(collection, train, train)
    assert mean_squared_error_by_loop(method, collection, train) < training.constant_loss(
        collection, train, train
    )


def test_the_constant_predictor_knows_the_training_artists_mean_only(collection, parts):
    train, dev, _ = parts
    known = collection.target.loc[train, train].stack()
    _, owners = collection.clips_of(dev)
    target = collection.target.loc[dev, dev].to_numpy()
    wanted = [
        target[owners[i], owners[j]] for j in range(len(owners)) for i in range(j) if owners[i] != owners[j]
    ]
    assert training.constant_loss(collection, train, dev) == pytest.approx(
        np.mean((known.mean() - np.array(wanted)) ** 2)
    )


def test_the_loss_summary_worked_by_hand():
    history = pd.DataFrame(
        [
            (seed, epoch, "dev", loss)
            for seed, losses in ((0, [4, 1, 3]), (1, [6, 2, 5]))
            for epoch, loss in enumerate(losses, 1)
        ],
        columns=["seed", "epoch", "split", "loss"],
    )
    (row,) = training.loss_summary(history, {"dev": 7.0}).to_dict("records")
    assert row == {
        "split": "dev", "constant": 7.0, "best_epoch": 2, "best": 1.5, "last": 4.0,
        "last_sd": pytest.approx(np.sqrt(2)), "n_seeds": 2,
    }  # fmt: skip


# Alarms.


def test_a_loss_that_is_not_finite_is_an_alarm(collection, parts):
    train, dev, _ = parts
    target = collection.target.copy()
    target.loc[train[0], train[1]] = target.loc[train[1], train[0]] = np.nan
    with pytest.raises(
        ValueError, match=r"the loss is nan in epoch 1 of seed 0: lower learning_rate \(0.001\)"
    ):
        Siamese(**ONE_TILE).fit(changed(collection, target=target), train, dev)


def test_answers_that_are_not_finite_are_an_alarm(collection, parts):
    train, dev, _ = parts
    clips = np.array(collection.spectrograms)
    clips[np.isin(collection.clip_artists, dev)] = np.inf
    with pytest.raises(ValueError, match="similarities that are not finite"):
        Siamese(**ONE_TILE).fit(changed(collection, clips=clips), train, dev)


def test_answers_that_are_all_alike_are_an_alarm(collection, parts):
    train, dev, _ = parts
    with pytest.raises(ValueError, match=r"all pairs the same similarity \(collapsed embeddings\)"):
        Siamese(**ONE_TILE).fit(
            changed(collection, clips=np.full_like(collection.spectrograms, 0.5)), train, dev
        )


def test_a_constant_target_is_an_alarm(collection, parts):
    train, dev, _ = parts
    with pytest.raises(
        ValueError, match="all training artists are equally similar: there is nothing to learn"
    ):
        Siamese(**ONE_TILE).fit(changed(collection, target=collection.target * 0 + 0.3), train, dev)


def test_a_target_that_is_not_symmetric_is_an_error(collection, parts):
    """The same pair would be taught two answers, by chance of the order in which its clips come."""
    train, dev, _ = parts
    target = collection.target.where(np.triu(np.ones((12, 12))) > 0, collection.target / 2)
    with pytest.raises(ValueError, match="the network is symmetric and the target is not"):
        Siamese(**ONE_TILE).fit(changed(collection, target=target), train, dev)


# Scores.


def test_scores_are_means_over_clip_pairs_and_symmetric(collection, parts, trained):
    artists = parts[2][::-1]
    scores = trained.score(collection, artists)
    clips, owners = collection.clips_of(artists)
    left, right = np.indices((len(clips), len(clips))).reshape(2, -1)
    judged = np.asarray(trained.model([clips[None], left[None], right[None]]))[0, :, 0].reshape(
        len(clips), -1
    )
    for a, query in enumerate(artists):
        for b, candidate in enumerate(artists):
            if a != b:
                assert scores.loc[query, candidate] == pytest.approx(
                    judged[np.ix_(owners == a, owners == b)].mean(), rel=1e-5
                )
    np.testing.assert_allclose(scores, scores.T, rtol=1e-6)


def test_embeddings_do_not_depend_on_their_batch(collection, parts, trained, monkeypatch):
    clips, _ = collection.clips_of(parts[0])
    together = trained.embed(clips)
    monkeypatch.setattr(training, "ENCODE_BATCH", 1)
    np.testing.assert_allclose(trained.embed(clips), together, rtol=1e-4, atol=1e-6)


def test_a_saved_network_scores_the_same_and_can_be_saved_again(tmp_path, collection, parts):
    method = training.Untrained(n_convolutions=5).build(seed=2)
    method.save(tmp_path / "a.npz")
    loaded = Siamese.from_file(tmp_path / "a.npz")
    pd.testing.assert_frame_equal(
        loaded.score(collection, parts[2]), method.score(collection, parts[2]), check_exact=True
    )
    loaded.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_untrained_network_depends_on_its_seed_only(collection, parts):
    train, dev, test = parts
    first, again, other = (
        training.Untrained().fit(collection, artists, dev, seed=seed).score(collection, test)
        for artists, seed in ((train, 1), (test, 1), (train, 2))
    )
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not np.allclose(first, other, equal_nan=True)
