"""Notebook 07: stronger methods under the protocol of notebook 05 (beyond the paper).

Conventions
-----------
- Methods with a part that was trained elsewhere are fitted where their encoders are given (`Given.encoded`),
  and are never chosen among those trained here (`lib.registry.pre_trained`).
- Methods of audio alone are fitted on a fold's training artists; nothing of its dev and test artists, neither
  clips nor listening, takes part. What is left to choose is chosen on dev artists and reported on test
  artists, once.
- Fold 0 is the paper's single split. Where there are further folds, which test every artist once, results
  over all their queries stand beside it and carry the comparison.
- Values come one row for each (fold, method, measure), which holds a `influence.Measured` for each training,
  so that intervals cover artists and trainings (`lib.ranking.significance`).
"""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib import methods, registry
from lib import study as studies
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.factor_models import FactorMethod, FactorSum
from lib.beyond.factors import N_FACTORS, listening_factors
from lib.beyond.segment_features import SegmentFeatures
from lib.beyond.tags import Tags
from lib.listening.matrix import ListeningMatrix
from lib.ranking import baselines, tracks
from lib.ranking import scores as ranking_scores
from lib.workflow import stages

LEARNT = "learnt "  # before the names of what a method has learnt, in its record
TRACKS = "tracks "  # before the names of vectors or scores of single tracks


def described():
    """What clips are described by, one of each kind, not fitted."""
    return {kind: kind() for kind in (AudioFeatures, SegmentFeatures)}


@dataclass(frozen=True)
class Given:
    """What a method of notebook 07 may be made of.

    Attributes
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    features : dict of type to lib.beyond.audio_features.Features
        What clips are described by, shared by the methods that use the same; by class.
    n_factors : int
    steps : int
        Of each training of a network.
    tagged : lib.beyond.tags.Tags, optional
    encoded : dict of str to np.ndarray, shape=(n_clips, n)
        Vectors of the study's clips by encoders that were trained elsewhere (`lib.beyond.encoders.of_clips`).

    Examples
    --------
    >>> import scipy.sparse
    >>> artists = pd.DataFrame({"artist_id": ["a", "b", "c"]})
    >>> given = Given(ListeningMatrix(scipy.sparse.csr_array(np.eye(3, dtype=int)), artists))
    >>> registry.method("factor_ridge").made(given).n_factors
    40
    """

    listening: ListeningMatrix
    features: dict = field(default_factory=described)
    n_factors: int = N_FACTORS
    steps: int = 600
    tagged: Tags | None = None
    encoded: dict = field(default_factory=dict)


class Fitted(FactorMethod):
    """A fitted method as it was kept: vectors or scores of the artists that it was fitted for.

    Parameters
    ----------
    name : str
    artists : sequence of str
    record : dict
        From `_record`.
    tracks : sequence of str
        Ids of the tracks that the record knows as well.
    """

    def __init__(self, name, artists, record, tracks=()):
        self.name, self.artists, self.record = name, pd.Index(artists), record
        self.tracks = list(tracks)

    def of_tracks(self):
        """The same method, asked about single tracks (`lib.ranking.tracks.alone`) in the place of artists."""
        record = {key: array for key, array in self.record.items() if key.startswith(TRACKS)}
        return Fitted(
            self.name, self.tracks, {key.removeprefix(TRACKS): array for key, array in record.items()}
        )

    def vectors(self, study, artists):
        if "vectors" not in self.record:
            raise ValueError(
                f"{self.name} has scores only: a model for any recording needs vectors, hear, arrays and"
                " restore, see lib/registry.py"
            )
        return self.record["vectors"][self._places(artists)]

    def arrays(self):
        """What it has learnt, for `lib.beyond.similar_artists`; empty where the method has no such thing."""
        learnt = {key: array for key, array in self.record.items() if key.startswith(LEARNT)}
        return {key.removeprefix(LEARNT): array for key, array in learnt.items()}

    def score(self, study, artists):
        if "vectors" in self.record:
            return super().score(study, artists)
        places = self._places(artists)
        return methods.labelled_scores(self.record["scores"][np.ix_(places, places)], artists)

    def _places(self, artists):
        places = self.artists.get_indexer(artists)
        if (places < 0).any():
            raise ValueError(f"{(places < 0).sum()} artists were not asked about when {self.name} was fitted")
        return places


