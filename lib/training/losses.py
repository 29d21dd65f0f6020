"""The loss of a network, and of one constant, over pairs of clips of different artists (paper, section 5,
Figure 2).

All are mean squared errors between predicted and true similarity.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


class Watched:
    """Pairs of clips whose loss is followed: those of all pairs of artists with a similarity."""

    def __init__(self, study, similarities):
        self.artists = similarities.index, similarities.columns
        self.clips, owners = zip(*(study.clips_of(axis) for axis in self.artists), strict=True)
        self.owners = owners
        self.target = similarities.to_numpy(dtype=float)[np.ix_(*owners)]
        self.counted = ~np.isnan(self.target)
        self.same = similarities.index.equals(similarities.columns)

    def errors(self, method):
        """Squared error of each pair of clips; NaN where it does not count."""
        predicted = (
            method.clip_similarities(self.clips[0]) if self.same else method.clip_similarities(*self.clips)
        )
        counted = predicted[self.counted]
        if not np.isfinite(counted).all():
            raise ValueError("the network gives similarities that are not finite: lower learning_rate")
        if np.ptp(counted) < 1e-7:
            raise ValueError(
                "the network gives all pairs the same similarity (collapsed embeddings):"
                " lower learning_rate, or train longer"
            )
        return (predicted - self.target) ** 2

    def loss(self, method):
        return float(self.errors(method)[self.counted].mean())


def pairs_among(study, artists):
    """Similarities of the pairs whose loss is counted.

    Parameters
    ----------
    study : lib.study.Study
    artists : sequence of str or pd.DataFrame
        Artists, of whom each pair counts once, or the frame itself.

    Returns
    -------
    pd.DataFrame
        NaN where a pair does not count.
    """
    if isinstance(artists, pd.DataFrame):
        return artists
    frame = study.target.loc[list(artists), list(artists)]
    return frame.where(np.triu(np.ones(frame.shape, dtype=bool), k=1))


def artist_losses(method, study, artists):
    """The loss of each pair of artists, and the number of pairs of clips behind it.

    Parameters
    ----------
    method : Siamese
    study : lib.study.Study
    artists : sequence of str or pd.DataFrame
        As for `pairs_among`.

    Returns
    -------
    losses, n_pairs : pd.DataFrame
        Mean squared error over the pairs of clips of two artists, NaN where they do not count; their number.

    Examples
    --------
    >>> from lib import study as studies
    >>> from lib.training.siamese import Untrained
    >>> values = [[np.nan, 0.2, 0.9], [0.2, np.nan, 0], [0.9, 0, np.nan]]
    >>> target = pd.DataFrame(values, ["a", "b", "c"], ["a", "b", "c"])
    >>> clips = np.random.default_rng(0).random((4, 256, 64))
    >>> study = studies.of_arrays(clips, ["a", "b", "c", "c"], target, listeners=1)
    >>> method = Untrained().fit(study, ["a", "b"], ["c"])
    >>> losses, n_pairs = artist_losses(method, study, ["a", "b", "c"])
    >>> int(losses.count().sum()), int(n_pairs.loc["a", "c"])  # three pairs of artists; c has two clips
    (3, 2)
    """
    watched = Watched(study, pairs_among(study, artists))
    return _by_artists(watched.errors(method), watched)


def constant_losses(study, train, artists):
    """As `artist_losses`, for one constant: the training artists' mean similarity.

    Parameters
    ----------
    study : lib.study.Study
    train : sequence of str
    artists : sequence of str or pd.DataFrame

    Returns
    -------
    losses, n_pairs : pd.DataFrame

    Examples
    --------
    >>> from lib import study as studies
    >>> values = [[np.nan, 0.2, 0.9], [0.2, np.nan, 0], [0.9, 0, np.nan]]
    >>> target = pd.DataFrame(values, ["a", "b", "c"], ["a", "b", "c"])
    >>> study = studies.of_arrays(np.zeros((4, 256, 64)), ["a", "b", "c", "c"], target, listeners=1)
    >>> losses, n_pairs = constant_losses(study, ["a", "b"], ["a", "c"])
    >>> float(losses.loc["a", "c"].round(2)), int(n_pairs.loc["a", "c"])  # c has two clips
    (0.49, 2)
    """
    watched = Watched(study, pairs_among(study, artists))
    return _by_artists((training_mean(study, train) - watched.target) ** 2, watched)


def _by_artists(errors, watched):
    """Means over the clips of artists; every pair of artists counts with all its pairs of clips, or not at
    all."""
    starts = [np.flatnonzero(np.diff(owners, prepend=-1)) for owners in watched.owners]
    sizes = [np.bincount(owners) for owners in watched.owners]
    sums = np.add.reduceat(np.add.reduceat(errors, starts[0], axis=0), starts[1], axis=1)
    n_pairs = np.multiply.outer(*sizes)
    index, columns = (pd.Index(axis) for axis in watched.artists)
    return tuple(pd.DataFrame(values, index=index, columns=columns) for values in (sums / n_pairs, n_pairs))


def training_mean(study, train):
    """Mean similarity of two different training artists: all that the constant predictor knows.

    Examples
    --------
    >>> from lib import study as studies
    >>> values = [[np.nan, 0.2, 0.9], [0.2, np.nan, 0], [0.9, 0, np.nan]]
    >>> target = pd.DataFrame(values, ["a", "b", "c"], ["a", "b", "c"])
    >>> study = studies.of_arrays(np.zeros((3, 256, 64)), ["a", "b", "c"], target, listeners=1)
    >>> training_mean(study, ["a", "b"])
    0.2
    """
    return float(np.nanmean(target_values(study, train)))


def constant_loss(study, train, artists):
    """Loss of predicting the training artists' mean similarity for every pair of `artists`.

    Parameters
    ----------
    study : lib.study.Study
    train : sequence of str
    artists : sequence of str or pd.DataFrame
        As for `pairs_among`.

    Returns
    -------
    float

    Examples
    --------
    >>> from lib import study as studies
    >>> values = [[np.nan, 0.2, 0.9], [0.2, np.nan, 0], [0.9, 0, np.nan]]
    >>> target = pd.DataFrame(values, ["a", "b", "c"], ["a", "b", "c"])
    >>> study = studies.of_arrays(np.zeros((3, 256, 64)), ["a", "b", "c"], target, listeners=1)
    >>> round(constant_loss(study, ["a", "b"], ["a", "c"]), 2)  # (0.2 - 0.9) squared
    0.49
    """
    losses, n_pairs = constant_losses(study, train, artists)
    return float(np.nansum(losses * n_pairs) / np.nansum(n_pairs.where(losses.notna())))


def loss_summary(history, constants):
    """What the trainings gained over always predicting the mean.

    Parameters
    ----------
    history : pd.DataFrame
        ``seed, epoch, split, loss``.
    constants : dict of str to float
        Loss of the constant predictor on each split.

    Returns
    -------
    pd.DataFrame
        One row a split: ``split``, ``constant`` (predictor's loss), ``best_epoch`` (lowest mean over seeds),
        ``best``, ``last`` (mean over seeds), ``last_sd`` (over seeds), ``n_seeds``.

    Examples
    --------
    >>> history = pd.DataFrame({"seed": [0, 0, 1, 1], "epoch": [1, 2, 1, 2], "split": "dev"})
    >>> history["loss"] = [0.02, 0.01, 0.04, 0.05]
    >>> summary = loss_summary(history, {"dev": 0.06})
    >>> summary[["split", "constant", "best_epoch", "best", "n_seeds"]].to_numpy().tolist()
    [['dev', 0.06, 1, 0.03, 2]]
    """
    rows = []
    for split, part in history.groupby("split", sort=False):
        wide = part.pivot(index="epoch", columns="seed", values="loss")
        mean = wide.mean(axis=1)
        rows.append(
            {
                "split": split,
                "constant": constants[split],
                "best_epoch": int(mean.idxmin()),
                "best": mean.min(),
                "last": mean.iloc[-1],
                "last_sd": wide.iloc[-1].std(),
                "n_seeds": wide.shape[1],
            }
        )
    return pd.DataFrame(rows)


def target_values(study, artists):
    """The target among some artists as an array, shape=(n, n)."""
    return study.target.loc[artists, artists].to_numpy()
