"""What every method of the comparison is given, and what it must do.

Conventions
-----------
- A method is *fitted* on training artists (it may look at the dev artists to choose, never at the test
  artists) and then *scores* any artists.
- Scores are labelled frames, higher is closer, diagonal blank.
- An artist's score against another one is the mean over their clip pairs (paper, section 4).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

EARLY = 5  # epochs, after which the paper sees its test loss rise; the weights of that epoch are kept


class Method:
    """One way of telling how similar two artists are; `lib.registry` has an entry for each.

    Attributes
    ----------
    name : str
    each_seed : bool
        Whether trainings with other seeds differ: such a method is fitted with every seed of a notebook, all
        others with the first.
    """

    name: str
    each_seed = False

    @classmethod
    def made(cls, given):
        """A new method, not fitted, from what notebook 07 has to give (`lib.beyond.protocol.Given`)."""
        return cls()

    def fit(self, study, train, dev, *, seed=0):
        """Learn from the training artists of a `lib.study.Study`; return self. Here: nothing to learn."""
        return self

    def score(self, study, artists):
        """Labelled frame over `artists`, higher is closer, diagonal blank."""
        raise NotImplementedError


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
