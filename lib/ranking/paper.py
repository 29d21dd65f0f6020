"""The values that the paper prints (Tables 1 and 2), beside this run's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats

from lib.listening import names
from lib.ranking import significance

# Allen (2018), Table 1: (n, metric) -> (model after 25 epochs, L2 baseline).
PAPER_TABLE_1 = {
    (3, "sequence_matcher"): (0.1224, 0.0748), (3, "unordered"): (0.1293, 0.0748),
    (5, "sequence_matcher"): (0.1469, 0.1143), (5, "unordered"): (0.1796, 0.1388),
    (10, "sequence_matcher"): (0.1796, 0.1653), (10, "unordered"): (0.3163, 0.3020),
    (25, "sequence_matcher"): (0.1633, 0.1543), (25, "unordered"): (0.5731, 0.5543),
}  # fmt: skip
# Table 2: query -> source -> its five neighbours.
PAPER_TABLE_2 = {
    "The Beatles": {
        "truth": ["radiohead", "coldplay", "bob dylan", "the rolling stones", "led zeppelin"],
        "siamese": ["the 69 eyes", "leonard cohen", "cat stevens", "death cab for cutie", "built to spill"],
        "l2": ["massive attack", "dj shadow", "klaus badelt", "era", "enya"],
    },
    "In Flames": {
        "truth": ["children of bodom", "slipknot", "disturbed", "dark tranquillity", "iron maiden"],
        "siamese": ["rhapsody of fire", "creed", "mudvayne", "marilyn manson", "cradle of filth"],
        "l2": ["immortal", "soilwork", "converge", "dark tranquillity", "thrice"],
    },
    "2Pac": {
        "truth": ["nas", "snoop dogg", "50 cent", "notorious b.i.g.", "dr. dre"],
        "siamese": ["akon", "jay-z", "50 cent", "lil wayne", "the pussycat dolls"],
        "l2": ["orbital", "flying lotus", "mr. scruff", "shpongle", "king crimson"],
    },
}
PAPER_METHODS = {"siamese": 0, "l2": 1}
PAPER_QUERIES = 49
# Beside the table, the author's notebooks hold results of an earlier model, after 5 epochs, that were not
# published: n -> (sequence matcher, unordered).
UNPUBLISHED_EPOCH_5 = {3: (0.0884, 0.0952), 5: (0.1592, 0.1878), 10: (0.2000, 0.3551), 25: (0.1502, 0.5976)}


def published_counts():
    """The published table as counts of hits, and what can be said of model and baseline from counts alone.

    Returns
    -------
    pd.DataFrame
        ``n, model, baseline`` (hits), ``of`` (49 queries times n), ``difference`` (of the shares),
        ``p_independent`` (two-sided Fisher test, which takes all hits for independent draws), ``p_corrected``
        (by Holm over the four lengths), ``p_most_favourable, p_least_favourable``: of a sign test on the hits
        of one side only, if these were as few, or as many, as the counts allow. None of them knows that the
        lists share their candidates.

    Examples
    --------
    >>> published_counts()[["n", "model", "baseline", "of"]]
        n  model  baseline    of
    0   3     19        11   147
    1   5     44        34   245
    2  10    155       148   490
    3  25    702       679  1225
    """
    rows = []
    for n in sorted({n for n, _ in PAPER_TABLE_1}):
        model, baseline = (round(value * PAPER_QUERIES * n) for value in PAPER_TABLE_1[n, "unordered"])
        of = PAPER_QUERIES * n
        table = [[model, of - model], [baseline, of - baseline]]
        few, many = abs(model - baseline), min(model + baseline, 2 * of - model - baseline)
        signs = [
            scipy.stats.binomtest((apart + model - baseline) // 2, apart).pvalue for apart in (few, many)
        ]
        rows.append(
            {
                "n": n, "model": model, "baseline": baseline, "of": of, "difference": (model - baseline) / of,
                "p_independent": scipy.stats.fisher_exact(table).pvalue,
                "p_most_favourable": signs[0], "p_least_favourable": signs[1],
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    table.insert(6, "p_corrected", significance.holm(table["p_independent"]))
    return table


def beside_the_published(table, null):
    """All sixteen published values beside those of this run.

    Parameters
    ----------
    table : pd.DataFrame
        From `table1`.
    null : pd.DataFrame
        From `published_null`.

    Returns
    -------
    pd.DataFrame
        ``metric, n, method, paper`` (published), ``as_published, as_published_low, as_published_high,
        corrected, corrected_low, corrected_high, chance`` (of the published arm), ``null_low, null_high`` (95
        % of the permutations of the candidates' names, unordered only), ``epoch_5`` (the author's,
        unpublished; network only).

    Examples
    --------
    >>> key = {"truth": ["corrected"], "candidates": "test", "method": "l2", "metric": "unordered", "n": 10}
    >>> own = pd.DataFrame(key).assign(value=0.25, ci_low=0.2, ci_high=0.3)
    >>> null = pd.DataFrame({"method": ["l2"], "n": 10, "null_low": 0.18, "null_high": 0.24})
    >>> both = beside_the_published(own, null).set_index(["metric", "n", "method"])
    >>> both.loc[("unordered", 10, "l2"), ["paper", "corrected", "null_low", "null_high"]].to_dict()
    {'paper': 0.302, 'corrected': 0.25, 'null_low': 0.18, 'null_high': 0.24}
    """
    rows = []
    arms = [f"{truth}{end}" for truth in ("as_published", "corrected") for end in ("", "_low", "_high")]
    columns = ["metric", "n", "method", "paper", *arms, "chance", "null_low", "null_high", "epoch_5"]
    own = table[(table["candidates"] == "test")].set_index(["truth", "method", "metric", "n"])
    permuted = null.set_index(["method", "n"])
    for (n, metric), given in PAPER_TABLE_1.items():
        for method, place in PAPER_METHODS.items():
            row = dict.fromkeys(columns, np.nan)
            row |= {"metric": metric, "n": n, "method": method, "paper": given[place]}
            for truth in ("as_published", "corrected"):
                if (truth, method, metric, n) in own.index:
                    result = own.loc[(truth, method, metric, n)]
                    row |= {
                        truth: result["value"],
                        f"{truth}_low": result["ci_low"],
                        f"{truth}_high": result["ci_high"],
                    }
                    row |= {"chance": result["chance"]} if truth == "as_published" else {}
            if metric == "unordered" and (method, n) in permuted.index:
                row |= permuted.loc[(method, n), ["null_low", "null_high"]].to_dict()
            if method == "siamese":
                row["epoch_5"] = UNPUBLISHED_EPOCH_5[n][metric == "unordered"]
            rows.append(row)
    return pd.DataFrame(rows)


def beside_the_paper(table):
    """Table 2 with the artists that the paper lists in the same place.

    Parameters
    ----------
    table : pd.DataFrame
        From `table2`, names in the place of ids.

    Returns
    -------
    pd.DataFrame
        With a column ``paper_artist``, blank where the paper has no such list.

    Examples
    --------
    >>> table = pd.DataFrame({"query": "2Pac", "source": ["truth", "l2"], "rank": 1})
    >>> table["artist"] = ["nas", "enya"]
    >>> beside_the_paper(table)[["source", "artist", "paper_artist"]]
      source artist paper_artist
    0  truth    nas          nas
    1     l2   enya      orbital
    """
    listed = {names.normalise(query): lists for query, lists in PAPER_TABLE_2.items()}

    def of_paper(row):
        artists = listed.get(names.normalise(row["query"]), {}).get(row["source"], [])
        return artists[row["rank"] - 1] if row["rank"] <= len(artists) else None

    return table.assign(paper_artist=[of_paper(row) for row in table.to_dict("records")])


def paper_value(method, key, truth_name, candidates):
    metric, n = key
    given = PAPER_TABLE_1.get((n, metric)) if n is not pd.NA else None
    if method not in PAPER_METHODS or given is None or (truth_name, candidates) != ("as_published", "test"):
        return np.nan
    return given[PAPER_METHODS[method]]
