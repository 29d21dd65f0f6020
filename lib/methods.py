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

from typing import Protocol

import numpy as np
import pandas as pd

EARLY = 5  # epochs, after which the paper sees its test loss rise; the weights of that epoch are kept


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


METHOD_COLOURS = {
    "chance": "#999999",
    "popularity": "#E69F00",
    "l2": "#56B4E9",
    "spectrum": "#0072B2",
    "mfcc_gaussian": "#CC79A7",
    "untrained": "#F0E442",
    "siamese": "#D55E00",
    "split_half": "#000000",
    "world": "#009E73",
    "truth": "#000000",
    "source": "#777777",
    "loudness": "#777777",
    "factor_ridge": "#117733",
    "factor_kernel": "#44AA99",
    "factor_sum": "#332288",
    "factor_cnn": "#AA4499",
    "factor_all": "#882255",
    "tag_ridge": "#999933",
    "factor_tags": "#661100",
    "all_factors": "#000000",
}
METHOD_NAMES = {
    "chance": "chance",
    "popularity": "popularity alone",
    "l2": "L2 of spectrograms",
    "spectrum": "mean spectrum and spread",
    "mfcc_gaussian": "MFCC Gaussians",
    "untrained": "untrained network",
    "siamese": "siamese network",
    "split_half": "reference: other half of listeners",
    "world": "reference: perfect hearing",
    "truth": "the truth itself",
    "source": "same catalogue",
    "loudness": "like loudness",
    "factor_ridge": "factors by ridge",
    "factor_kernel": "factors by RBF kernel",
    "factor_sum": "factors: ridge and kernel",
    "factor_cnn": "factors by network",
    "factor_all": "factors: all three",
    "tag_ridge": "tags by ridge",
    "factor_tags": "factors and tags",
    "all_factors": "reference: everybody's factors",
    "siamese_longer": "siamese, twice the epochs",
    "siamese_best_epoch": "siamese, best dev epoch",
    "siamese_five": "siamese, five convolutions",
    "siamese_denoised": "siamese, denoised target",
    "siamese_jittered": "siamese, crops and gain",
    "siamese_best_chance": "siamese, all three",
    "encoder_factors": "factors by the paper's encoder",
    "feature_siamese": "pairs by the paper's head on features",
    "pair_ridge": "pairs by ridge",
}
