"""Hearing who listens: audio features → listening factors (beyond the paper).

The paper's network learns the similarity of *pairs*. Here each clip is mapped to where its artist stands
among listeners (`lib.beyond.factors`), and two artists are as close as the directions that they are heard in.

Conventions
-----------
- Each class is a `lib.methods.Method`. Factors are those of the training artists, made without the dev and
  the test artists (any artist of the collection that is not a training artist).
- An artist is the mean over their clips; a score is the cosine of two artists, in [-1, 1], symmetric.
- The strength of a ridge is chosen among training artists only, in folds of artists (`STRENGTHS`).

References
----------
van den Oord, Dieleman & Schrauwen (2013). Deep content-based music recommendation.
Saunders, Gammerman & Vovk (1998). Ridge regression learning algorithm in dual variables.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.linalg
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import pairwise
from sklearn.model_selection import KFold

from lib import numerics
from lib.beyond import factors, tags
from lib.beyond.audio_features import AudioFeatures
from lib.beyond.segment_features import SegmentFeatures
from lib.methods import Method, labelled_scores

STRENGTHS = tuple(10.0 ** np.arange(-2, 1.6, 0.5))  # of the ridge; clips are about a distance of 1 apart
WIDTHS = (0.5, 1.0, 2.0)  # of the RBF kernel, in medians of the squared distance
INNER_FOLDS = 5


class FactorMethod(Method):
    """What the methods that predict listening factors have in common.

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
        May hold artists without clips; they are company by which the others are known.
    n_factors : int
    """

    name = "factors"

    def __init__(self, listening, *, n_factors=factors.N_FACTORS):
        self.listening, self.n_factors = listening, n_factors

    def targets(self, study, train):
        """Factors of the training artists and how much each counts.

        Parameters
        ----------
        study : lib.study.Study
        train : sequence of str

        Returns
        -------
        target : np.ndarray, shape=(n_train, n_factors)
        trust : np.ndarray, shape=(n_train,)
            In [0, 1).

        Raises
        ------
        ValueError
            If a training artist is not in the listening matrix.
        """
        held_out = set(study.ids) - set(train)
        vectors = factors.listening_factors(self.listening, leave_out=held_out, n_factors=self.n_factors)
        strange = pd.Index(train).difference(vectors.index)
        if len(strange):
            raise ValueError(
                f"{len(strange)} training artists are not in the listening matrix, the first is"
                f" {strange[0]!r}: clips and listening are not of one run of 01 to 03"
            )
        listeners = study.listeners.reindex(train)
        return vectors.loc[list(train)].to_numpy(), factors.trust(listeners)

    def vectors(self, study, artists):
        """Where each artist is heard, shape=(n_artists, n), rows of length 1."""
        raise NotImplementedError

    def hear(self, clips):
        """Where a few clips of one artist are heard, shape=(n,), of length 1."""
        raise NotImplementedError

    def arrays(self):
        """What it has learnt, by name: plain arrays that `restore` reads."""
        raise NotImplementedError

    @classmethod
    def restore(cls, arrays):
        """A method that can `hear`, from its `arrays`."""
        raise NotImplementedError

    @classmethod
    def made(cls, given):
        return cls(given.listening, n_factors=given.n_factors)

    def score(self, study, artists):
        """Cosine of the artists' predicted factors, in [-1, 1]."""
        vectors = self.vectors(study, artists)
        return labelled_scores(vectors @ vectors.T, artists)