def fit_all(study, train, dev, given, *, seeds, artists, kept):
    """Fit every method of audio on the training artists; what was fitted before is taken as it was kept.

    Parameters
    ----------
    study : lib.study.Study
    train, dev : sequence of str
    given : Given
    seeds : sequence of int
        A method whose trainings differ (`lib.methods.Method.each_seed`) is fitted with each, the others with
        the first.
    artists : sequence of str
        Whom the methods are asked about.
    kept : lib.workflow.kept.Kept

    Returns
    -------
    scorers : list of (lib.methods.Method, int)
        Fitted methods and their seeds.
    seconds : pd.DataFrame
        ``method, seed, seconds``: wall clock of the fit. The kernel shares the ridge's features; a sum costs
        what its parts cost.

    Raises
    ------
    ValueError
        If a sum has a part that is not fitted here.
    """
    kinds = ["audio"] if given.tagged is None else ["audio", "tags"]
    names = [*registry.of_kind(*kinds), *registry.pre_trained(given.encoded)]
    sums = _sums(names)
    inputs = study.inputs() | {
        "listening": given.listening, "ear": [each.settings for each in given.features.values()],
        "n_factors": given.n_factors, "steps": given.steps,
        "train": list(train), "dev": list(dev), "asked": list(artists),
        "tags": None if given.tagged is None else given.tagged.counts,
    }  # fmt: skip
    form = stages.digest(inspect.getsource(_record))  # what is kept of a method
    alone = tracks.alone(study)
    held_out = set(artists).difference(train, dev)
    single = tracks.of_artists(alone, [artist for artist in artists if artist in held_out])
    about = {"": (study, artists)} | ({TRACKS: (alone, single)} if single else {})
    fitted, seconds = {name: [] for name in names}, []
    for name in names:
        if name in sums:
            continue
        entry, kind = registry.METHODS[name], registry.method(name)
        for seed in seeds if kind.each_seed else seeds[:1]:

            def make(kind=kind, seed=seed):
                start = time.perf_counter()
                method = kind.made(given).fit(study, train, dev, seed=seed)
                return _record(method, about) | {"seconds": time.perf_counter() - start}

            code, _, _ = entry.place.partition(":")
            encoded = {each: given.encoded[each] for each in entry.encoders}
            own = {"encoded": encoded} if encoded else {}
            record = kept.result(name, make, code=code, seed=seed, form=form, **inputs, **own)
            fitted[name].append((Fitted(name, artists, record, single), seed))
            seconds.append((name, seed, record["seconds"]))
    for name, parts in sums.items():
        fitted[name] = [(FactorSum([method for part in parts for method, _ in fitted[part]], name), seeds[0])]
    scorers = [each for name in names for each in fitted[name]]
    return scorers, pd.DataFrame(seconds, columns=["method", "seed", "seconds"])


def _sums(names):
    """The parts of each sum among some methods, in any order of registration; none may be missing."""
    sums = {name: registry.METHODS[name].parts for name in names if registry.METHODS[name].parts}
    fitted = [name for name in names if name not in sums]
    for name, parts in sums.items():
        if missing := [part for part in parts if part not in fitted]:
            raise ValueError(
                f"the sum {name} has the part {missing[0]!r}, which is not among the methods fitted here,"
                f" {', '.join(fitted)}: correct the parts of {name} in lib/registry.py"
            )
    return {name: [each for each in fitted if each in parts] for name, parts in sums.items()}


def fit_and_score(study, split, given, *, seeds, kept, scored=()):
    """Fit every method of audio on every fold, and score.

    Parameters
    ----------
    study : lib.study.Study
    split : pd.DataFrame
        ``fold, artist_id, split``.
    given, seeds, kept
        As for `fit_all`.
    scored : collection of (str, int)
        Methods and folds whose scores exist already: plain baselines are added to the other folds.

    Returns
    -------
    scorers : list of (lib.methods.Method, int)
        Those of the first fold.
    scores : lib.ranking.scores.Scores
        Of all artists of fold 0, and of the dev and test artists of further folds.
    seconds : pd.DataFrame
        ``fold, method, seed, seconds``.

    Examples
    --------
    >>> results = fit_and_score(study, study.splits, given, seeds=[0, 1, 2], kept=kept)  # doctest: +SKIP
    >>> scorers, scores, seconds = results  # doctest: +SKIP
    """
    first, scores, seconds = None, ranking_scores.Scores(), []
    for fold in sorted(split["fold"].unique()):
        train, dev, test = (studies.artists_of(split, name, fold=fold) for name in studies.NAMES)
        artists = study.ids if fold == 0 else [*dev, *test]
        scorers, took = fit_all(study, train, dev, given, seeds=seeds, artists=artists, kept=kept)
        first = first or scorers
        plain = [
            (method.fit(study, train, dev), 0)
            for method in baselines.untrained_baselines()
            if (method.name, fold) not in scored
        ]
        scores |= ranking_scores.score_all([*plain, *scorers], study, fold=int(fold), artists=artists)
        seconds.append(took.assign(fold=fold))
    return first, scores, pd.concat(seconds, ignore_index=True)[["fold", "method", "seed", "seconds"]]


