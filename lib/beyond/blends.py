"""How well blended scores rank the paper's test artists, at each setting of the explorer's two sliders.

Conventions
-----------
- A blend is `lib.beyond.adjust.blend`: a method's scores, the similarity from shared listeners, and
  popularity.
- The shared listeners that go into a blend are those of one half of the listeners, and the truth that judges
  it is the other half's (`lib.listening.targets.halves`): a listener who is counted on both sides would make
  the slider look better than it is. So values at a share of 0 differ a little from Table 1's, whose truth is
  of all listeners.
- All settings are measured on the same test artists, and none is chosen: the best of them is no claim.
"""

from __future__ import annotations

import itertools

import pandas as pd

from lib import registry
from lib.beyond import adjust
from lib.ranking import compare, significance

SHARES = tuple(round(0.1 * step, 1) for step in range(11))
KINDS = ("baseline", "network", "audio", "tags", "pre-trained")  # of methods that have a slider
MEASURE = "ndcg"


def methods(scores):
    """Names of the methods that are blended: the registered ones with scores of fold 0, but chance and those
    that know listeners.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores

    Returns
    -------
    list of str
        In the order of their entries.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> from lib.ranking.scores import Scores
    >>> frame = labelled_scores([[0, 1], [1, 0]], ["a", "b"])
    >>> methods(Scores.of_frames({(name, 0, 0): frame for name in ("siamese", "l2", "chance", "split_half")}))
    ['l2', 'siamese']
    """
    scored = set(scores.only(fold=0).methods)
    return [name for name in registry.of_kind(*KINDS) if name in scored - {"chance"}]


def measured(scores, listeners, shared, truth, test, *, n, shares=SHARES, weights=adjust.WEIGHTS, seed=0):
    """The ranking quality of every method at every setting.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
        Of fold 0, of the methods to be blended.
    listeners : pd.Series
        Of each artist.
    shared, truth : pd.DataFrame, shape=(n_artists, n_artists)
        Similarity by one half of the listeners, which is blended in, and by the other half, which judges.
    test : sequence of str
        Queries and candidates.
    n : int
        Of nDCG@n.
    shares : sequence of float
        Of shared listeners in the blend, from 0 to 1.
    weights : sequence of float
        Of popularity.
    seed : int
        Of drawn ties.

    Returns
    -------
    pd.DataFrame
        ``method, listeners`` (the share), ``popularity`` (the weight), ``value, ci_low, ci_high`` (95 %, over
        artists and trainings), ``chance, n, n_queries, measure``: one row a method and setting.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> from lib.ranking.scores import Scores
    >>> truth = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], ["a", "b", "c"])
    >>> scores = Scores.of_frames({("l2", 0, 0): -truth})  # always wrong
    >>> listeners = pd.Series(10, ["a", "b", "c"])
    >>> table = measured(scores, listeners, truth, truth, ["a", "b", "c"], n=1, shares=[0, 1], weights=[0])
    >>> table[["method", "listeners", "popularity", "value"]].round(2)
      method  listeners  popularity  value
    0     l2          0           0    0.5
    1     l2          1           0    1.0
    """
    test = list(test)
    truth, shared = truth.loc[test, test], shared.loc[test, test]
    (at_random,) = compare.measured([compare.constant(truth)], truth, MEASURE, n, seed=seed)
    chance, rows = float(at_random.values.mean()), []
    for method in scores.only(fold=0).methods:
        frames = [frame.reindex_like(truth) for frame in scores.trainings(method, test)]
        for share, weight in itertools.product(shares, weights):
            runs = [adjust.blend(frame, listeners, weight, truth=shared, share=share) for frame in frames]
            result = significance.estimate(compare.measured(runs, truth, MEASURE, n, seed=seed))
            low, high = result.interval()
            rows.append((
                *(method, share, weight, result.value, low, high),
                *(chance, n, result.n_queries, MEASURE),
            ))  # fmt: skip
    columns = ["method", "listeners", "popularity", "value", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=[*columns, "chance", "n", "n_queries", "measure"])


def sentence(table, method):
    """Where one method's values are highest, and what that does not mean.

    Parameters
    ----------
    table : pd.DataFrame
        From `measured`.
    method : str

    Returns
    -------
    str

    Examples
    --------
    >>> row = {"method": "l2", "popularity": 0.0, "n": 10, "n_queries": 49, "measure": "ndcg"}
    >>> table = pd.DataFrame([row | {"listeners": a, "value": v} for a, v in ((0.0, 0.2), (1.0, 0.5))])
    >>> print(sentence(table, "l2").partition(";")[0])  # doctest: +NORMALIZE_WHITESPACE
    Judged by the similarities from one half of the listeners alone, nDCG@10 of L2 of spectrograms is 0.20
    on 49 test artists
    """
    own = table[table["method"] == method].reset_index(drop=True)
    (alone,) = own.loc[(own["listeners"] == 0) & (own["popularity"] == 0), "value"]
    best = own.loc[own["value"].idxmax()]
    return (
        f"Judged by the similarities from one half of the listeners alone, nDCG@{best['n']} of"
        f" {registry.label(method)} is {alone:.2f} on {best['n_queries']} test artists;"
        f" over all settings of the sliders it is highest, {best['value']:.2f}, at {best['listeners']:g} for"
        f" shared listeners and {best['popularity']:g} for popularity. This setting was found on the same"
        " test artists: it describes them, and claims nothing about others."
    )