class FactorRidge(FactorMethod):
    """Ridge regression of listening factors on audio features (`lib.beyond.audio_features`).

    Parameters
    ----------
    listening : lib.listening.matrix.ListeningMatrix
    features : lib.beyond.audio_features.AudioFeatures, optional
        Shared by methods with the same features.
    n_factors : int
    """

    name = "factor_ridge"
    describing = AudioFeatures  # what clips are described by

    @classmethod
    def made(cls, given):
        return cls(given.listening, given.features[cls.describing], n_factors=given.n_factors)

    def __init__(self, listening, features=None, *, n_factors=factors.N_FACTORS):
        super().__init__(listening, n_factors=n_factors)
        self.features = features or self.describing()
        self.strength, self.width, self.chosen = None, None, None

    def fit(self, study, train, dev=(), *, seed=0):
        """Learn from the training artists; the dev artists are not looked at.

        Parameters
        ----------
        study : lib.study.Study
        train, dev : sequence of str
        seed : int
            Of the dictionaries and the inner folds.

        Returns
        -------
        FactorRidge
            Itself; `chosen` says how each strength did on the inner folds.
        """
        train = list(train)
        taught, target, trust = self.lesson(study, train)
        self.features.fit(study, train, seed=seed)
        self.train_values, owners = self.features.of(study, taught)
        weights = (trust / np.bincount(owners))[owners]
        self.chosen = self._inner(target, owners, weights, seed)
        best = self.chosen.loc[self.chosen["cosine"].idxmax()]
        self.strength, self.width = float(best["strength"]), float(best["width"])
        self.centre = np.average(target[owners], axis=0, weights=weights)
        kernel = self.kernel(self.train_values, self.train_values)
        self.coefficients = _ridge(kernel, target[owners] - self.centre, weights, self.strength)
        return self

    def lesson(self, study, train):
        """Training artists with a target, their targets, and how much each counts."""
        return train, *self.targets(study, train)

    def kernel(self, one, other):
        """Likeness of clips by their features; linear."""
        return one @ other.T

    def widths(self):
        """Widths of the kernel to choose among."""
        return (np.nan,)

    def predict(self, values):
        """Factors of clips from the values of their features, shape=(n_clips, n_factors)."""
        return self.centre + self.kernel(values, self.train_values) @ self.coefficients

    def vectors(self, study, artists):
        values, owners = self.features.of(study, artists)
        return numerics.unit(artist_means(self.predict(values), owners, len(artists)))

    def hear(self, clips):
        return numerics.unit(self.predict(self.features.transform(clips)).mean(axis=0, keepdims=True))[0]

    def arrays(self):
        """For a linear kernel the clips it was fitted on are not needed again."""
        slopes = self.train_values.T @ self.coefficients
        return {"centre": self.centre, "slopes": slopes} | _prefixed("ear.", self.features.arrays())

    @classmethod
    def restore(cls, arrays):
        method = cls(None, cls.describing.restore(_under("ear.", arrays)))
        method.centre, method.coefficients = arrays["centre"], arrays["slopes"]
        method.train_values = np.eye(len(method.coefficients))
        return method

    def _inner(self, target, owners, weights, seed):
        """Mean cosine of predicted and true factors of artists left out, for each width and strength."""
        artists = np.arange(len(target))
        folds = KFold(min(INNER_FOLDS, len(artists)), shuffle=True, random_state=seed)
        counts = np.bincount(owners, weights=weights)
        rows = []
        for width in self.widths():
            self.width = width
            kernel = self.kernel(self.train_values, self.train_values)
            reached = {strength: np.zeros(len(artists)) for strength in STRENGTHS}
            for kept, left_out in folds.split(artists):
                inner, outer = np.isin(owners, kept), np.isin(owners, left_out)
                centre = np.average(target[owners[inner]], axis=0, weights=weights[inner])
                path = _RidgePath(
                    kernel[np.ix_(inner, inner)], target[owners[inner]] - centre, weights[inner]
                )
                path.project(kernel[np.ix_(outer, inner)])
                places = np.searchsorted(left_out, owners[outer])
                for strength in STRENGTHS:
                    predicted = numerics.unit(
                        artist_means(centre + path.predict(strength), places, len(left_out))
                    )
                    reached[strength][left_out] = (predicted * target[left_out]).sum(axis=1)
            rows += [
                (width, strength, np.average(values, weights=counts)) for strength, values in reached.items()
            ]
        return pd.DataFrame(rows, columns=["width", "strength", "cosine"])


class FactorKernel(FactorRidge):
    """The same with an RBF kernel: features need not add up."""

    name = "factor_kernel"

    def kernel(self, one, other):
        """Likeness of clips, ``exp(-squared distance / (width * median))``, in (0, 1]."""
        return np.exp(-pairwise.euclidean_distances(one, other, squared=True) / (self.width * self.median))

    def arrays(self):
        return {
            "centre": self.centre,
            "coefficients": self.coefficients,
            "heard": self.train_values.astype(np.float32),
            "width": np.array([self.width, self.median]),
        } | _prefixed("ear.", self.features.arrays())

    @classmethod
    def restore(cls, arrays):
        method = cls(None, cls.describing.restore(_under("ear.", arrays)))
        method.centre, method.coefficients = arrays["centre"], arrays["coefficients"]
        method.train_values = arrays["heard"].astype(np.float64)
        method.width, method.median = arrays["width"].tolist()
        return method

    def widths(self):
        distances = pairwise.euclidean_distances(self.train_values, squared=True)
        self.median = float(np.median(distances[np.triu_indices(len(distances), k=1)])) or 1.0
        return WIDTHS