def score_tracks(study, split, given, *, seeds, kept, folds):
    """Scores of the test artists' tracks by every method of audio; fits are taken as they were kept.

    Parameters
    ----------
    study : lib.study.Study
    split, given, seeds, kept
        As for `fit_and_score`, which fitted the methods.
    folds : sequence of int

    Returns
    -------
    lib.ranking.scores.Scores
        Over the tracks of each fold's test artists, by their ids (`lib.ranking.tracks.alone`).

    Examples
    --------
    >>> score_tracks(study, study.splits, given, seeds=[0], kept=kept, folds=[0])  # doctest: +SKIP
    """
    alone, scores = tracks.alone(study), ranking_scores.Scores()
    for fold in folds:
        train, dev, test = (studies.artists_of(split, name, fold=fold) for name in studies.NAMES)
        artists = study.ids if fold == 0 else [*dev, *test]
        scorers, _ = fit_all(study, train, dev, given, seeds=seeds, artists=artists, kept=kept)
        of_tracks = [(_of_tracks(method), seed) for method, seed in scorers]
        ids = tracks.of_artists(alone, test)
        scores |= ranking_scores.score_all(of_tracks, alone, fold=fold, artists=ids)
    return scores


def _of_tracks(method):
    if isinstance(method, FactorSum):
        return FactorSum([part.of_tracks() for part in method.parts], method.name)
    return method.of_tracks()


def all_factors(listening, artists, *, n_factors=N_FACTORS):
    """What the factors themselves would say, made with everybody's listening: no audio can know as much.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    artists : sequence of str

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_artists)

    Examples
    --------
    >>> import scipy.sparse
    >>> plays = np.array([[1, 1, 1, 1, 0, 0, 0, 0]] * 3 + [[0, 0, 0, 0, 1, 1, 1, 1]] * 2)  # two camps
    >>> artists = pd.DataFrame({"artist_id": list("abcdefgh")})
    >>> listening = ListeningMatrix(scipy.sparse.csr_array(plays), artists)
    >>> all_factors(listening, ["a", "b", "h"], n_factors=2).round(1).abs().to_numpy()
    array([[nan,  1.,  0.],
           [ 1., nan,  0.],
           [ 0.,  0., nan]])
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

    Examples
    --------
    >>> artists = [f"artist {place}" for place in range(20)]
    >>> split = with_folds(studies.paper_split(artists, n_dev=4, n_test=4), artists, n_folds=4, n_dev=4)
    >>> split.query("split == 'test'").groupby("fold").size().to_dict()
    {0: 4, 1: 5, 2: 5, 3: 5, 4: 5}
    """
    if n_folds < 2 or split["fold"].nunique() > 1:
        return split
    held_out = len(artists) - len(artists) // n_folds
    return pd.concat(
        [split, studies.k_fold(artists, n_folds=n_folds, n_dev=min(n_dev, max(2, held_out // 5)))],
        ignore_index=True,
    )


def _record(method, about):
    """A method as it is kept: vectors, or else scores, of artists and of tracks, and what it has learnt."""
    record = {}
    for prefix, (study, ids) in about.items():
        if hasattr(method, "vectors"):
            record[f"{prefix}vectors"] = method.vectors(study, ids)
        else:
            record[f"{prefix}scores"] = method.score(study, ids).to_numpy(copy=True)
            np.fill_diagonal(record[f"{prefix}scores"], 0.0)  # blank again in `Fitted.score`
    learnt = method.arrays() if hasattr(method, "vectors") else {}
    return record | {f"{LEARNT}{name}": np.asarray(array) for name, array in learnt.items()}
