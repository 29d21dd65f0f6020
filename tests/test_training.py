"""Training on a handful of random arrays: the same bits for a seed, losses by hand, and every alarm."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from keras.ops import convert_to_numpy

from lib import study as studies
from lib.training import checkpoints, pairs, siamese
from lib.training import losses as training_losses
from lib.training.siamese import Siamese
from lib.workflow import paths

MANY_TILES = {"batch_size": 64, "epochs": 2, "batch_norm_momentum": 0.5}
ONE_TILE = {"batch_size": 1024, "epochs": 1, "batch_norm_momentum": 0.5}


@pytest.fixture(scope="module")
def parts(study):
    artists = study.ids
    return artists[:6], artists[6:9], artists[9:]


@pytest.fixture(scope="module")
def trained(study, parts):
    train, dev, test = parts
    return Siamese(**MANY_TILES).fit(study, train, dev, seed=3, watch={"test": test})


def changed(study, *, clips=None, target=None):
    clips = study.spectrograms if clips is None else clips
    return studies.of_arrays(
        clips, study.clip_artists, study.target if target is None else target, study.listeners
    )


def mean_squared_error_by_loop(method, study, artists):
    clips, owners = study.clips_of(artists)
    judged, target = method.clip_similarities(clips), study.target.loc[artists, artists].to_numpy()
    errors = [
        (judged[i, j] - target[owners[i], owners[j]]) ** 2
        for j in range(len(clips))
        for i in range(j)
        if owners[i] != owners[j]
    ]
    return np.mean(errors)


# What a seed fixes.


def test_the_same_seed_gives_the_same_bits_whatever_else_differs(study, parts, trained):
    """Numbers drawn before, artists watched beside, and all that is known of the artists held out."""
    train, dev, test = parts
    keras.utils.set_random_seed(99)
    held_out = ~np.isin(study.clip_artists, train)
    clips = np.array(study.spectrograms)
    clips[held_out] = 1 - clips[held_out]
    target = study.target.copy()
    target.loc[[*dev, *test]] = 0.5
    again = Siamese(**MANY_TILES).fit(changed(study, clips=clips, target=target), train, dev, seed=3)
    for ours, theirs in zip(trained.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    first, second = (method.history.query("split == 'train'") for method in (trained, again))
    assert first["loss"].tolist() == second["loss"].tolist()
    pd.testing.assert_frame_equal(trained.score(study, test), again.score(study, test), check_exact=True)


# Losses.


def test_the_history_has_one_row_for_each_epoch_and_split(trained):
    assert trained.history[["seed", "epoch", "split"]].to_numpy().tolist() == [
        [3, epoch, split] for epoch in (1, 2) for split in ("train", "dev", "test")
    ]


def test_losses_after_the_last_epoch_equal_a_loop_over_clip_pairs(study, parts, trained):
    last = trained.history[trained.history["epoch"] == 2].set_index("split")["loss"]
    for name, artists in zip(("dev", "test"), parts[1:], strict=True):
        assert last[name] == pytest.approx(mean_squared_error_by_loop(trained, study, artists), rel=1e-4)


def test_the_training_loss_is_the_mean_over_pairs_of_different_artists(study, parts):
    """With a learning rate of 0 it follows from the network's answers, whatever the tiles' sizes."""
    train, dev, _ = parts
    method = Siamese(**MANY_TILES | {"epochs": 1}, learning_rate=0.0).fit(study, train, dev, seed=1)
    fresh = siamese.Untrained().build(seed=1)
    for ours, theirs in zip(method.model.trainable_weights, fresh.model.trainable_weights, strict=True):
        np.testing.assert_array_equal(convert_to_numpy(ours), convert_to_numpy(theirs))
    clips, owners = study.clips_of(train)
    target = study.target.loc[train, train].to_numpy()
    errors = []
    for tile in pairs.tiles(len(clips), batch_size=64, seed=1, epoch=1):
        inputs = [clips[tile.clips][None], tile.left[None], tile.right[None]]
        judged = convert_to_numpy(fresh.model(inputs, training=True))[0, :, 0]
        left, right = owners[tile.clips[tile.left]], owners[tile.clips[tile.right]]
        errors += ((judged - target[left, right]) ** 2)[left != right].tolist()
    assert method.history["loss"].iloc[0] == pytest.approx(np.mean(errors), rel=1e-4)


def test_the_network_can_learn(study, parts):
    """Over and over one tile of six artists: better than always predicting their mean."""
    train, dev, _ = parts
    method = Siamese(**ONE_TILE | {"epochs": 25}).fit(study, train, dev, seed=0)
    losses = method.history.query("split == 'train'")["loss"]
    assert losses.iloc[-1] < 0.5 * training_losses.constant_loss(study, train, train)
    assert mean_squared_error_by_loop(method, study, train) < training_losses.constant_loss(
        study, train, train
    )


def test_the_constant_predictor_knows_the_training_artists_mean_only(study, parts):
    train, dev, _ = parts
    known = study.target.loc[train, train].stack()
    _, owners = study.clips_of(dev)
    target = study.target.loc[dev, dev].to_numpy()
    wanted = [
        target[owners[i], owners[j]] for j in range(len(owners)) for i in range(j) if owners[i] != owners[j]
    ]
    assert training_losses.constant_loss(study, train, dev) == pytest.approx(
        np.mean((known.mean() - np.array(wanted)) ** 2)
    )


def test_the_training_mean_is_over_pairs_of_different_training_artists(study, parts):
    known = study.target.loc[parts[0], parts[0]].to_numpy()
    wanted = np.mean([known[a, b] for a in range(6) for b in range(a)])
    assert training_losses.training_mean(study, parts[0]) == pytest.approx(wanted)


def losses_by_loop(judged, study, rows, columns, similarities):
    """Mean squared error of each pair of artists over its pairs of clips, and their number."""
    first, second = (study.clips_of(axis)[1] for axis in (rows, columns))
    losses = pd.DataFrame(np.nan, index=rows, columns=columns)
    n_pairs = pd.DataFrame(0, index=rows, columns=columns)
    for i, a in enumerate(rows):
        for j, b in enumerate(columns):
            errors = (judged[np.ix_(first == i, second == j)] - similarities.loc[a, b]) ** 2
            losses.loc[a, b], n_pairs.loc[a, b] = errors.mean(), errors.size
    return losses, n_pairs


def test_losses_of_pairs_of_artists_equal_a_loop_and_make_up_the_loss(study, parts, trained):
    _, dev, test = parts
    last = trained.history[trained.history["epoch"] == 2].set_index("split")["loss"]
    for name, artists in (("dev", dev), ("test", test)):
        losses, n_pairs = training_losses.artist_losses(trained, study, artists)
        assert losses.notna().to_numpy()[np.triu_indices(len(artists), k=1)].all()
        assert losses.isna().to_numpy()[np.tril_indices(len(artists))].all()  # each pair counts once
        judged = trained.clip_similarities(study.clips_of(artists)[0])
        similarities = training_losses.pairs_among(study, artists)
        wanted, counts = losses_by_loop(judged, study, artists, artists, similarities)
        np.testing.assert_allclose(losses, wanted, rtol=1e-4)
        np.testing.assert_array_equal(n_pairs, counts)
        mean = np.nansum(losses * n_pairs) / n_pairs.where(losses.notna()).sum().sum()
        assert mean == pytest.approx(last[name], rel=1e-4)


def test_losses_over_other_pairs_than_those_of_one_set_equal_a_loop(study, parts, trained):
    """As the author's test loss: rows and columns are other artists, and only some pairs count."""
    train, dev, _ = parts
    rows = [*dev, *train[:2]]
    similarities = study.target.loc[rows, dev].where(np.tri(5, 3, k=-1, dtype=bool))
    similarities.iloc[4, 0] = np.nan
    losses, n_pairs = training_losses.artist_losses(trained, study, similarities)
    judged = trained.clip_similarities(*(study.clips_of(axis)[0] for axis in (rows, dev)))
    wanted, counts = losses_by_loop(judged, study, rows, dev, similarities)
    assert losses.isna().equals(similarities.isna())
    np.testing.assert_allclose(losses, wanted, rtol=1e-4)
    np.testing.assert_array_equal(n_pairs, counts)


