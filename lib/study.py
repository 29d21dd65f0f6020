"""What every method is given: the artists that have listeners and clips, aligned; and how they are split.

Splits are over artists: a test artist is never trained on. The paper's are 49 dev and 49 test artists
(section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, train_test_split


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


NAMES = ("train", "dev", "test")
MINIMUM_TRAIN = 4  # artists: fewer leave almost no pairs to learn from


def paper_split(artists, *, n_dev=49, n_test=49, seeds=(1, 2)):
    """Hold out artists as the author did: first dev and test together, then dev from test.

    Parameters
    ----------
    artists : sequence of str
        Ids, in a fixed order (most listeners first).
    n_dev, n_test : int
        The paper holds out 49 and 49 of 975.
    seeds : pair of int
        Random states of the two draws; the author used 1 and 2.

    Returns
    -------
    pd.DataFrame
        ``fold`` (0), ``artist_id``, ``split``; train, dev, test, each in the order drawn: the author's
        mislabelled truth depends on it (`lib.listening.published.as_published`).

    Raises
    ------
    ValueError
        If too few artists are left for training.
    """
    artists = list(artists)
    needed = n_dev + n_test + MINIMUM_TRAIN
    if len(artists) < needed:
        raise ValueError(
            f"{len(artists)} artists have listeners and clips, {n_dev} dev + {n_test} test + at least"
            f" {MINIMUM_TRAIN} training artists need {needed}: add artists, or lower n_dev and n_test of"
            " 04_siamese_training"
        )
    train, held_out = train_test_split(artists, test_size=n_dev + n_test, random_state=seeds[0])
    dev, test = train_test_split(held_out, test_size=n_test, random_state=seeds[1])
    parts = [name for name, part in zip(NAMES, (train, dev, test), strict=True) for _ in part]
    return pd.DataFrame({"fold": 0, "artist_id": [*train, *dev, *test], "split": parts})


def k_fold(artists, *, n_folds, n_dev=49, seed=1):
    """Splits that test every artist once: for collections whose single test set would say too little.

    Parameters
    ----------
    artists : sequence of str
        Ids, in a fixed order.
    n_folds : int
        1 means the paper's single split alone, and gives an empty frame.
    n_dev : int
        Dev artists of each fold, drawn from those that it does not test.
    seed : int

    Returns
    -------
    pd.DataFrame
        ``fold`` (1 to `n_folds`), ``artist_id``, ``split``; to be put below that of `paper_split`.

    Raises
    ------
    ValueError
        If there are no folds, or too few artists are left for training.
    """
    artists = list(artists)
    if n_folds == 1:
        return pd.DataFrame({"fold": [0], "artist_id": [""], "split": [""]}).iloc[:0]
    if not 2 <= n_folds <= len(artists):
        raise ValueError(f"n_folds must be 1, or 2 to {len(artists)} artists, got {n_folds}")
    parts = []
    folds = KFold(n_folds, shuffle=True, random_state=seed).split(artists)
    for fold, (others, test) in enumerate(folds, start=1):
        if len(others) < n_dev + MINIMUM_TRAIN:
            raise ValueError(
                f"fold {fold} tests {len(test)} of {len(artists)} artists and leaves {len(others)}, {n_dev}"
                f" dev + at least {MINIMUM_TRAIN} training artists are needed: lower n_dev or add folds"
            )
        train, dev = train_test_split(others, test_size=n_dev, random_state=seed + fold)
        places = [*train, *dev, *test]
        names = [name for name, part in zip(NAMES, (train, dev, test), strict=True) for _ in part]
        ids = [artists[place] for place in places]
        parts.append(pd.DataFrame({"fold": fold, "artist_id": ids, "split": names}))
    return pd.concat(parts, ignore_index=True)


def artists_of(splits, split, *, fold=0):
    """Artist ids of one part, in the frame's order.

    Raises
    ------
    ValueError
        If there is no such part.
    """
    if split not in NAMES:
        raise ValueError(f"there is no split {split!r}, only {', '.join(NAMES)}")
    chosen = splits[(splits["fold"] == fold) & (splits["split"] == split)]
    if chosen.empty:
        raise ValueError(
            f"fold {fold} has no {split} artists; folds: {sorted(splits['fold'].unique().tolist())}"
        )
    return chosen["artist_id"].tolist()
