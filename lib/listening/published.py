"""The published evaluation's mistake, repeated as the author's code makes it (paper, section 5, Table 1).

The code assigns the similarity frame an index in another order, and ranks the transpose: queries are right,
candidates are strangers. ``tests/test_similarity.py`` executes the author's steps beside these functions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def as_published(target, test_artists):
    """The test truth of the published Table 1: right queries, candidates under wrong names.

    The author's matrix has all artists as rows and the test artists as columns. Adding a cross-table to an
    ordered empty frame sorted the rows by artist id. He then *assigned* the rows a new index, test artists
    first, where he had to *reindex* them, and ranked the transpose. So the row of a query is its own, and the
    candidate named after the k-th test artist is the k-th artist by id.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    test_artists : sequence of str
        In the order drawn, which is that of the author's columns.

    Returns
    -------
    pd.DataFrame, shape=(n_test, n_test)
        Row: query; column: the name under which another artist stands. NaN where that artist is the query.
    """
    matrix = _authors_matrix(target, test_artists)
    return matrix.T[list(test_artists)].rename_axis(columns=None, index=None)


def test_pairs_as_published(target, test_artists):
    """The pairs behind the published test loss (Figure 2): the row's name is wrong, the column's is right.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    test_artists : sequence of str

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_test)
        The similarity that a pair was given; NaN for pairs that are not below the diagonal, and where the row
        held an artist's similarity to itself.

    Examples
    --------
    >>> values = [[np.nan, 0.2, 0.3], [0.2, np.nan, 0.6], [0.3, 0.6, np.nan]]
    >>> target = pd.DataFrame(values, list("abc"), list("abc"))
    >>> test_pairs_as_published(target, ["b"]).to_dict()  # the row of b is named a, and is no pair
    {'b': {'b': nan, 'a': nan, 'c': 0.6}}
    """
    matrix = _authors_matrix(target, test_artists)
    return matrix.where(np.tri(*matrix.shape, k=-1, dtype=bool))


def every_place(frame, *, blank):
    """A frame as the author ranked it: each of the places counts, the query's own too.

    Parameters
    ----------
    frame : pd.DataFrame, shape=(n_queries, n_candidates)
    blank : float
        In the place of NaN. In the author's predictions the query's own place holds 0: behind all others for
        a network, whose similarities are positive, and before them for a negative distance. A blank of the
        truth stands last.

    Returns
    -------
    pd.DataFrame, shape=(n_queries, n_candidates)
        Candidates are named by their place, so that no query meets itself among them.
    """
    return frame.fillna(blank).set_axis([f"in the place of {name}" for name in frame.columns], axis=1)


def published_pairs(artists, test_artists):
    """How many similarities lie below the diagonal of the author's matrix: reindexed, and as he assigned it.

    An artist's similarity to itself is NaN. The saved output counts the pairs below the diagonal, 46,504.
    With reindexed rows no NaN lies there. With assigned ones, each test artist loses a pair whose row, in the
    old order, stands behind the number of its own column.

    Parameters
    ----------
    artists : sequence of str
        In the order of the rows before the assignment.
    test_artists : sequence of str
        In the order drawn.

    Returns
    -------
    dict of str to int
        ``reindexed`` (correct), ``assigned`` (as published).

    Examples
    --------
    >>> published_pairs(["a", "b", "c", "d"], ["c", "a"])
    {'reindexed': 5, 'assigned': 4}
    """
    place = pd.Index(artists).get_indexer(list(test_artists))
    n_test = len(place)
    below = sum(len(artists) - 1 - column for column in range(n_test))
    return {"reindexed": below, "assigned": below - int((place > np.arange(n_test)).sum())}


def published_pairs_by_order(n_artists, n_test, *, n_orders=10_000, seed=0):
    """The count of `published_pairs` under assigned rows in random orders: what it can tell of the order.

    Parameters
    ----------
    n_artists, n_test : int
    n_orders, seed : int

    Returns
    -------
    pd.Series
        Share of the orders, by number of pairs, fewest first.

    Examples
    --------
    >>> published_pairs_by_order(3, 1).round(1).to_dict()  # only the first of three rows loses no pair
    {1: 0.7, 2: 0.3}
    """
    rng = np.random.default_rng(seed)
    places = np.argsort(rng.random((n_orders, n_artists)), axis=1)[:, :n_test]
    lost = (places > np.arange(n_test)).sum(axis=1)
    counts = published_pairs(range(n_artists), range(n_test))["reindexed"] - lost
    shares = pd.Series(counts, name="share of random orders").value_counts(normalize=True)
    return shares.sort_index().rename_axis("pairs below the diagonal")


def _authors_matrix(target, test_artists):
    """All artists by id × test artists, its rows under the names that the author assigned."""
    test_artists = list(test_artists)
    by_id = target.sort_index()[test_artists]
    others = [artist for artist in by_id.index if artist not in set(test_artists)]
    return by_id.set_axis([*test_artists, *others], axis=0)
