"""How large the parts of a study are: dev and test artists, folds and lists, from the number of artists.

**Conventions.** The number of artists is that of artists with both plays and music. What a profile leaves at
0, or a list that it leaves empty, is computed here; what it gives is taken as it is. The paper holds out 49
dev and 49 test artists of 975, and its longest list takes 25 of 48 candidates: no computed list takes a
larger share. A fold's candidates are its dev and test artists, on which its networks were not trained.

============= ======================================================================================
artists       what can be done
============= ======================================================================================
below 8       similarity, clips and spectrograms; too few artists to train on
8 to 23       training, filters and explorer; two dev and two test artists or a fifth each, no ranking is
              evaluated: lists of three would be most of the candidates
24 to 489     a third is tested (at most 49), a fifth is dev; 5 folds beside, which test every artist once
from 490 on   the paper's 49 dev and 49 test artists are at most a tenth each: no folds
============= ======================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

TRAINED_FROM = 8  # artists
EVALUATED_FROM = 24
FOLDS_BELOW = 490
FOLDS = 5
HELD_OUT = 49  # dev artists, and test artists, of the paper
MINIMUM_TRAIN = 4  # artists: fewer leave almost no pairs to learn from
LIST_LENGTHS = (3, 5, 10, 25)  # of the paper
SEARCH_LIST_LENGTH = 10
EVALUATING = (
    "05_ranking_evaluation",
    "05b_other_explanations",
    "07_beyond_the_paper",
    "07b_hubs_and_ablation",
)
TRAINING = (
    "04_siamese_training",
    "04b_tiles",
    "05_ranking_evaluation",
    "05b_other_explanations",
    "06_first_layer_filters",
    "06b_more_on_filters",
    "07_beyond_the_paper",
    "07b_hubs_and_ablation",
    "08_artist_explorer",
)
RANKING = "ranking"  # tag of the cells of other notebooks that evaluate rankings
WITH_RANKINGS = {
    "04_siamese_training": "the grid search",
    "06_first_layer_filters": "reordering frames, and the claims",
    "06b_more_on_filters": "silencing filters",
}


@dataclass(frozen=True)
class Sizes:
    """What is done with a number of artists.

    Attributes
    ----------
    n_artists, n_dev, n_test, n_folds : int
        1 fold: the single split alone.
    list_lengths : tuple of int
        n of "top n"; empty where no ranking is evaluated.
    search_list_length : int
        n by which settings are compared on the dev artists.
    """

    n_artists: int
    n_dev: int
    n_test: int
    n_folds: int
    list_lengths: tuple
    search_list_length: int

    @property
    def trained(self):
        """Whether there are enough artists for a training."""
        return self.n_artists >= TRAINED_FROM

    @property
    def evaluated(self):
        """Whether rankings are evaluated."""
        return self.trained and bool(self.list_lengths)

    def misfit(self):
        """Why the sizes that were given cannot be, in words; empty if they can."""
        needed = self.n_dev + self.n_test + MINIMUM_TRAIN
        if self.trained and self.n_artists < needed:
            return (
                f"{self.n_dev} dev + {self.n_test} test + at least {MINIMUM_TRAIN} training artists are"
                f" {needed}, here are {self.n_artists}: lower -p {TRAINING[0]}.n_dev={self.n_dev} or"
                f" -p {TRAINING[0]}.n_test={self.n_test}, or give 0, which computes them"
            )
        if self.trained and self.n_folds > self.n_artists:
            return (
                f"{self.n_folds} folds need as many artists, here are {self.n_artists}: lower"
                f" -p {TRAINING[0]}.n_folds={self.n_folds}, or give 0, which computes it"
            )
        if self.evaluated and min(self.list_lengths) >= self.n_test:
            return (
                f"no list of {list(self.list_lengths)} is shorter than {self.n_test}, the number of test"
                f" artists: give -p {EVALUATING[0]}.list_lengths=[], which computes"
                f" them, or raise -p {TRAINING[0]}.n_test={self.n_test}"
            )
        return ""

    def left_out(self):
        """The notebooks that cannot run, and why not.

        Returns
        -------
        dict of str to str
            By stage, in the order in which they run.

        Examples
        --------
        >>> of(8).left_out().keys() == set(EVALUATING), of(31).left_out()
        (True, {})
        >>> of(8).left_out()["05_ranking_evaluation"]
        'no ranking is evaluated below 24 artists, here are 8'
        """
        if not self.trained:
            why = f"a training needs {TRAINED_FROM} artists, here are {self.n_artists}"
            return dict.fromkeys(TRAINING, f"it needs {TRAINING[0]}") | {TRAINING[0]: why}
        return {} if self.evaluated else dict.fromkeys(EVALUATING, self.not_evaluated())

    def shortened(self):
        """The notebooks that run without their cells on rankings, and what these hold; by stage."""
        return dict(WITH_RANKINGS) if self.trained and not self.evaluated else {}

    def not_evaluated(self):
        """Why no ranking is evaluated, in words."""
        if self.n_artists < EVALUATED_FROM:
            return f"no ranking is evaluated below {EVALUATED_FROM} artists, here are {self.n_artists}"
        return (
            f"no list of {LIST_LENGTHS[0]} or more artists is well below the {self.n_test - 1} candidates"
            f" that {self.n_test} test artists give: raise -p 04_siamese_training.n_test="
        )

    def in_words(self):
        """Folds, lists and splits, in one sentence.

        Examples
        --------
        >>> of(31).in_words()
        '5 folds, lists of 3 and 5; the single split has 14 training, 6 dev and 11 test artists'
        >>> of(8).in_words()
        'no folds, 4 training, 2 dev and 2 test artists; no ranking is evaluated below 24 artists'
        >>> of(3).in_words()
        'similarity, clips and spectrograms; a training needs 8 artists'
        """
        if not self.trained:
            return f"similarity, clips and spectrograms; a training needs {TRAINED_FROM} artists"
        train = self.n_artists - self.n_dev - self.n_test
        split = f"{train} training, {self.n_dev} dev and {self.n_test} test artists"
        folds = f"{self.n_folds} folds" if self.n_folds > 1 else "no folds"
        if not self.evaluated:
            below = f" below {EVALUATED_FROM} artists" if self.n_artists < EVALUATED_FROM else ""
            return f"{folds}, {split}; no ranking is evaluated{below}"
        *most, last = map(str, self.list_lengths)
        lists = f"{', '.join(most)} and {last}" if most else last
        return f"{folds}, lists of {lists}; the single split has {split}"


def of(n_artists, *, n_dev=0, n_test=0, n_folds=0, list_lengths=(), search_list_length=0):
    """Sizes for a number of artists; what is given is taken, what is 0 or empty is computed.

    Parameters
    ----------
    n_artists : int
        Artists with both plays and music.
    n_dev, n_test, n_folds, search_list_length : int
        Parameters of notebook 04.
    list_lengths : sequence of int
        Of notebook 05.

    Returns
    -------
    Sizes

    Examples
    --------
    >>> of(163)
    Sizes(n_artists=163, n_dev=32, n_test=49, n_folds=5, list_lengths=(3, 5, 10, 25), search_list_length=10)
    >>> of(206, n_dev=49, n_test=49, n_folds=1).list_lengths
    (3, 5, 10, 25)
    """
    evaluated = n_artists >= EVALUATED_FROM
    n_dev = n_dev or min(HELD_OUT, max(2, n_artists // 5))
    n_test = n_test or min(HELD_OUT, -(-n_artists // 3) if evaluated else max(2, n_artists // 5))
    n_folds = n_folds or (FOLDS if EVALUATED_FROM <= n_artists < FOLDS_BELOW else 1)
    if not list_lengths and evaluated:
        fitting = longest(_candidates(n_artists, n_dev, n_test, n_folds))
        list_lengths = [n for n in LIST_LENGTHS if n <= fitting]
    search = search_list_length or min(SEARCH_LIST_LENGTH, longest(n_dev - 1))
    return Sizes(n_artists, n_dev, n_test, n_folds, tuple(list_lengths), search)


def given(n_artists, parameters):
    """Sizes for a number of artists, by the parameters of all notebooks.

    Parameters
    ----------
    n_artists : int
    parameters : dict of str to dict
        By stage (`lib.workflow.profiles.resolve`).

    Returns
    -------
    Sizes

    Examples
    --------
    >>> of_training = {"n_dev": 0, "n_test": 0, "n_folds": 1, "search_list_length": 0}
    >>> parameters = {"04_siamese_training": of_training, "05_ranking_evaluation": {"list_lengths": [2]}}
    >>> given(12, parameters).evaluated
    True
    """
    of_training = parameters["04_siamese_training"]
    names = ("n_dev", "n_test", "n_folds", "search_list_length")
    lists = parameters["05_ranking_evaluation"]["list_lengths"]
    return of(n_artists, **{name: of_training[name] for name in names}, list_lengths=lists)


def list_lengths(splits, chosen=()):
    """Lengths of neighbour lists: those chosen or, if there are none, those that fit the splits.

    Parameters
    ----------
    splits : pd.DataFrame
        ``fold, artist_id, split`` (`lib.study.Study.splits`).
    chosen : sequence of int
        Parameter of notebook 05.

    Returns
    -------
    tuple of int
        Empty where there are too few artists.

    Examples
    --------
    >>> import pandas as pd
    >>> parts = ["train"] * 20 + ["dev"] * 5 + ["test"] * 12
    >>> splits = pd.DataFrame({"fold": 0, "artist_id": range(37), "split": parts})
    >>> list_lengths(splits), list_lengths(splits, [2, 4])
    ((3, 5), (2, 4))
    """
    single = splits.loc[splits["fold"] == 0, "split"].value_counts()
    n_folds = max(1, splits["fold"].nunique() - 1)
    held_out = {"n_dev": int(single["dev"]), "n_test": int(single["test"])}
    return of(int(single.sum()), **held_out, n_folds=n_folds, list_lengths=chosen).list_lengths


def reported(lengths):
    """The length of lists at which a picture or sentence shows one value: the longest up to the paper's 10.

    Examples
    --------
    >>> reported([3, 5, 10, 25]), reported((15, 20))
    (10, 15)
    """
    return max(n for n in lengths if n <= SEARCH_LIST_LENGTH or n == min(lengths))


def longest(n_candidates):
    """The longest list that is well below a number of candidates: the paper's share, 25 of 48; at least 1.

    Examples
    --------
    >>> [longest(n) for n in (48, 10, 6, 1)]
    [25, 5, 3, 1]
    """
    return max(1, n_candidates * LIST_LENGTHS[-1] // (HELD_OUT - 1))


def _candidates(n_artists, n_dev, n_test, n_folds):
    """Of a query: the other test artists and, in a fold, the other dev and test artists."""
    of_split = n_test - 1
    return min(of_split, n_artists // n_folds + n_dev - 1) if n_folds > 1 else of_split
