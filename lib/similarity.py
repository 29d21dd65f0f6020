"""Step 2 of the paper (section 3): how similar two artists are, by who listens to both.

Conventions
-----------
- Every metric returns a labelled frame: index and columns are the same artist ids, higher is more similar,
  the values lie in [0, 1], the diagonal is blank (NaN) and nothing else is.
- ``frame.loc[a, b]`` of an asymmetric metric is the similarity of candidate *b* to query *a*.
- An artist without listeners, as half of the users may leave one, is equally similar to all others: 0, or for
  `pmi` and `latent` the value that stands for "nothing known".
- Frames are only ever reindexed. Assigning an index is the mistake of the published evaluation, which
  `as_published` repeats. Targets are read from files by `load` alone, which audits them.

References
----------
Allen, N. (2018). Assessing Music Similarity Using Deep Learning. Section 3.
Robertson, S. and Zaragoza, H. (2009). The Probabilistic Relevance Framework: BM25 and Beyond. Foundations and
Trends in Information Retrieval 3(4), 333-389.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.stats
from tqdm import tqdm

from lib import artifacts, paths
from lib.listening import halves, shuffled

BM25_K1, BM25_B = 1.2, 0.75  # the usual values: how soon plays count for no more, how much long documents pay


def cooccurrence(listening):
    """Number of distinct users who listen to both artists of a pair.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists), dtype=int64
        The diagonal holds each artist's listeners.
    """
    return _labelled(listening.co_listeners.copy(), listening.artists["artist_id"])


def min_conditional(listening):
    """The paper's target: co-listeners over the larger audience, scaled over the whole matrix (section 3).

    The column-wise share of listeners and the pairwise minimum of the two shares come to
    ``co-listeners / max(listeners a, listeners b)``. As in the author's code the diagonal counts as 0 when
    the matrix is scaled to [0, 1], and is blanked again.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    together = cooccurrence(listening)
    listeners = np.diag(together)
    larger = np.maximum(
        np.maximum.outer(listeners, listeners), 1
    )  # half of the users may leave an artist without listeners
    return _finish(_scale(_zero_diagonal(together / larger)))


def conditional(listening):
    """Share of the query's listeners who also listen to the candidate, scaled for each query (section 3).

    The metric that the paper began with: ``co-listeners / listeners of the query``, an estimate of
    P(listens to the candidate | listens to the query). Popular candidates are near to everybody, which is
    what the paper complains of. The author's matrix has the query in the column; here it is the row, as in
    all frames of this module.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        In [0, 1], not symmetric: each row is scaled by its own range, with the diagonal as 0.
    """
    together = cooccurrence(listening)
    shares = _zero_diagonal(together.div(np.maximum(np.diag(together), 1), axis="index"))
    return _finish(shares.apply(_scale_values, axis="columns"))


def plays_min(listening):
    """Share of an artist's plays that come from the other one's listeners; the smaller of the two directions.

    The author's second variant.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    shared = (listening.listened.T @ listening.plays).toarray() / np.maximum(listening.plays.sum(axis=0), 1)
    frame = _labelled(np.minimum(shared, shared.T), listening.artists["artist_id"])
    return _finish(_scale(_zero_diagonal(frame)))


def cosine(listening):
    """Cosine of the two audiences as 0/1 vectors: ``co-listeners / sqrt(listeners a * listeners b)``.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    together = cooccurrence(listening)
    listeners = np.diag(together)
    return _finish(together / np.sqrt(np.maximum(np.multiply.outer(listeners, listeners), 1)))


