"""What every method of the comparison is given, and what it must do.

Conventions
-----------
- A method is *fitted* on training artists (it may look at the dev artists to choose, never at the test
  artists) and then *scores* any artists.
- Scores are labelled frames, higher is closer, diagonal blank; stored long, one row for each
  (method, fold, seed, query, candidate).
- An artist's score against another one is the mean over their clip pairs (paper, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

EARLY = 5  # epochs, after which the paper sees its test loss rise; the weights of that epoch are kept


@dataclass(frozen=True)
class Collection:
    """Everything known about the artists of a study, aligned.

    Attributes
    ----------
    spectrograms : np.ndarray, shape=(n_clips, 256, 64)
        In [0, 1]; may be memory-mapped.
    clip_artists : np.ndarray of str, shape=(n_clips,)
        Artist id of each clip.
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Similarity from listening, over the artists that have clips, most listeners first.
    listeners : pd.Series
        Listeners of each artist, on the index of `target`.
    """

    spectrograms: np.ndarray
    clip_artists: np.ndarray
    target: pd.DataFrame
    listeners: pd.Series

    @property
    def artists(self):
        """Artist ids, most listeners first."""
        return list(self.target.index)

    def clips_of(self, artists):
        """Clips of some artists, in the artists' order.

        Parameters
        ----------
        artists : sequence of str

        Returns
        -------
        spectrograms : np.ndarray, shape=(n, 256, 64), dtype=float32
        owners : np.ndarray of int, shape=(n,)
            Position in `artists` of each clip's artist; ascending.

        Raises
        ------
        ValueError
            If an artist has no clip.
        """
        place = pd.Index(artists).get_indexer(self.clip_artists)
        rows = np.flatnonzero(place >= 0)
        rows = rows[np.argsort(place[rows], kind="stable")]
        silent = sorted(set(range(len(artists))) - set(place[rows]))
        if silent:
            raise ValueError(f"{len(silent)} artists have no clip, the first is {artists[silent[0]]}")
        return np.asarray(self.spectrograms[rows], dtype=np.float32), place[rows]


def collection(target, artists, spectrograms, index):
    """Bring target, artists and clips together: artists with at least one clip, most listeners first.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_all, n_all)
    artists : pd.DataFrame
        ``artist_id``, ``listeners``; most listeners first.
    spectrograms : np.ndarray, shape=(n_clips, 256, 64)
    index : pd.DataFrame
        ``row``, ``artist_id`` of each clip.

    Returns
    -------
    Collection

    Raises
    ------
    ValueError
        If fewer than two artists have both listeners and clips, or the tables do not fit each other.
    """
    heard = artists[artists["artist_id"].isin(index["artist_id"])]
    ids = pd.Index(heard["artist_id"], name="artist_id", dtype=object)
    if len(ids) < 2:
        raise ValueError(f"{len(ids)} artists have both listeners and clips, at least 2 are needed")
    if not ids.isin(target.index).all():
        raise ValueError(
            f"{(~ids.isin(target.index)).sum()} artists with clips are not in the target: run 01 to 03 again"
        )
    if len(index) != len(spectrograms):
        raise ValueError(f"{len(spectrograms)} spectrograms have an index of {len(index)} rows: run 03 again")
    listeners = pd.Series(heard["listeners"].to_numpy(), index=ids)
    return Collection(
        spectrograms,
        index["artist_id"].to_numpy(dtype=object),
        target.reindex(index=ids, columns=ids),
        listeners,
    )


class Method(Protocol):
    """One way of telling how similar two artists are."""

    name: str

    def fit(self, collection, train, dev, *, seed):
        """Learn from the training artists; return self."""

    def score(self, collection, artists):
        """Labelled frame over `artists`, higher is closer, diagonal blank."""


def labelled_scores(values, artists):
    """A score matrix as a labelled frame with a blank diagonal.

    Parameters
    ----------
    values : np.ndarray, shape=(n_artists, n_artists)
    artists : sequence of str

    Returns
    -------
    pd.DataFrame

    Raises
    ------
    ValueError
        If a score is not finite.
    """
    values = np.array(values, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(
            f"{(~np.isfinite(values)).sum()} of {values.size} scores are not finite: they rank nothing"
        )
    np.fill_diagonal(values, np.nan)
    ids = pd.Index(artists, name="query", dtype=object)
    return pd.DataFrame(values, index=ids, columns=ids.rename("candidate"))


def mean_over_clips(clip_scores, owners, n_artists):
    """Artist scores as means over clip pairs (paper, section 4).

    Parameters
    ----------
    clip_scores : np.ndarray, shape=(n_clips, n_clips)
    owners : np.ndarray of int, shape=(n_clips,)
        Artist of each clip, 0 to n_artists - 1.
    n_artists : int

    Returns
    -------
    np.ndarray, shape=(n_artists, n_artists)

    Raises
    ------
    ValueError
        If an artist has no clip.
    """
    counts = np.bincount(owners, minlength=n_artists)
    if (counts == 0).any():
        raise ValueError(
            f"{(counts == 0).sum()} of {n_artists} artists have no clip, the mean needs one of each"
        )
    order, starts = np.argsort(owners, kind="stable"), np.cumsum(counts) - counts
    if (np.diff(owners) < 0).any():
        clip_scores = clip_scores[np.ix_(order, order)]
    sums = np.add.reduceat(np.add.reduceat(clip_scores, starts, axis=0), starts, axis=1)
    return sums / np.multiply.outer(counts, counts)


def to_long(scores, *, method, fold=0, seed=0):
    """Scores as stored: one row for each (query, candidate) but the diagonal."""
    long = scores.stack().rename("score").reset_index()
    long = long[long["query"] != long["candidate"]]
    return long.assign(method=method, fold=fold, seed=seed)[
        ["method", "fold", "seed", "query", "candidate", "score"]
    ]


def to_frame(long, artists):
    """The reverse of `to_long` for one (method, fold, seed), over `artists`.

    Raises
    ------
    ValueError
        If a pair is missing or given twice.
    """
    if long.duplicated(["query", "candidate"]).any():
        raise ValueError("a pair of artists is scored twice: select one method, fold and seed")
    frame = long.pivot(index="query", columns="candidate", values="score").reindex(
        index=artists, columns=artists
    )
    if frame.isna().sum().sum() != len(artists):
        raise ValueError(f"{int(frame.isna().sum().sum()) - len(artists)} pairs of artists have no score")
    return frame