class SegmentRidge(FactorRidge):
    """The ridge on what tells clips apart (`lib.beyond.segment_features`)."""

    name, describing = "segment_ridge", SegmentFeatures


class SegmentKernel(FactorKernel):
    """The ridge with an RBF kernel on what tells clips apart (`lib.beyond.segment_features`)."""

    name, describing = "segment_kernel", SegmentFeatures


class TagRidge(FactorRidge):
    """The same ridge with another target: what people call the training artists (`lib.beyond.tags`).

    Artists without tags take no part in the ridge; the features, which need no target, are fitted on all.

    Parameters
    ----------
    counts : pd.DataFrame
        ``artist_id, tag, count``; may hold any artists, only training artists are looked at.
    features : lib.beyond.audio_features.AudioFeatures, optional
    n_factors : int
    """

    name = "tag_ridge"

    @classmethod
    def made(cls, given):
        return cls(given.tagged.counts, given.features[cls.describing], n_factors=given.n_factors)

    def __init__(self, counts, features=None, *, n_factors=factors.N_FACTORS):
        super().__init__(None, features, n_factors=n_factors)
        self.counts = counts

    def lesson(self, study, train):
        """Tagged training artists, their tag factors, and n / (n + 5), n being the sum of their counts."""
        vectors = tags.tag_factors(self.counts, train, n_factors=self.n_factors)
        totals = self.counts.groupby("artist_id")["count"].sum()
        return vectors.index.tolist(), vectors.to_numpy(), factors.trust(totals.reindex(vectors.index))


class SegmentTags(TagRidge):
    """Tags by ridge on what tells clips apart (`lib.beyond.segment_features`)."""

    name, describing = "segment_tags", SegmentFeatures


class FactorSum(FactorMethod):
    """Several methods together: the mean of their cosines.

    Parameters
    ----------
    parts : sequence of FactorMethod
    name : str
    """

    def __init__(self, parts, name="factor_sum"):
        self.parts, self.name = list(parts), name

    def fit(self, study, train, dev=(), *, seed=0):
        """Fit every part; return self."""
        for part in self.parts:
            part.fit(study, train, dev, seed=seed)
        return self

    def vectors(self, study, artists):
        vectors = [part.vectors(study, artists) for part in self.parts]
        return np.concatenate(vectors, axis=1) / np.sqrt(len(vectors))

    def hear(self, clips):
        return np.concatenate([part.hear(clips) for part in self.parts]) / np.sqrt(len(self.parts))


def _prefixed(prefix, arrays):
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def _under(prefix, arrays):
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _ridge(kernel, target, weights, strength):
    """Dual coefficients; the strength counts in mean weights, so that it means the same for any number."""
    model = KernelRidge(alpha=strength, kernel="precomputed")
    return model.fit(kernel, target, sample_weight=weights / weights.mean()).dual_coef_


class _RidgePath:
    """Predictions of `_ridge` for every strength at the price of one decomposition."""

    def __init__(self, kernel, target, weights):
        self.roots = np.sqrt(weights / weights.mean())[:, None]
        self.eigenvalues, self.directions = scipy.linalg.eigh(kernel * self.roots * self.roots.T)
        self.projected_target = self.directions.T @ (self.roots * target)

    def project(self, kernel):
        """Take the likeness of new clips (rows) to the fitted ones (columns)."""
        self.projected_kernel = (kernel * self.roots.T) @ self.directions

    def predict(self, strength):
        """Target of the clips given to `project`."""
        return self.projected_kernel @ (self.projected_target / (self.eigenvalues + strength)[:, None])


def artist_means(clips, owners, n_artists):
    """Mean over each artist's clips, shape=(n_artists, n)."""
    sums = np.zeros((n_artists, clips.shape[1]))
    np.add.at(sums, owners, clips)
    return sums / np.bincount(owners, minlength=n_artists)[:, None]
