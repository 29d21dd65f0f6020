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


def per_query(method, collection, parts, *, n=LIST_LENGTH):
    """How well a fitted method ranks the dev and the test artists, query by query.

    Parameters
    ----------
    method : lib.methods.Method
    collection : lib.methods.Collection
    parts : dict of str to sequence of str
        ``dev`` and ``test``; others are passed over.
    n : int
        Length of the lists; shorter where a part is smaller.

    Returns
    -------
    pd.DataFrame
        ``part, query, ndcg, overlap, concordance``; concordance is NaN for a query that allows none.
    """
    rows = []
    for part in ("dev", "test"):
        artists = list(parts[part])
        truth = collection.target.loc[artists, artists]
        predicted = method.score(collection, artists).reindex_like(truth)
        length = min(n, len(artists) - 1)
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

    def add(self, frame, *key):
        """Keep the rows of a training that has just ended."""
        frame = frame.assign(**dict(zip(self.keys, key, strict=True)))
        self.frames.append(frame[[*self.keys, *(name for name in frame if name not in self.keys)]])
        self.done.add(tuple(key))
        artifacts.write_csv(self.table(), self.path)

    def table(self):
        """All rows so far."""
        return pd.concat(self.frames, ignore_index=True)


def publish(table, name):
    """Write the table of a complete run beside its script."""
    artifacts.write_csv(table, paths.measured(name))


def as_values(table, method, *, part="test"):
    """A stored table in the form of `beyond.values`: means over trainings, for each query.

    Parameters
    ----------
    table : pd.DataFrame
        ``seed, part, query``, `MEASURES`, and a column named by `method`.
    method : str
        Column whose values are compared, such as ``variant``.
    part : str

    Returns
    -------
    pd.DataFrame
        ``fold`` (0), ``method, measure, query, value, n_seeds``.
    """
    chosen = table[table["part"] == part].rename(columns={method: "method"} | MEASURES)
    long = chosen.melt(["method", "seed", "query"], list(MEASURES.values()), "measure")
    groups = long.groupby(["method", "measure", "query"], sort=False)
    found = groups["value"].agg(value="mean").reset_index()
    seeds = long.groupby(["method"])["seed"].nunique()
    return found.assign(fold=0, n_seeds=found["method"].map(seeds))[
        ["fold", "method", "measure", "query", "value", "n_seeds"]
    ]


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