def jaccard(listening):
    """Share of co-listeners among those who listen to either artist.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    together = cooccurrence(listening)
    listeners = np.diag(together)
    return _finish(together / np.maximum(np.add.outer(listeners, listeners) - together, 1))


def pmi(listening, *, shrinkage=10.0):
    """Pointwise mutual information: how many more co-listeners than chance would give, as a logarithm.

    ``log((co-listeners + k) / (expected + k))`` with ``expected = listeners a * listeners b / users`` and
    ``k = shrinkage``, scaled to [0, 1] over all pairs of different artists. Without the shrinkage two obscure
    artists with a single co-listener would be the most similar of all.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    shrinkage : float, > 0
        Pseudo co-listeners: added to what was seen and to what was expected.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].

    Raises
    ------
    ValueError
        If `shrinkage` is not positive.
    """
    if not shrinkage > 0:
        raise ValueError(
            f"shrinkage must be above 0 co-listeners, got {shrinkage}: pairs without any have no log"
        )
    together = cooccurrence(listening)
    listeners = np.diag(together)
    expected = np.multiply.outer(listeners, listeners) / max(listening.plays.shape[0], 1)
    lift = _scale(_finish(np.log((together + shrinkage) / (expected + shrinkage))))
    return lift.round(12)  # the last digits of a logarithm depend on the processor


def latent(listening, *, n_factors=40):
    """Cosine *c* of the artists' listening factors (`bm25_factors`), as ``(1 + c) / 2``.

    It sees likeness at second hand as well: two artists whose listeners like the same third ones. Signs and
    rotations of the factors leave the cosine alone. Artists without plays have cosine 0 with everybody.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    n_factors : int

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
        Symmetric, in [0, 1].
    """
    vectors = bm25_factors(listening, n_factors=n_factors).to_numpy()
    alike = np.clip(vectors @ vectors.T, -1, 1)
    likeness = _finish(_labelled((1 + alike) / 2, listening.artists["artist_id"]))
    return likeness.round(9)  # an SVD's last digits depend on the processor, and would order what is tied


METRICS = {
    "min_conditional": min_conditional,
    "conditional": conditional,
    "plays_min": plays_min,
    "cosine": cosine,
    "jaccard": jaccard,
    "pmi": pmi,
    "latent": latent,
}
SYMMETRIC = ("min_conditional", "plays_min", "cosine", "jaccard", "pmi", "latent")
HALVES = ("half_a", "half_b")  # the paper's metric on the two halves of the listeners
SMALLEST = 3  # artists: with two there is nothing to rank


def audit(target, *, symmetric=True):
    """Refuse a target whose labels or values cannot be right.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    symmetric : bool
        Whether the metric is symmetric by definition.

    Returns
    -------
    dict
        ``artists``, ``lowest``, ``highest``, ``without_neighbours``: ids of artists whose row is one value
        throughout, so that nothing can be ranked for them: in a metric of co-listeners, because nobody who
        listens to them listens to any other artist.

    Warns
    -----
    UserWarning
        If there are such artists.

    Raises
    ------
    ValueError
        If there are fewer than three artists; if labels are no text, empty, repeated, or differ between the
        axes; if a value is blank whose row and column name different artists, or filled where they name the
        same; if a value is infinite or outside [0, 1]; if all are equal; if the matrix is not symmetric where
        it should be.
    """
    _audit_labels(target)
    values = target.to_numpy(dtype=float)
    same = _same_artist(target)
    _audit_blanks(np.isnan(values), same)
    if not target.index.equals(target.columns):
        raise ValueError(_about_axes(target))
    others = values[~same]
    if np.isinf(others).any():
        raise ValueError(
            f"{int(np.isinf(others).sum())} similarities are infinite, expected values in [0, 1]:"
            " something was divided by 0"
        )
    lowest, highest = float(others.min()), float(others.max())
    if lowest < 0 or highest > 1:
        raise ValueError(
            f"similarities must lie in [0, 1], got {lowest:.3g} to {highest:.3g}:"
            " the metric was probably not scaled"
        )
    if lowest == highest:
        raise ValueError(
            f"all similarities are {lowest:.3g}, there is nothing to rank: probably no two artists share"
            " listeners"
        )
    if symmetric:
        _audit_symmetry(target, values)
    rows = _without_diagonal(values)
    lonely = list(target.index[rows.min(axis=1) == rows.max(axis=1)])
    if lonely:
        warnings.warn(
            f"{len(lonely)} of {len(target)} artists are equally similar to all others, which leaves nothing"
            f" to rank: {_first_few(lonely)}. Probably they share listeners with nobody",
            stacklevel=2,
        )
    return {"artists": len(target), "lowest": lowest, "highest": highest, "without_neighbours": lonely}


def save(target, folder, name):
    """Write a target as ``target_{name}.parquet``.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    folder : path
    name : str
        One of `METRICS` or `HALVES`.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If there is no such target.
    """
    path = _target_path(folder, name)
    artifacts.write_parquet(target, path)
    return path


def load(folder, name):
    """Read what `save` wrote, and audit it.

    Parameters
    ----------
    folder : path
        Of the profile, `lib.paths.data`.
    name : str
        One of `METRICS` or `HALVES`.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)

    Raises
    ------
    ValueError
        If there is no such target, or `audit` refuses it; the message names the file.
    lib.artifacts.MissingArtifact
        If it has not been made; the message names the command that does.
    """
    path = _target_path(folder, name)
    again = f"Run: python3 run_all.py --profile {path.parent.name} --only 01"
    if not path.is_file():
        raise artifacts.MissingArtifact(f"there is no target {name} at {paths.shown(path)}. {again}")
    target = pd.read_parquet(path)
    try:
        audit(target, symmetric=name in (*SYMMETRIC, *HALVES))
    except ValueError as problem:
        raise ValueError(f"{paths.shown(path)} cannot be used: {problem}. {again}") from problem
    return target


def summary(listening, *, metrics=METRICS, n_halvings=10, seed=0, progress=True):
    """How each metric relates to fame, to the first metric, and to luck; and what it would without taste.

    All correlations are Spearman's, between two rows of similarities of one query to all other artists, and
    their mean over queries. A query with a row of one value has no correlation and is left out.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    metrics : dict of str to function
        By name, each from a listening matrix to a frame; the first is what the others are compared with.
    n_halvings : int
        Random halvings of the users; number k is ``lib.listening.halves(listening, seed=seed + k)``.
    seed : int
        Of the halvings and the bootstrap.
    progress : bool
        Show a bar.

    Returns
    -------
    pd.DataFrame
        One row a metric, in these columns:

        - ``metric``; ``median`` and ``spread`` (interquartile range) of the similarities;
        - ``fame_correlation``: of similarity with the candidates' listeners; ``fame_low``, ``fame_high``: its
          95 % interval, by bootstrap over the queries;
        - ``agreement``: with the first metric;
        - ``split_half``: between the metric on one half of the users and on the other, mean over halvings;
          ``split_half_low``, ``split_half_high``: percentiles 2.5 and 97.5 over the halvings. They say how
          much the way of halving matters, and are no confidence interval for other listeners;
        - ``fame_by_chance``, ``split_half_by_chance`` (of one halving): the same for listeners without taste
          (`lib.listening.shuffled`), who keep how much they hear and how often each artist is heard. What a
          metric owes to that arithmetic is no finding about music;
        - ``left_out``: queries left out of ``fame_correlation``; ``left_out_halves``: of ``split_half``, a
          halving, on average;
        - ``n_halvings``, ``n_artists``.

    Raises
    ------
    ValueError
        If there is no halving.
    """
    if n_halvings < 1:
        raise ValueError(f"at least one halving is needed to see how much is luck, got {n_halvings}")
    tasteless = shuffled(listening, seed=seed)
    by_chance = _split_half(tasteless, metrics, 1, seed, False)
    targets = {name: metric(listening) for name, metric in metrics.items()}
    between = _split_half(listening, metrics, n_halvings, seed, progress)
    first = next(iter(targets.values()))
    rows = []
    for name, target in targets.items():
        by_query = fame_correlations(target, _listeners(listening))
        low, high = _bootstrap_interval(by_query.dropna().to_numpy(), seed)
        similarities = _without_diagonal(target.to_numpy())
        halved = np.array([one.mean() for one in between[name]])  # pandas leaves the blank ones out
        rows.append({
            "metric": name,
            "median": np.median(similarities),
            "spread": np.subtract(*np.quantile(similarities, [0.75, 0.25])),
            "fame_correlation": by_query.mean(),
            "fame_low": low,
            "fame_high": high,
            "agreement": rank_correlations(target, first).mean(),
            "split_half": np.mean(halved),
            "split_half_low": np.quantile(halved, 0.025),
            "split_half_high": np.quantile(halved, 0.975),
            "fame_by_chance": fame_correlations(metrics[name](tasteless), _listeners(tasteless)).mean(),
            "split_half_by_chance": by_chance[name][0].mean(),
            "left_out": int(by_query.isna().sum()),
            "left_out_halves": np.mean([one.isna().sum() for one in between[name]]),
            "n_halvings": n_halvings,
            "n_artists": len(target),
        })  # fmt: skip
    return pd.DataFrame(rows)


def rank_correlations(first, second):
    """Spearman's correlation of two frames, query by query; the diagonal is left out.

    Parameters
    ----------
    first, second : pd.DataFrame, shape=(n_artists, n_artists)
        Over the same artists; the second one is put in the first one's order.

    Returns
    -------
    pd.Series, shape=(n_artists,)
        In [-1, 1]; blank where a row is one value throughout.
    """
    ranks = [_centred_ranks(frame.to_numpy()) for frame in (first, second.reindex_like(first))]
    with np.errstate(invalid="ignore"):  # a row of one value has length 0
        product = np.einsum("ij,ij->i", *ranks) / np.prod(
            [np.linalg.norm(rank, axis=1) for rank in ranks], axis=0
        )
    return pd.Series(np.clip(product, -1, 1), index=first.index)


def fame_correlations(target, listeners):
    """Spearman's correlation of similarity with the candidates' listeners, query by query.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_artists, n_artists)
    listeners : pd.Series
        Over the target's artists.

    Returns
    -------
    pd.Series, shape=(n_artists,)
        In [-1, 1]; blank where a row is one value throughout.
    """
    fame = np.tile(listeners.reindex(target.columns).to_numpy(dtype=float), (len(target), 1))
    return rank_correlations(target, _labelled(fame, target.index))


def neighbours(targets, artists, query_ids, n=5):
    """The `n` artists that each metric puts nearest to each query.

    Parameters
    ----------
    targets : dict of str to pd.DataFrame
        By metric.
    artists : pd.DataFrame
        ``artist_id``, ``name``, ``listeners``.
    query_ids : sequence of str
    n : int

    Returns
    -------
    pd.DataFrame
        ``metric``, ``query`` (name), ``rank`` (1 is nearest), ``artist`` (name), ``listeners``,
        ``similarity``, ``query_id``, ``artist_id``. Equal similarities are ordered by artist id.

    Raises
    ------
    ValueError
        If a query is not in a target.
    """
    described = artists.set_index("artist_id")
    rows = []
    for metric, target in targets.items():
        if unknown := sorted(set(query_ids) - set(target.index)):
            raise ValueError(f"the target {metric} has no artists {_first_few(unknown)}")
        for query in query_ids:
            near = target.loc[query].drop(query).sort_index().sort_values(ascending=False, kind="stable")[:n]
            rows.append(pd.DataFrame({
                "metric": metric, "query": described.loc[query, "name"], "rank": range(1, len(near) + 1),
                "artist": described.loc[near.index, "name"].to_numpy(),
                "listeners": described.loc[near.index, "listeners"].to_numpy(),
                "similarity": near.to_numpy(), "query_id": query, "artist_id": near.index,
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


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


def ppmi_factors(listening, *, n_factors=40, discount=0.75, seed=0):
    """Listening factors of artists: positive pointwise mutual information, truncated SVD, unit rows.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    n_factors : int
    discount : float
        Exponent that smooths the popularity of the context artist.
    seed : int
        Of the randomised solver's start.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_factors)
    """
    from sklearn.utils.extmath import randomized_svd

    together = _zero_diagonal(cooccurrence(listening)).to_numpy()
    context = together.sum(axis=0) ** discount
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(together * context.sum() / np.outer(together.sum(axis=1), context))
    ppmi = np.where(np.isfinite(pmi), np.maximum(pmi, 0), 0)
    left, strength, _ = randomized_svd(ppmi, n_components=min(n_factors, len(ppmi) - 1), random_state=seed)
    vectors = left * np.sqrt(strength)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return pd.DataFrame(
        vectors / np.where(length == 0, 1, length), index=_ids(listening.artists["artist_id"])
    )


def bm25_factors(listening, *, n_factors=40):
    """Listening factors of artists: plays weighted by BM25, truncated SVD, unit rows.

    Artists are the documents, users the terms, plays the term frequency *tf*. A weight is::

        log(1 + (N - n + 0.5) / (n + 0.5)) * tf * (K1 + 1) / (tf + K1 * (1 - B + B * plays / mean plays))

    with N artists, n of them played by the user, ``plays`` of the artist by all users, K1 = 1.2 and B = 0.75.
    This is equation 3.15 of Robertson and Zaragoza (2009) with the factor K1 + 1 that they mention; the 1
    inside the logarithm keeps the weight of users who play more than half of the artists above 0. Artists
    without plays count for nothing.

    There are few artists, so the SVD comes from all their inner products: it is exact and needs no seed.

    Parameters
    ----------
    listening : lib.listening.ListeningMatrix
    n_factors : int, >= 1

    Returns
    -------
    pd.DataFrame, shape=(n_artists, at most n_factors)
        Rows of length 1; of length 0 for artists without plays, or with nothing in these factors.
    """
    weights = _bm25(listening.plays)
    products = (weights.T @ weights).toarray()
    n_artists = len(products)
    strength, directions = scipy.linalg.eigh(
        products, subset_by_index=[max(n_artists - n_factors, 0), n_artists - 1]
    )
    real = strength > n_artists * np.finfo(float).eps * max(strength[-1], 0)
    vectors = directions[:, real] * np.sqrt(strength[real])
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = np.sqrt(np.diag(products))[:, None]
    seen = (length > 1e-6 * whole) & (whole > 0)  # what else has a length has it from rounding
    return pd.DataFrame(
        np.divide(vectors, length, out=np.zeros_like(vectors), where=seen),
        index=_ids(listening.artists["artist_id"]),
    )


def _bm25(plays):
    """Users × artists, the weights of `bm25_factors`."""
    lengths = plays.sum(axis=0)
    documents = np.count_nonzero(lengths)
    relative = lengths / (lengths.sum() / max(documents, 1) or 1)
    played = np.diff(plays.indptr)
    rarity = np.log1p((documents - played + 0.5) / (played + 0.5))
    weights = plays.astype(float)
    saturated = weights.data + BM25_K1 * (1 - BM25_B + BM25_B * relative[weights.indices])
    weights.data = np.repeat(rarity, played) * weights.data * (BM25_K1 + 1) / saturated
    return weights


def _split_half(listening, metrics, n_halvings, seed, progress):
    """For each metric, the rank correlations by query of every halving."""
    found = {name: [] for name in metrics}
    for halving in tqdm(range(n_halvings), desc="halvings of the listeners", disable=not progress):
        both = halves(listening, seed=seed + halving)
        for name, metric in metrics.items():
            found[name].append(rank_correlations(*(metric(half) for half in both)))
    return found


def _bootstrap_interval(values, seed, n_resamples=2000):
    """95 % interval of the mean; blank if there are fewer than two values."""
    if len(values) < 2:
        return np.nan, np.nan
    return scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=n_resamples, method="percentile", rng=np.random.default_rng(seed)
    ).confidence_interval


def _centred_ranks(values):
    """Ranks of each row without its diagonal value, ties by their mean, minus the row's mean rank."""
    ranks = scipy.stats.rankdata(_without_diagonal(values), axis=1)
    return ranks - (ranks.shape[1] + 1) / 2


