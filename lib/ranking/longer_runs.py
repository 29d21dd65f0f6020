"""Runs that take too long for a notebook: how they are kept, and the tables that they end in.

A script in ``benchmarks/`` trains on the simulated demo and writes one table, which is committed beside it
(`lib.workflow.paths.measured`) and read by a notebook through `lib.ranking.longer_results`.

Conventions
-----------
- One table holds the values of single queries, a row for each (training, part, query), rounded to five
  digits; another one (``NAME_differences``) the means of the kinds of training and their differences, with
  intervals over artists and trainings, for which the scores of all pairs are needed.
- Dev artists are ranked among dev artists, test artists among test artists.
- A run that is interrupted keeps the trainings that are done, and goes on after them, if data and parameters
  are the same.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict

import numpy as np
import pandas as pd

from lib import study as studies
from lib.ranking import compare, confounds, metrics, significance
from lib.workflow import artifacts, paths, profiles, stored

MEASURES = {"ndcg": "ndcg", "overlap": "unordered", "concordance": "matched_concordance"}  # as in `beyond`
LIST_LENGTH = 10
DIGITS = 5


def demo():
    """The simulated demo as notebooks 01 to 03 leave it, split and trained as notebook 04 does.

    Returns
    -------
    matrix : lib.listening.matrix.ListeningMatrix
    study : lib.study.Study
    parts : dict of str to list of str
        Artist ids of ``train``, ``dev`` and ``test``.
    parameters : dict
        Defaults of notebook 04, by name.
    """
    parameters = {name: line.default for name, line in profiles.parameters_of("04_siamese_training").items()}
    study = studies.load("demo", metric=parameters["metric"])
    split = studies.paper_split(
        study.ids,
        n_dev=parameters["n_dev"],
        n_test=parameters["n_test"],
        seeds=parameters["split_seeds"],
    )
    parts = {name: studies.artists_of(split, name) for name in studies.NAMES}
    return study.listening, study, parts, parameters


def scores_of(method, study, parts):
    """Scores of a fitted method among the dev artists, and among the test artists.

    Parameters
    ----------
    method : lib.methods.Method
    study : lib.study.Study
    parts : dict of str to sequence of str
        ``dev`` and ``test``; others are passed over.

    Returns
    -------
    dict of str to pd.DataFrame, shape=(n_artists, n_artists)
    """
    return {part: method.score(study, list(parts[part])) for part in ("dev", "test")}


def per_query(scores, study, *, n=LIST_LENGTH):
    """How well scores rank the artists of each part, query by query.

    Parameters
    ----------
    scores : dict of str to pd.DataFrame, shape=(n_artists, n_artists)
        From `scores_of`.
    study : lib.study.Study
    n : int
        Length of the lists; shorter where a part is smaller.

    Returns
    -------
    pd.DataFrame
        ``part, query, ndcg, overlap, concordance``; concordance is NaN for a query that allows none.
    """
    rows = []
    for part, frame in scores.items():
        truth = study.target.loc[frame.index, frame.columns]
        predicted, length = frame.reindex_like(truth), min(n, len(frame) - 1)
        values = {
            "ndcg": metrics.ndcg(predicted, truth, length),
            "overlap": metrics.overlap_at_n(predicted, truth, length),
            "concordance": confounds.matched_concordance(predicted, truth, study.listeners),
        }
        rows.append(pd.DataFrame(values).round(DIGITS).rename_axis("query").reset_index().assign(part=part))
    return pd.concat(rows, ignore_index=True)[["part", "query", *MEASURES]]


def with_at_most(study, train, clips, *, seed):
    """The collection with at most so many clips of each training artist; other artists keep all.

    Parameters
    ----------
    study : lib.study.Study
    train : sequence of str
    clips : int
    seed : int
        Of the draw. With one seed, fewer clips are among the more.

    Returns
    -------
    lib.study.Study
    """
    if clips < 1:
        raise ValueError(f"an artist needs at least one clip, got {clips}")
    order = np.random.default_rng(seed).permutation(len(study.clip_artists))
    place = pd.Series(study.clip_artists[order]).groupby(study.clip_artists[order]).cumcount()
    kept = np.ones(len(order), dtype=bool)
    kept[order] = place.to_numpy() < clips
    kept |= ~np.isin(study.clip_artists, list(train))
    rows = np.flatnonzero(kept)
    return study.with_clips(rows)


class Kept:
    """Rows of the trainings that are done, on disk until the run is complete.

    Parameters
    ----------
    name : str
        Of the table.
    keys : sequence of str
        Columns that tell trainings apart.
    study : lib.study.Study
    settings : dict
        Parameters of the run; rows of a run with others, or on other data, are not taken up.
    """

    def __init__(self, name, keys, study, settings):
        self.name, self.keys = name, list(keys)
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for array in (np.asarray(study.spectrograms), study.target.to_numpy()):
            digest.update(np.ascontiguousarray(array))
        digest.update("\n".join([*study.ids, *study.clip_artists]).encode())
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
        for part, one in (scores or {}).items():
            artifacts.write_parquet(one, self._file(key, part))
        artifacts.write_csv(self.table(), self.path)

    def scores(self, *key):
        """The scores of a training that is done, by part."""
        refusal = f"holds no scores, or is damaged: remove {self.path}, and the run begins anew"
        return {part: stored.table(self._file(key, part), refusal) for part in ("dev", "test")}

    def table(self):
        """All rows so far."""
        return pd.concat(self.frames, ignore_index=True)

    def _file(self, key, part):
        name = "-".join(map(str, (*key, part))).replace(" ", "_")
        return self.path.with_suffix("") / f"{name}.parquet"


def publish(table, name):
    """Write the table of a complete run beside its script."""
    artifacts.write_csv(table, paths.measured(name))


def differences(kept, study, wanted, *, n=LIST_LENGTH):
    """Means of kinds of training, and their differences, over artists and trainings.

    Parameters
    ----------
    kept : Kept
        With scores; its first key tells the kinds apart, its second one is the seed.
    study : lib.study.Study
    wanted : sequence of (first, second)
        Kinds; None as the second asks for the mean of the first. Pairs of which one is not trained yet are
        passed over.
    n : int
        Length of the lists; shorter where a part is smaller.

    Returns
    -------
    pd.DataFrame
        ``first, second, part, measure, value`` (first - second), ``error, freedom, ci_low, ci_high, p_value,
        n_queries, n_trainings`` (`significance.Estimate`). Measures have the names of `lib.ranking.tables`.
    """
    kinds = {}
    for kind, seed in sorted(kept.done, key=lambda key: key[1]):
        kinds.setdefault(kind, []).append(kept.scores(kind, seed))
    rows = []
    for part, measure in itertools.product(("dev", "test"), MEASURES.values()):
        runs = {}
        for kind, trainings in kinds.items():
            artists = trainings[0][part].index
            truth = study.target.loc[artists, artists]
            how = {"n": min(n, len(artists) - 1), "listeners": study.listeners}
            frames = [scores[part].reindex_like(truth) for scores in trainings]
            runs[kind] = compare.measured(frames, truth, measure, **how)
        for first, second in wanted:
            if first in runs and (second is None or second in runs):
                estimate = significance.estimate(runs[first], () if second is None else runs[second])
                row = {"first": first, "second": second, "part": part, "measure": measure}
                rows.append(row | asdict(estimate) | estimate.row())
    table = pd.DataFrame(rows)
    columns = ["error", "freedom", "ci_low", "ci_high", "p_value", "n_queries", "n_trainings"]
    return table[["first", "second", "part", "measure", "value", *columns]].round(6)
