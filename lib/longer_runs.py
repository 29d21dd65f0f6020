"""Runs that take too long for a notebook: how they are kept, and what is read from their tables.

A script in ``benchmarks/`` trains on the simulated demo and writes one table, which is committed beside it
(`lib.paths.measured`) and read by a notebook.

Conventions
-----------
- Rows are values of single queries, one for each (training, part, query), rounded to five digits. Differences
  of two trainings are paired by query; intervals can be made later, over queries and over trainings.
- Dev artists are ranked among dev artists, test artists among test artists.
- A run that is interrupted keeps the trainings that are done, and goes on after them, if data and parameters
  are the same.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.stats

from lib import (
    artifacts,
    confounds,
    listening,
    methods,
    paths,
    profiles,
    ranking,
    significance,
    similarity,
    spectrograms,
    splits,
)

MEASURES = {"ndcg": "ndcg", "overlap": "unordered", "concordance": "matched_concordance"}  # as in `beyond`
LIST_LENGTH = 10
DIGITS = 5
LOSS_MARGIN, NDCG_MARGIN = 0.05, 0.03  # a share of the constant's loss; nDCG


def demo():
    """The simulated demo as notebooks 01 to 03 leave it, split and trained as notebook 04 does.

    Returns
    -------
    matrix : lib.listening.ListeningMatrix
    collection : lib.methods.Collection
    parts : dict of str to list of str
        Artist ids of ``train``, ``dev`` and ``test``.
    parameters : dict
        Defaults of notebook 04, by name.
    """
    data = paths.data("demo")
    parameters = {name: line.default for name, line in profiles.parameters_of("04_siamese_training").items()}
    collection = methods.collection(
        similarity.load(data, parameters["metric"]),
        pd.read_parquet(data / "artists.parquet"),
        *spectrograms.load(data),
    )
    split = splits.paper_split(
        collection.artists,
        n_dev=parameters["n_dev"],
        n_test=parameters["n_test"],
        seeds=parameters["split_seeds"],
    )
    parts = {name: splits.artists_of(split, name) for name in splits.NAMES}
    return listening.load(data), collection, parts, parameters


def scores_of(method, collection, parts):
    """Scores of a fitted method among the dev artists, and among the test artists.

    Parameters
    ----------
    method : lib.methods.Method
    collection : lib.methods.Collection
    parts : dict of str to sequence of str
        ``dev`` and ``test``; others are passed over.

    Returns
    -------
    dict of str to pd.DataFrame, shape=(n_artists, n_artists)
    """
    return {part: method.score(collection, list(parts[part])) for part in ("dev", "test")}


def per_query(scores, collection, *, n=LIST_LENGTH):
    """How well scores rank the artists of each part, query by query.

    Parameters
    ----------
    scores : dict of str to pd.DataFrame, shape=(n_artists, n_artists)
        From `scores_of`.
    collection : lib.methods.Collection
    n : int
        Length of the lists; shorter where a part is smaller.

    Returns
    -------
    pd.DataFrame
        ``part, query, ndcg, overlap, concordance``; concordance is NaN for a query that allows none.
    """
    rows = []
    for part, frame in scores.items():
        truth = collection.target.loc[frame.index, frame.columns]
        predicted, length = frame.reindex_like(truth), min(n, len(frame) - 1)
        values = {
            "ndcg": ranking.ndcg(predicted, truth, length),
            "overlap": ranking.overlap_at_n(predicted, truth, length),
            "concordance": confounds.matched_concordance(predicted, truth, collection.listeners),
        }
        rows.append(pd.DataFrame(values).round(DIGITS).rename_axis("query").reset_index().assign(part=part))
    return pd.concat(rows, ignore_index=True)[["part", "query", *MEASURES]]


def with_at_most(collection, train, clips, *, seed):
    """The collection with at most so many clips of each training artist; other artists keep all.

    Parameters
    ----------
    collection : lib.methods.Collection
    train : sequence of str
    clips : int
    seed : int
        Of the draw. With one seed, fewer clips are among the more.

    Returns
    -------
    lib.methods.Collection
    """
    if clips < 1:
        raise ValueError(f"an artist needs at least one clip, got {clips}")
    order = np.random.default_rng(seed).permutation(len(collection.clip_artists))
    place = pd.Series(collection.clip_artists[order]).groupby(collection.clip_artists[order]).cumcount()
    kept = np.ones(len(order), dtype=bool)
    kept[order] = place.to_numpy() < clips
    kept |= ~np.isin(collection.clip_artists, list(train))
    rows = np.flatnonzero(kept)
    return replace(
        collection, spectrograms=collection.spectrograms[rows], clip_artists=collection.clip_artists[rows]
    )


class Kept:
    """Rows of the trainings that are done, on disk until the run is complete.

    Parameters
    ----------
    name : str
        Of the table.
    keys : sequence of str
        Columns that tell trainings apart.
    collection : lib.methods.Collection
    asked : dict
        Parameters of the run; rows of a run with others, or on other data, are not taken up.
    """

    def __init__(self, name, keys, collection, asked):
        self.name, self.keys = name, list(keys)
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
        for array in (np.asarray(collection.spectrograms), collection.target.to_numpy()):
            digest.update(np.ascontiguousarray(array))
        digest.update("\n".join([*collection.artists, *collection.clip_artists]).encode())
        folder = paths.data("demo") / "longer_runs"
        self.path = folder / f"{name}-{digest.hexdigest()[:16]}.csv"
        self.frames = [pd.read_csv(self.path)] if self.path.exists() else []
        self.done = {
            key for frame in self.frames for key in frame[self.keys].itertuples(index=False, name=None)
        }

    def has(self, *key):
        """Whether a training is done."""
        return tuple(key) in self.done

    def add(self, frame, *key, scores=None):
        """Keep the rows of a training that has just ended, and beside them its scores, for other measures.

        Parameters
        ----------
        frame : pd.DataFrame
        *key
            Values of `keys`.
        scores : dict of str to pd.DataFrame, optional
            From `scores_of`.
        """
        frame = frame.assign(**dict(zip(self.keys, key, strict=True)))
        self.frames.append(frame[[*self.keys, *(name for name in frame if name not in self.keys)]])
        self.done.add(tuple(key))
        artifacts.write_csv(self.table(), self.path)
        for part, one in (scores or {}).items():
            name = "-".join(map(str, (*key, part))).replace(" ", "_")
            artifacts.write_parquet(one, self.path.with_suffix("") / f"{name}.parquet")

    def table(self):
        """All rows so far."""
        return pd.concat(self.frames, ignore_index=True)


def publish(table, name):
    """Write the table of a complete run beside its script."""
    artifacts.write_csv(table, paths.measured(name))


def summary(table, column, *, reference, part="test"):
    """What each kind of training reaches, and what it gains over one of them.

    Parameters
    ----------
    table : pd.DataFrame
        ``seed, part, query``, `MEASURES`, and `column`.
    column : str
        What tells the kinds apart, such as ``variant``.
    reference
        Value of that column.
    part : str

    Returns
    -------
    pd.DataFrame
        ``method`` (value of `column`), ``measure, value, ci_low, ci_high, gain, gain_low, gain_high, p_value,
        p_holm`` (within a measure), ``n_queries, n_trainings``; gains are NaN in the rows of the reference.
        Measures have the names that they have in `lib.beyond`; intervals are those of `difference`.
    """
    rows = []
    for measure, name in MEASURES.items():
        family = []
        for kind in table[column].unique():
            row = {"method": kind, "measure": name}
            row |= difference(table, column, kind, None, measure=measure, part=part)
            row = {"value" if key == "difference" else key: value for key, value in row.items()}
            gain = dict.fromkeys(("difference", "ci_low", "ci_high", "p_value"), np.nan)
            if kind != reference:
                gain = difference(table, column, kind, reference, measure=measure, part=part)
            names = {"difference": "gain", "ci_low": "gain_low", "ci_high": "gain_high", "p_value": "p_value"}
            family.append(row | {new: gain[old] for old, new in names.items()})
        corrected = significance.holm([row["p_value"] for row in family])
        rows += [row | {"p_holm": float(p)} for row, p in zip(family, corrected, strict=True)]
    columns = ["method", "measure", "value", "ci_low", "ci_high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows)[[*columns, "p_value", "p_holm", "n_queries", "n_trainings"]]


def difference(table, column, first, second, *, measure, part="test"):
    """Mean difference of two kinds of training, with an interval over queries and over trainings.

    The variance is that of the mean over queries (of values that are means over trainings) plus that of the
    mean over trainings on each side, with Satterthwaite's degrees of freedom. That queries share their
    candidates is not in it: for that, scores are needed, not their values by query.

    Parameters
    ----------
    table : pd.DataFrame
        ``seed, part, query``, `MEASURES`, and `column`.
    column : str
        What tells the kinds apart, such as ``variant``.
    first, second
        Values of that column; None as the second leaves the mean of the first.
    measure : str
        One of `MEASURES`.
    part : str

    Returns
    -------
    dict
        ``difference`` (first - second), ``ci_low``, ``ci_high``, ``p_value`` (two-sided), ``n_queries``,
        ``n_trainings``.
    """
    chosen = table[table["part"] == part]
    sides = [
        chosen[chosen[column] == name].pivot(index="query", columns="seed", values=measure)
        for name in ([first] if second is None else [first, second])
    ]
    means = [side.mean(axis=1, skipna=False) for side in sides]
    both = (means[0] - sum(means[1:])).dropna()
    variances, freedoms = [both.var(ddof=1) / len(both)], [len(both) - 1]
    for side in sides:
        by_training = side.loc[both.index].mean()
        if len(by_training) > 1:
            variances.append(by_training.var(ddof=1) / len(by_training))
            freedoms.append(len(by_training) - 1)
    variances, value = np.array(variances), float(both.mean())
    found = {"difference": value, "n_queries": len(both), "n_trainings": sides[0].shape[1]}
    if variances.sum() == 0:
        return found | {"ci_low": value, "ci_high": value, "p_value": float(value == 0)}
    error = np.sqrt(variances.sum())
    freedom = variances.sum() ** 2 / (variances**2 / np.array(freedoms)).sum()
    half = scipy.stats.t.ppf(0.975, freedom) * error
    p_value = float(2 * scipy.stats.t.sf(abs(value) / error, freedom))
    return found | {"ci_low": value - half, "ci_high": value + half, "p_value": p_value}


def two_by_two(table, cells, *, measure="ndcg", part="test"):
    """What another target changes with each encoder, and another encoder with each target.

    Parameters
    ----------
    table : pd.DataFrame
        Of ``benchmarks.best_chance``.
    cells : sequence of str
        Variants of: the paper's encoder and pairs, the paper's encoder and factors, features and pairs,
        features and factors (`lib.best_chance.TWO_BY_TWO`).
    measure : str
        One of `MEASURES`.
    part : str

    Returns
    -------
    pd.DataFrame
        ``change, given``, then the columns of `difference`.
    """
    paper_pairs, paper_factors, features_pairs, features_factors = cells
    compared = [
        ("factors in place of pairs", "the paper's encoder", paper_factors, paper_pairs),
        ("factors in place of pairs", "features", features_factors, features_pairs),
        ("features in place of the paper's encoder", "pairs", features_pairs, paper_pairs),
        ("features in place of the paper's encoder", "factors", features_factors, paper_factors),
    ]
    return pd.DataFrame(
        [
            {"change": change, "given": given}
            | difference(table, "variant", first, second, measure=measure, part=part)
            for change, given, first, second in compared
        ]
    )


def two_by_two_sentence(found, *, measure="nDCG@10"):
    """What `two_by_two` found, in a sentence for each row."""
    sentences = []
    for row in found.to_dict("records"):
        if row["ci_low"] > 0:
            verdict = "gain"
        elif row["ci_high"] < 0:
            verdict = "lose"
        else:
            verdict = "make a difference that cannot be told from 0:"
        sentences.append(
            f"With {row['given']}, {row['change']} {verdict} {row['difference']:+.3f} in {measure}"
            f" (95 % interval {row['ci_low']:.3f} to {row['ci_high']:.3f})."
        )
    return "\n".join(sentences)


def equivalence(table, *, reference="plain pairs"):
    """Whether other ways of taking pairs end where plain pairs do.

    Parameters
    ----------
    table : pd.DataFrame
        Of ``benchmarks.equivalence``: ``way, seed, step, dev_loss, dev_ndcg, constant``.
    reference : str

    Returns
    -------
    pd.DataFrame
        One row for each other way and measure, after the last step: ``way, measure``, the columns of
        `significance.equivalence` (margins: `LOSS_MARGIN` of the constant's loss, `NDCG_MARGIN`), and the
        numbers of trainings, ``n`` and ``n_reference``.
    """
    last = table[table["step"] == table["step"].max()]
    margins = {"dev_loss": LOSS_MARGIN * last["constant"].iloc[0], "dev_ndcg": NDCG_MARGIN}
    plain = last[last["way"] == reference]
    rows = []
    for way, part in last[last["way"] != reference].groupby("way", sort=False):
        for measure, margin in margins.items():
            found = significance.equivalence(part[measure], plain[measure], margin=margin)
            rows.append({"way": way, "measure": measure, **found, "n": len(part), "n_reference": len(plain)})
    return pd.DataFrame(rows)


def equivalence_sentence(found, *, reference="plain pairs"):
    """What the tests of `equivalence` allow to say, in a sentence for each row.

    Parameters
    ----------
    found : pd.DataFrame
        From `equivalence`.
    reference : str

    Returns
    -------
    str
    """
    names = {"dev_loss": ("dev loss", 6), "dev_ndcg": ("nDCG@10", 3)}
    sentences = []
    for row in found.to_dict("records"):
        name, digits = names[row["measure"]]
        low, high, margin = (f"{row[key]:.{digits}f}" for key in ("ci_low", "ci_high", "margin"))
        if row["equivalent"]:
            verdict = f"equivalent to {reference} within ± {margin}"
        elif row["ci_low"] > 0 or row["ci_high"] < 0:
            verdict = f"different from {reference}"
        else:
            verdict = f"not decided: neither equal to {reference} within ± {margin} nor different"
        trainings = f"{row['n']} against {row['n_reference']} trainings"
        sentences.append(f"{row['way']}, {name}: {verdict} (90 % interval {low} to {high}, {trainings}).")
    return "\n".join(sentences)