def _without_diagonal(values):
    n = len(values)
    return values[~np.eye(n, dtype=bool)].reshape(n, n - 1)


def _audit_labels(target):
    if min(target.shape) < SMALLEST:
        raise ValueError(
            f"a target needs at least {SMALLEST} artists on each axis, got the shape {target.shape}"
        )
    for axis, where in ((target.index, "rows"), (target.columns, "columns")):
        strange = [label for label in axis if not isinstance(label, str) or not label.strip()]
        if strange:
            raise ValueError(
                f"{len(strange)} {where} of the target are not labelled by an artist id but {strange[:5]}:"
                " the index was probably lost on the way"
            )
        if not axis.is_unique:
            repeated = list(dict.fromkeys(axis[axis.duplicated()]))
            raise ValueError(
                f"the {where} of the target repeat artists, expected each once: {_first_few(repeated)}"
            )


def _same_artist(target):
    """Where row and column name the same artist: the diagonal, however the axes are ordered."""
    place = target.columns.get_indexer(target.index)
    same = np.zeros(target.shape, dtype=bool)
    same[np.flatnonzero(place >= 0), place[place >= 0]] = True
    return same


def _audit_blanks(blank, same):
    misplaced, filled = int((blank & ~same).sum()), int((~blank & same).sum())
    if not misplaced and not filled:
        return
    cause = (
        "the index was probably assigned where it should have been reindexed"
        if misplaced and filled
        else "the metric left them blank, or artists were added that it does not know"
        if misplaced
        else "an artist is no candidate of its own, so these must be blank"
    )
    raise ValueError(
        f"{misplaced} values are blank where row and column name different artists, and {filled} are filled"
        f" where they name the same: {cause}"
    )


