"""How well tracks of held-out artists are ranked (beyond the paper, which names it as future work).

The protocol of Table 1 with tracks as queries and candidates (`lib.ranking.tracks`), and three questions:

- *listeners*: the truth of two tracks is the similarity of their artists by listeners, for there is no
  listening by track here; the own artist's tracks are no candidates.
- *same artist*: which of all other tracks are by the same artist; an artist with one track is no query.
- *same style*: which tracks of other artists have the same main style; of a simulated world only.

Conventions
-----------
- Tracks of one artist are not independent. A value is the mean over artists of the mean over their tracks,
  and intervals are over artists and trainings (`lib.ranking.significance`): what an artist adds, its tracks
  add together, as queries and as candidates.
- Where there are folds, the queries are the test artists of all of them, each among those of its own fold.
- ``input`` is what a score of two tracks was made of: *track* (both clips), *1 excerpt*, *2 excerpts*,
  *3 excerpts* (so many thirds of each clip, the mean over their pairs), *artist average* (the mean over all
  pairs of tracks of the two artists).
- Chance is the expectation over random orders of the same candidates. Measures of retrieval are skewed: by
  bad luck they are low and hardly vary, which would show as certainly worse than chance. So their standard
  error is at least that of random orders (`HeldOut.spread`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from lib.ranking import confounds, influence, metrics, retrieval, significance, ties, tracks

WHOLE, AVERAGE = "track", "artist average"
LISTENERS, ARTIST, STYLE = "listeners", "same artist", "same style"
INPUTS = (WHOLE, *(f"{k} excerpt{'s' if k > 1 else ''}" for k in range(1, tracks.N_EXCERPTS + 1)), AVERAGE)
# What is measured of each input. Averaged scores tie the tracks of an artist, so that chance would be another
# one for retrieval; excerpts are about the sound of a track.
BY_LISTENERS = ((LISTENERS, "ndcg"), (LISTENERS, "matched_concordance"))
BY_ARTIST = tuple((ARTIST, measure) for measure in retrieval.MEASURES)
BY_STYLE = tuple((STYLE, measure) for measure in retrieval.MEASURES)
EVERYTHING = (*BY_LISTENERS, *BY_ARTIST, *BY_STYLE)
WANTED = dict.fromkeys(INPUTS, ((LISTENERS, "ndcg"), *BY_ARTIST))
WANTED |= {WHOLE: EVERYTHING, AVERAGE: BY_LISTENERS}
NO_LUCK = pd.Series(dtype=float)
OVER = ("over_chance", "over_low", "over_high", "p_value")
GAIN = ("gain", "gain_low", "gain_high", "gain_p_value")
COLUMNS = [
    *("question", "input", "method", "measure", "n", "value", "ci_low", "ci_high", "chance"),
    *(*OVER, *GAIN, "folds", "n_tracks", "n_queries", "n_seeds"),
]


@dataclass(frozen=True)
class HeldOut:
    """Tracks of held-out artists, and what is true of them.

    Attributes
    ----------
    truth : pd.DataFrame, shape=(n_tracks, n_tracks)
        Similarity by listeners of the tracks' artists.
    made_by : pd.Series, shape=(n_tracks,)
        Artist of each track.
    listeners : pd.Series, shape=(n_tracks,)
        Of its artist.
    styles : pd.Series, shape=(n_tracks,), optional
        Main style of each track; known of a simulated world only.
    n : int
        Length of the lists of nDCG.
    seed : int
        Of the orders drawn where values tie.
    """

    truth: pd.DataFrame
    made_by: pd.Series
    listeners: pd.Series
    styles: pd.Series | None = None
    n: int = 10
    seed: int = 0

    @classmethod
    def of(cls, study, artists, *, styles=None, n=10, seed=0):
        """The tracks of some artists.

        Parameters
        ----------
        study : lib.study.Study
            From `tracks.alone`.
        artists : sequence of str
        styles : pd.Series, optional
            By clip id.
        n, seed : int

        Raises
        ------
        ValueError
            If there are too few tracks, or one has no style.
        """
        ids = tracks.of_artists(study, artists)
        about = study.artists.loc[ids]
        if styles is not None:
            styles = styles.reindex(ids)
            if styles.isna().any():
                raise ValueError(f"{styles.isna().sum()} of {len(ids)} tracks have no style: run 02 again")
        most = len(ids) - int(about["made_by"].value_counts().max())
        if most < 2:
            raise ValueError(f"{len(ids)} tracks of {len(artists)} artists are too few to be ranked")
        return cls(
            study.target.loc[ids, ids], about["made_by"], about["listeners"], styles, min(n, most), seed
        )

    @property
    def ids(self):
        """Ids of the tracks."""
        return list(self.truth.index)

    def measure(self, frame, wanted=EVERYTHING):
        """Measures of one prediction.

        Parameters
        ----------
        frame : pd.DataFrame, shape=(n_tracks, n_tracks)
            Scores, higher is closer.
        wanted : sequence of (str, str)
            Questions and measures; those of a style where there are styles.

        Returns
        -------
        dict of (str, str) to lib.ranking.influence.Measured
            By question and measure; queries and candidates are artists.
        """
        frame = frame.reindex_like(self.truth)
        results = {}
        for key, function in zip(BY_LISTENERS, (self._ndcg, self._concordance), strict=True):
            if key in wanted:
                results[key] = function(frame)
        questions = {question for question, _ in wanted}
        for question, relevant, candidates in self._retrieved(questions):
            values, changes = retrieval.retrieval(
                frame.to_numpy(float), relevant, candidates, self._codes, seed=self.seed
            )
            results |= {
                (question, name): self._of_artists(values[:, place], changes[:, place])
                for place, name in enumerate(retrieval.MEASURES)
                if (question, name) in wanted
            }
        return results

    def chance(self):
        """The expectation of every measure over random orders of the candidates, by the same counting.

        Returns
        -------
        dict of (str, str) to lib.ranking.influence.Measured
            As from `measure`.
        """
        nothing = np.zeros((len(self.truth), len(self._artists)))
        results = {
            (LISTENERS, "ndcg"): self._ndcg(self.truth * 0),
            (LISTENERS, "matched_concordance"): self._concordance(self.truth * 0),
        }
        for question, values in self._of_counts(retrieval.expected):
            results |= {
                (question, name): self._of_artists(values[:, place], nothing)
                for place, name in enumerate(retrieval.MEASURES)
            }
        return results

    def spread(self):
        """Standard deviation of each artist's value over random orders, of the measures of retrieval.

        As if the values of an artist's tracks were equal: they share scores, and are not independent.

        Returns
        -------
        dict of (str, str) to pd.Series, shape=(n_artists,)
        """
        results = {}
        for question, values in self._of_counts(retrieval.spread):
            by_artist = pd.DataFrame(values, columns=retrieval.MEASURES).groupby(self._codes).mean()
            results |= {(question, name): by_artist[name] for name in retrieval.MEASURES}
        return results

    def _of_counts(self, function):
        """A function of the numbers of candidates and relevant ones, question by question, for each track."""
        for question, relevant, candidates in self._retrieved():
            counts = zip(candidates.sum(axis=1), relevant.sum(axis=1), strict=True)
            yield question, np.array([function(int(m), int(r)) for m, r in counts])

    @cached_property
    def _artists(self):
        return pd.Index(self.made_by.unique(), name="query", dtype=object)

    @cached_property
    def _codes(self):
        return self._artists.get_indexer(self.made_by)

    def _retrieved(self, questions=(ARTIST, STYLE)):
        """Of each question of retrieval: relevant and admitted candidates, shape=(n_tracks, n_tracks)."""
        same = np.equal.outer(self._codes, self._codes)
        if ARTIST in questions:
            others = ~np.eye(len(same), dtype=bool)
            yield ARTIST, same & others, others
        if STYLE in questions and self.styles is not None:
            codes = pd.factorize(self.styles)[0]
            yield STYLE, np.equal.outer(codes, codes) & ~same, ~same

    def _ndcg(self, frame):
        predicted, truth = frame.to_numpy(float), self.truth.to_numpy(float)
        others = ~np.equal.outer(self._codes, self._codes)
        values, shares = np.empty(len(truth)), np.zeros(truth.shape)
        counts = others.sum(axis=1)
        for count in np.unique(counts):  # queries with equally many candidates at once
            rows = counts == count
            mask = others & rows[:, None]
            p, t = (ties.Sorted(side[mask].reshape(-1, count)) for side in (predicted, truth))
            values[rows] = metrics.ndcg.values(p, t, self.n, self.seed)
            shares[mask] = metrics.ndcg.shares(values[rows], p, t, self.n).ravel()
        return self._of_artists(values, self._summed(shares))

    def _concordance(self, frame):
        others = ~np.equal.outer(self._codes, self._codes)
        truth = np.where(others, self.truth.to_numpy(float), np.nan)
        popularity = np.log(self.listeners.to_numpy(float))
        values, shares = confounds.agreement(frame.to_numpy(float), truth, popularity)
        return self._of_artists(values, self._summed(shares))

    def _summed(self, shares):
        """What an artist adds to each track's value: the sum over its tracks, shape=(n_tracks, n_artists)."""
        return shares @ np.eye(len(self._artists))[self._codes]

    def _of_artists(self, values, changes):
        """A measure of tracks as one of artists: means over their tracks."""
        artists, codes, counted = self._artists, self._codes, ~np.isnan(values)
        weights = np.eye(len(artists))[codes].T * counted
        with np.errstate(invalid="ignore"):
            weights /= weights.sum(axis=1, keepdims=True)  # NaN for an artist without any value
        own, added = (weights @ np.nan_to_num(side) for side in (values, changes))
        others = ~np.eye(len(artists), dtype=bool)
        shape = pd.DataFrame(np.where(others, 0.0, np.nan), artists, artists)
        return influence.Measured.of(own, added[others].reshape(len(artists), -1), shape)