def test_the_constants_losses_are_those_of_the_training_mean(study, parts):
    train, dev, _ = parts
    losses, n_pairs = training_losses.constant_losses(study, train, dev)
    similarities = training_losses.pairs_among(study, dev)
    wanted = (training_losses.training_mean(study, train) - similarities) ** 2
    np.testing.assert_allclose(losses, wanted)
    mean = np.nansum(losses * n_pairs) / np.nansum(n_pairs.where(losses.notna()))
    assert training_losses.constant_loss(study, train, dev) == pytest.approx(mean)


def test_a_frame_of_pairs_can_be_watched_and_leaves_the_training_alone(study, parts, trained):
    train, dev, _ = parts
    similarities = study.target.loc[[*dev, *train[:2]], dev].where(np.tri(5, 3, k=-1, dtype=bool))
    watched = Siamese(**MANY_TILES).fit(study, train, dev, seed=3, watch={"pairs": similarities})
    for ours, theirs in zip(watched.model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    losses, n_pairs = training_losses.artist_losses(watched, study, similarities)
    mean = np.nansum(losses * n_pairs) / np.nansum(n_pairs.where(losses.notna()))
    last = watched.history.query("epoch == 2 and split == 'pairs'")["loss"].item()
    assert last == pytest.approx(mean, rel=1e-4)


def test_the_loss_summary_worked_by_hand():
    history = pd.DataFrame(
        [
            (seed, epoch, "dev", loss)
            for seed, losses in ((0, [4, 1, 3]), (1, [6, 2, 5]))
            for epoch, loss in enumerate(losses, 1)
        ],
        columns=["seed", "epoch", "split", "loss"],
    )
    (row,) = training_losses.loss_summary(history, {"dev": 7.0}).to_dict("records")
    assert row == {
        "split": "dev", "constant": 7.0, "best_epoch": 2, "best": 1.5, "last": 4.0,
        "last_sd": pytest.approx(np.sqrt(2)), "n_seeds": 2,
    }  # fmt: skip


# Alarms.


def test_a_loss_that_is_not_finite_is_an_alarm(study, parts):
    train, dev, _ = parts
    target = study.target.copy()
    target.loc[train[0], train[1]] = target.loc[train[1], train[0]] = np.nan
    with pytest.raises(
        ValueError, match=r"the loss is nan in epoch 1 of seed 0: lower learning_rate \(0.001\)"
    ):
        Siamese(**ONE_TILE).fit(changed(study, target=target), train, dev)


def test_answers_that_are_not_finite_are_an_alarm(study, parts):
    train, dev, _ = parts
    clips = np.array(study.spectrograms)
    clips[np.isin(study.clip_artists, dev)] = np.inf
    # oneDNN's rectifier turns what is no number into 0: then all pairs are alike
    with pytest.raises(ValueError, match="similarities that are not finite|all pairs the same similarity"):
        Siamese(**ONE_TILE).fit(changed(study, clips=clips), train, dev)


def test_answers_that_are_all_alike_are_an_alarm(study, parts):
    train, dev, _ = parts
    with pytest.raises(ValueError, match=r"all pairs the same similarity \(collapsed embeddings\)"):
        Siamese(**ONE_TILE).fit(changed(study, clips=np.full_like(study.spectrograms, 0.5)), train, dev)


def test_a_constant_target_is_an_alarm(study, parts):
    train, dev, _ = parts
    with pytest.raises(
        ValueError, match="all training artists are equally similar: there is nothing to learn"
    ):
        Siamese(**ONE_TILE).fit(changed(study, target=study.target * 0 + 0.3), train, dev)


def test_a_target_that_is_not_symmetric_is_an_error(study, parts):
    """The same pair would be taught two answers, by chance of the order in which its clips come."""
    train, dev, _ = parts
    target = study.target.where(np.triu(np.ones((12, 12))) > 0, study.target / 2)
    with pytest.raises(ValueError, match="the network is symmetric and the target is not"):
        Siamese(**ONE_TILE).fit(changed(study, target=target), train, dev)


def test_a_lonely_artist_is_an_alarm(study, parts):
    train, dev, test = parts
    for name, asked in {
        "training": [train[:1], dev],
        "dev": [train, dev[:1]],
        "test": [train, dev, test[:1]],
    }.items():
        with pytest.raises(ValueError, match=f"there is 1 {name} artist: a pair needs two"):
            Siamese(**ONE_TILE).fit(study, *asked[:2], watch={"test": (asked[2:] or [test])[0]})


def test_an_artist_without_clips_is_an_alarm(study, parts):
    train, dev, _ = parts
    with pytest.raises(ValueError, match="1 artists have no clip, the first is nobody"):
        Siamese(**ONE_TILE).fit(study, [*train, "nobody"], dev)


# Scores.


def test_scores_are_means_over_clip_pairs_and_symmetric(study, parts, trained):
    artists = parts[2][::-1]
    scores = trained.score(study, artists)
    clips, owners = study.clips_of(artists)
    left, right = np.indices((len(clips), len(clips))).reshape(2, -1)
    judged = convert_to_numpy(trained.model([clips[None], left[None], right[None]]))[0, :, 0].reshape(
        len(clips), -1
    )
    for a, query in enumerate(artists):
        for b, candidate in enumerate(artists):
            if a != b:
                assert scores.loc[query, candidate] == pytest.approx(
                    judged[np.ix_(owners == a, owners == b)].mean(), rel=1e-4
                )
    np.testing.assert_allclose(scores, scores.T, rtol=1e-5)


def test_embeddings_do_not_depend_on_their_batch(study, parts, trained, monkeypatch):
    clips, _ = study.clips_of(parts[0])
    together = trained.embed(clips)
    monkeypatch.setattr(siamese, "ENCODE_BATCH", 1)
    np.testing.assert_allclose(trained.embed(clips), together, rtol=1e-4, atol=1e-6)


def test_embeddings_are_what_the_layers_give_one_by_one(study, parts, trained):
    clips, _ = study.clips_of(parts[0])
    layer_by_layer = convert_to_numpy(trained.model.get_layer("encoder")(clips, training=False))
    np.testing.assert_allclose(trained.embed(clips), layer_by_layer, rtol=1e-4, atol=1e-6)


def test_a_saved_network_scores_the_same_and_can_be_saved_again(tmp_path, study, parts):
    method = siamese.Untrained(n_convolutions=5).build(seed=2)
    method.save(tmp_path / "a.npz")
    loaded = Siamese.from_file(tmp_path / "a.npz")
    pd.testing.assert_frame_equal(
        loaded.score(study, parts[2]), method.score(study, parts[2]), check_exact=True
    )
    loaded.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_untrained_network_depends_on_its_seed_only(study, parts):
    train, dev, test = parts
    first, again, other = (
        siamese.Untrained().fit(study, artists, dev, seed=seed).score(study, test)
        for artists, seed in ((train, 1), (test, 1), (train, 2))
    )
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not np.allclose(first, other, equal_nan=True)


# Killed, and going on.


FOR_COMPILING = 3  # clips of the steps that only compile


class Killed(Exception):
    pass


def counting(taken, step=Siamese.step):
    """A step that notes each real one."""

    def counted(self, *arguments):
        if len(arguments[0]) > FOR_COMPILING:
            taken.append(1)
        return step(self, *arguments)

    return counted


def same(ours, theirs):
    for a, b in zip(ours.model.get_weights(), theirs.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(ours.model.optimizer.variables, theirs.model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(convert_to_numpy(a), convert_to_numpy(b))
    for a, b in zip(ours.best_weights, theirs.best_weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert ours.best_epoch == theirs.best_epoch
    pd.testing.assert_frame_equal(ours.history, theirs.history, check_exact=True)


@pytest.mark.parametrize("step", [0, 1, 3, 5])
def test_a_training_that_dies_before_any_step_ends_in_the_same_bits(
    study, parts, trained, tmp_path, monkeypatch, step
):
    """Two epochs of three tiles: before the first, within an epoch, between two, before the last."""
    train, dev, test = parts
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    taken = []

    class Mortal(Siamese):
        def step(self, *arguments):
            if len(arguments[0]) > FOR_COMPILING:
                if len(taken) == step:
                    raise Killed
                taken.append(1)
            return super().step(*arguments)

    asked = {"seed": 3, "watch": {"test": test}, "checkpoint_folder": tmp_path}
    with pytest.raises(Killed):
        Mortal(**MANY_TILES).fit(study, train, dev, **asked)
    counted = []
    monkeypatch.setattr(siamese.Siamese, "step", counting(counted))
    same(Siamese(**MANY_TILES).fit(study, train, dev, **asked), trained)
    clips, _ = study.clips_of(train)
    tiles = sum(len(pairs.tiles(len(clips), batch_size=64, seed=3, epoch=epoch)) for epoch in (1, 2))
    assert len(counted) == tiles - step  # nothing was done twice


def test_a_training_that_is_killed_for_good_ends_in_the_same_bits(study, parts, trained, tmp_path):
    """SIGKILL in another process, within the second epoch."""
    train, dev, test = parts
    np.savez(tmp_path / "study.npz", clips=study.spectrograms, artists=study.clip_artists.astype(str))
    study.target.to_parquet(tmp_path / "target.parquet")
    code = f"""
import os, signal, sys
import numpy as np, pandas as pd
from lib import study as studies
from lib.training import checkpoints, siamese
folder = sys.argv[1]
target = pd.read_parquet(folder + "/target.parquet")
with np.load(folder + "/study.npz") as stored:
    study = studies.of_arrays(stored["clips"], stored["artists"].astype(object), target, None)
checkpoints.CHECKPOINT_SECONDS = 0.0
step, taken = siamese.Siamese.step, []
def mortal(self, *arguments):
    if len(arguments[0]) > {FOR_COMPILING}:
        if len(taken) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        taken.append(1)
    return step(self, *arguments)
siamese.Siamese.step = mortal
siamese.Siamese(**{MANY_TILES!r}).fit(
    study, {train!r}, {dev!r}, seed=3, watch={{"test": {test!r}}}, checkpoint_folder=folder + "/kept"
)
"""
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=paths.root(), capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    (kept,) = [file for file in (tmp_path / "kept").iterdir() if "previous" not in file.name]
    with np.load(kept) as stored:
        assert '"epoch": 1' in str(stored["state"])
    same(
        Siamese(**MANY_TILES).fit(
            study, train, dev, seed=3, watch={"test": test}, checkpoint_folder=tmp_path / "kept"
        ),
        trained,
    )


def test_more_epochs_go_on_from_fewer_and_other_settings_begin_anew(
    study, parts, trained, tmp_path, monkeypatch
):
    train, dev, test = parts
    asked = {"seed": 3, "watch": {"test": test}, "checkpoint_folder": tmp_path}
    Siamese(**MANY_TILES | {"epochs": 1}).fit(study, train, dev, **asked)
    assert len(list(tmp_path.iterdir())) == 1
    taken = []
    monkeypatch.setattr(siamese.Siamese, "step", counting(taken))
    same(Siamese(**MANY_TILES).fit(study, train, dev, **asked), trained)
    n_continued = len(taken)
    Siamese(**MANY_TILES | {"learning_rate": 0.01}).fit(study, train, dev, **asked)
    assert len(taken) - n_continued == 2 * n_continued
    assert len(list(tmp_path.iterdir())) == 3
    checkpoints.discard_checkpoints(tmp_path)
    assert not tmp_path.exists()


def test_a_checkpoint_under_the_name_of_another_training_is_refused(study, parts, tmp_path):
    train, dev, _ = parts
    one = Siamese(**ONE_TILE)
    one.fit(study, train, dev, seed=1, checkpoint_folder=tmp_path)
    (first,) = tmp_path.iterdir()
    one.fit(study, train, dev, seed=2, checkpoint_folder=tmp_path)
    (second,) = set(tmp_path.iterdir()) - {first}
    os.replace(first, second)
    with pytest.raises(ValueError, match=r"belongs to another training \(seed: 1 there, 2 here\): remove it"):
        one.fit(study, train, dev, seed=2, checkpoint_folder=tmp_path)


# The best epoch.


def test_the_weights_of_the_lowest_dev_loss_are_kept_beside_the_last(study, parts, tmp_path):
    train, dev, _ = parts
    method = Siamese(**ONE_TILE | {"epochs": 6, "learning_rate": 0.02}).fit(study, train, dev, seed=0)
    losses = method.history.query("split == 'dev'").set_index("epoch")["loss"]
    assert method.best_epoch == losses.idxmin() < 6
    for epoch in ("last", "best"):
        method.save(tmp_path / f"{epoch}.npz", epoch=epoch)
    best = Siamese.from_file(tmp_path / "best.npz")
    assert mean_squared_error_by_loop(best, study, dev) == pytest.approx(losses.min(), rel=1e-4)
    last = Siamese.from_file(tmp_path / "last.npz")
    assert mean_squared_error_by_loop(last, study, dev) == pytest.approx(losses[6], rel=1e-4)


def test_patience_stops_a_training_that_no_longer_gains(study, parts):
    train, dev, _ = parts
    settings = ONE_TILE | {"epochs": 6, "learning_rate": 0.02}
    whole = Siamese(**settings).fit(study, train, dev, seed=0)
    early = Siamese(**settings, patience=1).fit(study, train, dev, seed=0)
    dev_losses = whole.history.query("split == 'dev'")["loss"].to_numpy()
    first_rise = int(np.argmax(np.diff(dev_losses) >= 0)) + 2
    assert early.history["epoch"].max() == first_rise < 6
    pd.testing.assert_frame_equal(early.history, whole.history[whole.history["epoch"] <= first_rise])


def test_a_cap_on_pairs_trains_on_fewer_of_them(study, parts, monkeypatch):
    train, dev, _ = parts
    taken = []
    monkeypatch.setattr(siamese.Siamese, "step", counting(taken))
    Siamese(**MANY_TILES, pairs_per_epoch=30).fit(study, train, dev, seed=0)
    assert len(taken) == 2 * 2  # two tiles an epoch instead of three


def test_weights_of_kept_epochs_are_those_of_shorter_trainings(study, parts, tmp_path):
    train, dev, _ = parts
    asked = MANY_TILES | {"epochs": 2}
    whole = Siamese(**asked).fit(study, train, dev, keep=[1, 2])
    short = Siamese(**asked | {"epochs": 1}).fit(study, train, dev)
    assert sorted(whole.kept) == [1, 2]
    for kept, alone in ((whole.kept[1], short.model), (whole.kept[2], whole.model)):
        assert all((a == b).all() for a, b in zip(kept, alone.get_weights(), strict=True))
    first = Siamese(**asked).fit(study, train, dev, keep=[1, 2], checkpoint_folder=tmp_path)
    again = Siamese(**asked).fit(study, train, dev, keep=[1, 2], checkpoint_folder=tmp_path)
    assert all((a == b).all() for a, b in zip(first.kept[1], again.kept[1], strict=True))
