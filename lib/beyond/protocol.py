"""Notebook 07: stronger methods under the protocol of notebook 05 (beyond the paper).

Conventions
-----------
- Methods of audio alone are fitted on a fold's training artists; nothing of its dev and test artists, neither
  clips nor listening, takes part. What is left to choose is chosen on dev artists and reported on test
  artists, once.
- Fold 0 is the paper's single split. Where there are further folds, which test every artist once, results
  over all their queries stand beside it and carry the comparison.
- Values come one row for each (fold, method, measure), which holds a `influence.Measured` for each training,
  so that intervals cover artists and trainings (`lib.ranking.significance`).
"""

from __future__ import annotations

import time

import pandas as pd

from lib import methods
from lib import study as studies
from lib.beyond.audio_features import Ear
from lib.beyond.factor_cnn import FactorCnn
from lib.beyond.factor_models import FactorKernel, FactorRidge, FactorSum, TagRidge
from lib.beyond.factors import N_FACTORS, listening_factors
from lib.ranking import baselines
from lib.ranking import scores as ranking_scores

AUDIO_ALONE = ("factor_ridge", "factor_kernel", "factor_sum", "factor_cnn", "factor_all")
WITH_TAGS = ("tag_ridge", "factor_tags")  # audio alone, too: tags are a target, and not asked of new artists


def fit_all(listening, collection, train, dev, *, seeds, steps, n_factors=N_FACTORS, tagged=None):
    """Fit every method of audio on the training artists.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    collection : lib.study.Collection
    train, dev : sequence of str
    seeds : sequence of int
        One training of the network each; the other methods take the first.
    steps : int
        Of each training.
    n_factors : int
    tagged : lib.beyond.tags.Tags, optional
        A second target, of the methods `WITH_TAGS`.

    Returns
    -------
    scorers : list of (lib.methods.Method, int)
        Fitted methods and their seeds.
    seconds : pd.DataFrame
        ``method, seed, seconds``: wall clock of the fit. The kernel shares the ridge's features; a sum costs
        what its parts cost.
    """
    ear = Ear()
    fitted, seconds = [], []

    def timed(method, seed):
        start = time.perf_counter()
        method.fit(collection, train, dev, seed=seed)
        seconds.append((method.name, seed, time.perf_counter() - start))
        fitted.append((method, seed))
        return method

    parts = [
        timed(kind(listening, ear, n_factors=n_factors), seeds[0]) for kind in (FactorRidge, FactorKernel)
    ]
    fitted.append((FactorSum(parts), seeds[0]))
    networks = [timed(FactorCnn(listening, steps=steps, n_factors=n_factors), seed) for seed in seeds]
    fitted.append((FactorSum([*parts, *networks], "factor_all"), seeds[0]))
    if tagged is not None:
        called = timed(TagRidge(tagged.counts, ear, n_factors=n_factors), seeds[0])
        fitted.append((FactorSum([*parts, called], "factor_tags"), seeds[0]))
    return fitted, pd.DataFrame(seconds, columns=["method", "seed", "seconds"])


def fit_and_score(listening, collection, split, *, seeds, steps, n_factors=N_FACTORS, known=(), tagged=None):
    """Fit every method of audio on every fold, and score.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    collection : lib.study.Collection
    split : pd.DataFrame
        ``fold, artist_id, split``.
    seeds, steps, n_factors
        As for `fit_all`.
    known : collection of (str, int)
        Methods and folds whose scores exist already: plain baselines are added to the other folds.
    tagged : lib.beyond.tags.Tags, optional
        As for `fit_all`.

    Returns
    -------
    scorers : list of (lib.methods.Method, int)
        Those of the first fold.
    scores : pd.DataFrame
        Long: all artists of fold 0, and the dev and test artists of further folds.
    seconds : pd.DataFrame
        ``fold, method, seed, seconds``.
    """
    first, scores, seconds = None, [], []
    for fold in sorted(split["fold"].unique()):
        train, dev, test = (studies.artists_of(split, name, fold=fold) for name in studies.NAMES)
        scorers, took = fit_all(
            listening, collection, train, dev, seeds=seeds, steps=steps, n_factors=n_factors, tagged=tagged
        )
        first = first or scorers
        plain = [
            (method.fit(collection, train, dev), 0)
            for method in baselines.untrained_baselines()
            if (method.name, fold) not in known
        ]
        asked = collection.artists if fold == 0 else [*dev, *test]
        scores.append(ranking_scores.score_all([*plain, *scorers], collection, fold=fold, artists=asked))
        seconds.append(took.assign(fold=fold))
    seconds = pd.concat(seconds, ignore_index=True)[["fold", "method", "seed", "seconds"]]
    return first, pd.concat(scores, ignore_index=True), seconds


def all_factors(listening, artists, *, n_factors=N_FACTORS):
    """What the factors themselves would say, made with everybody's listening: no audio can know as much.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    artists : sequence of str

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)
    """
    vectors = listening_factors(listening, n_factors=n_factors).loc[list(artists)].to_numpy()
    return methods.labelled_scores(vectors @ vectors.T, artists)


def with_folds(split, artists, *, n_folds, n_dev):
    """The splits, with `n_folds` folds over all artists behind them where there are none yet.

    Parameters
    ----------
    split : pd.DataFrame
        ``fold, artist_id, split``.
    artists : sequence of str
        All artists, in a fixed order.
    n_folds : int
        0 or 1 adds none.
    n_dev : int
        Dev artists of a fold, at most a fifth of those that it does not test.

    Returns
    -------
    pd.DataFrame
    """
    if n_folds < 2 or split["fold"].nunique() > 1:
        return split
    held_out = len(artists) - len(artists) // n_folds
    return pd.concat(
        [split, studies.k_fold(artists, n_folds=n_folds, n_dev=min(n_dev, max(2, held_out // 5)))],
        ignore_index=True,
    )


def frames_of(scores, artists):
    """Score frames over some artists, by (method, fold, seed), in the order of the scores.

    Parameters
    ----------
    scores : pd.DataFrame
        Long.
    artists : sequence of str, optional
        All that a method has scored, if None.

    Yields
    ------
    tuple of (method, fold, seed), pd.DataFrame
    """
    if artists is not None:
        scores = scores[scores["query"].isin(artists) & scores["candidate"].isin(artists)]
    for run, part in scores.groupby(["method", "fold", "seed"], sort=False):
        yield run, methods.to_frame(part, part["query"].unique() if artists is None else list(artists))