def table(scores, held_out, parts=None):
    """Every method, question and measure, against chance and against the scores of whole tracks.

    Parameters
    ----------
    scores : lib.ranking.scores.Scores
        Of tracks.
    held_out : dict of int to HeldOut
        By fold; results are over the queries of all of them together.
    parts : lib.ranking.scores.Scores, optional
        Of their excerpts, for some of the methods.

    Returns
    -------
    pd.DataFrame
        ``question, input, method, measure, n, value, ci_low, ci_high, chance, over_chance``
        (value - chance), ``over_low, over_high, p_value`` (two-sided, of no difference to chance), ``gain``
        (over the input *track*), ``gain_low, gain_high, gain_p_value, folds, n_tracks`` (queries),
        ``n_queries`` (their artists), ``n_seeds``.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> from lib.ranking.scores import Scores
    >>> place, ids = np.array([0, 0.1, 1, 1.1, 3, 3.1, 7, 7.1]), list("rstuvwxy")
    >>> near = labelled_scores(np.exp(-abs(place - place[:, None])), ids)
    >>> own = HeldOut(near, pd.Series(list("aabbccdd"), ids), pd.Series(10, ids), n=2)
    >>> results = table(Scores.of_frames({("l2", 0, 0): near}), {0: own})
    >>> shown = results[results["measure"].isin(["ndcg", "hit_at_1"])]
    >>> shown[["question", "input", "measure", "value", "chance", "n_tracks", "n_queries"]].round(2)
          question           input   measure  value  chance  n_tracks  n_queries
    0    listeners           track      ndcg   1.00    0.43         8          4
    2    listeners  artist average      ndcg   0.99    0.43         8          4
    6  same artist           track  hit_at_1   1.00    0.14         8          4
    """
    results, constants, folds = {}, {}, list(held_out)
    spreads = [own.spread() for own in held_out.values()]
    for fold, own in held_out.items():
        constants[fold] = own.chance()
        for method in scores.only(fold=fold).methods:
            whole = scores.trainings(method, own.ids, fold=fold)
            inputs = {
                WHOLE: [[frame] for frame in whole],
                AVERAGE: [[tracks.averaged(frame, own.made_by)] for frame in whole],
            }
            if parts is not None and method in parts.methods:
                trained = parts.trainings(method, fold=fold)
                inputs |= {
                    INPUTS[k]: [tracks.of_excerpts(frame, own.ids, k) for frame in trained]
                    for k in range(1, tracks.N_EXCERPTS + 1)
                }
            for made_of, trainings in inputs.items():
                for frames in trainings:
                    several = [own.measure(frame, WANTED[made_of]) for frame in frames]
                    for key in several[0]:
                        one = influence.mean([each[key] for each in several])
                        results.setdefault((*key, made_of, method), {}).setdefault(fold, []).append(one)
    rows = []
    for (question, measure, made_of, method), by_fold in results.items():
        if list(by_fold) == folds:
            chance = _together({fold: [each[question, measure]] for fold, each in constants.items()})[0]
            whole = _together(results[question, measure, WHOLE, method])
            row = {"question": question, "input": made_of, "method": method, "measure": measure}
            row["n"] = min(own.n for own in held_out.values()) if measure == "ndcg" else pd.NA
            luck = pd.concat([each.get((question, measure), NO_LUCK) for each in spreads])
            least = float(np.sqrt((luck**2).sum()) / max(luck.count(), 1))
            row |= _row(_together(by_fold), chance, None if made_of == WHOLE else whole, least)
            counted = chance.values.dropna().index
            n_tracks = sum(int(own.made_by.isin(counted).sum()) for own in held_out.values())
            row |= {"folds": len(folds), "n_tracks": n_tracks}
            rows.append(row)
    order = [(question, made_of) for question in (LISTENERS, ARTIST, STYLE) for made_of in INPUTS]
    results = pd.DataFrame(rows, columns=COLUMNS).astype({"n": "Int64"})
    places = [order.index(each) for each in zip(results["question"], results["input"], strict=True)]
    return results.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)


def _row(runs, chance, whole, least):
    """Value, difference to chance and, if wanted, to the scores of whole tracks, as columns of the table.

    The error of the first two is at least `least`.
    """
    result, over = (
        replace(each, error=max(each.error, least))
        for each in (significance.estimate(runs), significance.estimate([run - chance for run in runs]))
    )
    row = result.table_row(chance=chance.values.mean()) | dict(zip(OVER, over.row().values(), strict=True))
    if whole is not None:
        gain = significance.estimate([run - one for run, one in zip(runs, whole, strict=True)])
        row |= dict(zip(GAIN, gain.row().values(), strict=True))
    return row


def _together(by_fold):
    """Trainings whose queries are those of all folds."""
    return [influence.stacked(list(of_folds)) for of_folds in zip(*by_fold.values(), strict=True)]