def _about_axes(target):
    only = target.index.symmetric_difference(target.columns)
    if len(only):
        return (
            f"the target's {len(target.index)} rows and {len(target.columns)} columns name different artists,"
            f" expected the same: only one axis has {_first_few(only)}; audit the whole target, choose then"
        )
    return "rows and columns of the target name the same artists in another order: reindex one like the other"


def _audit_symmetry(target, values):
    apart = np.nan_to_num(np.abs(values - values.T))
    if apart.max() <= 1e-9:
        return
    a, b = np.unravel_index(apart.argmax(), apart.shape)
    raise ValueError(
        f"the target should be symmetric and is not: {target.index[a]} to {target.index[b]} is"
        f" {values[a, b]:.3g}, back it is {values[b, a]:.3g}: either the metric is not symmetric, or values"
        " were moved without their labels"
    )


def _first_few(labels, n=5):
    return ", ".join(map(str, labels[:n])) + (f" and {len(labels) - n} more" if len(labels) > n else "")


def _target_path(folder, name):
    known = (*METRICS, *HALVES)
    if name not in known:
        raise ValueError(f"there is no target {name!r}, only {', '.join(known)}")
    return Path(folder) / f"target_{name}.parquet"


def _listeners(listening):
    return pd.Series(listening.artists["listeners"].to_numpy(), index=_ids(listening.artists["artist_id"]))


def _labelled(values, artist_ids):
    ids = _ids(artist_ids)
    return pd.DataFrame(values, index=ids, columns=ids)


def _ids(artist_ids):
    return pd.Index(artist_ids, name="artist_id", dtype=object)


def _zero_diagonal(frame):
    return frame.where(~np.eye(len(frame), dtype=bool), 0)


def _scale_values(values):
    low, high = np.nanmin(values), np.nanmax(values)
    return (values - low) / (high - low) if high > low else values * 0.0


def _scale(frame):
    return _labelled(_scale_values(frame.to_numpy(dtype=float)), frame.index)


def _finish(frame):
    return frame.where(~np.eye(len(frame), dtype=bool))
