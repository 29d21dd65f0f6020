"""What every method is given: artists that have listeners and clips, aligned once; and how they are split.

    study = studies.load("demo")
    method.fit(study, study.train, study.dev)

Conventions
-----------
- Row k of `Study.clips` describes spectrogram k; rows and columns of the target are the artists, most
  listeners first.
- Splits are over artists: a test artist is never trained on. The paper's are 49 dev and 49 test artists
  (section 3).
"""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, train_test_split

from lib.listening import matrix, names, targets
from lib.spectrograms import store
from lib.workflow import artifacts, paths, sizes, stages, stored

NAMES, REFUSAL = ("train", "dev", "test"), "is not what its notebook wrote, or is damaged: run"


@dataclass(frozen=True)
class Study:
    """Everything that a method may use, aligned.

    Attributes
    ----------
    spectrograms : np.ndarray, shape=(n_clips, 256, 64)
        In [0, 1]; may be memory-mapped.
    clips : pd.DataFrame
        ``artist_id`` and more (``clip_id, title, album, file``) of each spectrogram.
    target : pd.DataFrame, shape=(n_artists, n_artists)
        Similarity from listening, in [0, 1], diagonal blank.
    artists : pd.DataFrame
        Index: artist id, most listeners first; ``listeners``, mostly ``name``.
    splits : pd.DataFrame, optional
        ``fold, artist_id, split``; fold 0 is the paper's single split.
    simulated : bool
        Whether artists, listeners and music are the demo's.
    folder : Path, optional
        Of the profile's data; names of files count from it.
    """

    spectrograms: np.ndarray
    clips: pd.DataFrame
    target: pd.DataFrame
    artists: pd.DataFrame
    splits: pd.DataFrame | None = None
    simulated: bool = False
    folder: Path | None = None

    @property
    def ids(self):
        """Artist ids, most listeners first."""
        return list(self.target.index)

    @property
    def listeners(self):
        """Number of listeners of each artist."""
        return self.artists["listeners"]

    @cached_property
    def clip_artists(self):
        """Artist id of each clip, shape=(n_clips,)."""
        return self.clips["artist_id"].to_numpy(dtype=object)

    @cached_property
    def listening(self):
        """The matrix of all listeners and all artists, of whom most may have no music."""
        return matrix.load_all(self.folder)

    @cached_property
    def chosen_listening(self):
        """The matrix that the target was made of: the chosen artists, and who listens to any of them."""
        return matrix.load(self.folder)

    @property
    def train(self):
        """Training artists of the paper's single split."""
        return self.part("train")

    @property
    def dev(self):
        """Dev artists of the paper's single split."""
        return self.part("dev")

    @property
    def test(self):
        """Test artists of the paper's single split, in the order drawn."""
        return self.part("test")

    def part(self, name, fold=0):
        """Artist ids of one part of a split, see `artists_of`."""
        return artists_of(self.splits, name, fold=fold)

    @cached_property
    def traits(self):
        """What a simulated world gave its artists (index: artist id): perfect hearing would know it."""
        return pd.read_parquet(self.folder / "raw" / "traits.parquet").set_index("artist_id")

    def find(self, names_or_ids):
        """Ids of artists given by name or id.

        Parameters
        ----------
        names_or_ids : sequence of str
            Where none of them is in the study, the three artists with the most listeners are taken.

        Returns
        -------
        list of str
            Each once, in the order given.
        """
        ids = self.ids
        by_name = dict(zip(self.artists["name"].map(names.normalise)[::-1], ids[::-1], strict=True))
        by_name |= {artist: artist for artist in ids}
        matches = [by_name.get(name, by_name.get(names.normalise(name))) for name in names_or_ids]
        return list(dict.fromkeys(artist for artist in matches if artist)) or ids[:3]

    def inputs(self):
        """All that a method may look at, by name, for `lib.workflow.kept`."""
        return {
            "spectrograms": self.spectrograms,
            "clips": self.clips,
            "target": self.target,
            "listeners": self.listeners,
            "clips_of": stages.digest(textwrap.dedent(inspect.getsource(Study.clips_of))),
        }

    def with_clips(self, rows):
        """The same study with some of the clips only; `rows` are their numbers."""
        clips = self.clips.iloc[rows].reset_index(drop=True)
        return replace(self, spectrograms=self.spectrograms[rows], clips=clips)

    def clips_of(self, artists):
        """Clips of some artists, in the artists' order.

        Parameters
        ----------
        artists : sequence of str

        Returns
        -------
        spectrograms : np.ndarray, shape=(n, 256, 64), dtype=float32
        owners : np.ndarray of int, shape=(n,)
            Position in `artists` of each clip's artist; ascending.

        Raises
        ------
        ValueError
            If an artist has no clip.
        """
        place = pd.Index(artists).get_indexer(self.clip_artists)
        rows = np.flatnonzero(place >= 0)
        rows = rows[np.argsort(place[rows], kind="stable")]
        silent = sorted(set(range(len(artists))) - set(place[rows]))
        if silent:
            raise ValueError(f"{len(silent)} artists have no clip, the first is {artists[silent[0]]}")
        return np.asarray(self.spectrograms[rows], dtype=np.float32), place[rows]


def load(profile, *, metric=None):
    """The study of a profile, from what notebooks 01 to 04 wrote.

    Parameters
    ----------
    profile : str
    metric : str, optional
        Of `lib.listening.metrics`; by default the one that notebook 04 was given.

    Returns
    -------
    Study
        Without ``splits`` where a metric is given, for notebook 04 draws them.

    Raises
    ------
    MissingArtifact
        If notebooks 01 to 03 have not been run, or 04 and no metric is given; the message names the command.
    ValueError
        If the metric is unknown, or what the notebooks wrote does not fit together.

    Examples
    --------
    >>> study = load("demo")  # doctest: +SKIP
    >>> method.fit(study, study.train, study.dev).score(study, study.test)  # doctest: +SKIP
    """
    folder, splits = paths.data(profile), None
    simulated = artifacts.manifest(profile, "01_listening_data").parameters["simulate"]
    for stage in ("02_preview_clips", "03_spectrograms"):
        artifacts.manifest(profile, stage)
    if metric is None:
        metric = artifacts.manifest(profile, "04_siamese_training").parameters["metric"]
        splits = stored.table(folder / "splits.parquet", f"{REFUSAL} 04 again", ("artist_id",))
    listening = matrix.load(folder)
    spectrograms, index = store.load(folder)
    clips = stored.table(folder / "clips.parquet", f"{REFUSAL} 02 again", ("clip_id", "artist_id"))
    if (clips := clips.set_index("clip_id")).index.is_unique:
        clips = clips.reindex(index["clip_id"])
    if not np.array_equal(
        clips["artist_id"].to_numpy(dtype=object), index["artist_id"].to_numpy(dtype=object)
    ):
        raise ValueError("clips.parquet and spectrograms.parquet are not of one run: run 03 again")
    study = aligned(targets.of(listening, metric), listening.artists, spectrograms, clips.reset_index())
    if splits is not None and set(splits["artist_id"]) != set(study.ids):
        raise ValueError("splits.parquet and spectrograms.parquet name other artists: run 04 again")
    return replace(study, splits=splits, simulated=simulated, folder=folder)


def of_arrays(spectrograms, clip_artists, target, listeners):
    """A study of plain arrays, such as features in the place of spectrograms.

    Parameters
    ----------
    spectrograms : np.ndarray, shape=(n_clips, ...)
    clip_artists : np.ndarray of str, shape=(n_clips,)
        Artist id of each clip.
    target : pd.DataFrame, shape=(n_artists, n_artists)
    listeners : pd.Series
        On the index of `target`.

    Returns
    -------
    Study
    """
    clips = pd.DataFrame({"artist_id": np.asarray(clip_artists, dtype=object)})
    return Study(spectrograms, clips, target, pd.DataFrame({"listeners": listeners}, index=target.index))


def aligned(target, artists, spectrograms, clips):
    """Bring target, artists and clips together: artists with at least one clip, most listeners first.

    Parameters
    ----------
    target : pd.DataFrame, shape=(n_all, n_all)
    artists : pd.DataFrame
        ``artist_id``, ``listeners``; most listeners first.
    spectrograms : np.ndarray, shape=(n_clips, 256, 64)
    clips : pd.DataFrame
        ``artist_id`` of each spectrogram.

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If fewer than two artists have both listeners and clips, or the tables do not fit each other.
    """
    audible = artists[artists["artist_id"].isin(clips["artist_id"])]
    ids = pd.Index(audible["artist_id"], name="artist_id", dtype=object)
    if len(ids) < 2:
        raise ValueError(f"{len(ids)} artists have both listeners and clips, at least 2 are needed")
    if not ids.isin(target.index).all():
        raise ValueError(
            f"{(~ids.isin(target.index)).sum()} artists with clips are not in the target: run 01 to 03 again"
        )
    if len(clips) != len(spectrograms):
        raise ValueError(f"{len(spectrograms)} spectrograms have an index of {len(clips)} rows: run 03 again")
    return Study(
        spectrograms,
        clips.reset_index(drop=True),
        target.reindex(index=ids, columns=ids),
        audible.drop(columns="artist_id").set_index(ids),
    )


def paper_split(artists, *, n_dev=49, n_test=49, seeds=(1, 2)):
    """Hold out artists as the author did: first dev and test together, then dev from test.

    Parameters
    ----------
    artists : sequence of str
        Ids, in a fixed order (most listeners first).
    n_dev, n_test : int
        The paper holds out 49 and 49 of 975.
    seeds : pair of int
        Random states of the two draws; the author used 1 and 2.

    Returns
    -------
    pd.DataFrame
        ``fold`` (0), ``artist_id``, ``split``; train, dev, test, each in the order drawn: the author's
        mislabelled truth depends on it (`lib.listening.published.as_published`).

    Raises
    ------
    ValueError
        If too few artists are left for training.

    Examples
    --------
    >>> splits = paper_split([f"artist {k}" for k in range(10)], n_dev=2, n_test=3)
    >>> splits.groupby("split", sort=False).size().to_dict()
    {'train': 5, 'dev': 2, 'test': 3}
    """
    artists = list(artists)
    needed = n_dev + n_test + sizes.MINIMUM_TRAIN
    if len(artists) < needed:
        raise ValueError(
            f"{len(artists)} artists have listeners and clips, {n_dev} dev + {n_test} test + at least"
            f" {sizes.MINIMUM_TRAIN} training artists need {needed}: add artists, or lower"
            f" -p 04_siamese_training.n_dev={n_dev} and -p 04_siamese_training.n_test={n_test}, or give 0,"
            " which computes them"
        )
    train, held_out = train_test_split(artists, test_size=n_dev + n_test, random_state=seeds[0])
    dev, test = train_test_split(held_out, test_size=n_test, random_state=seeds[1])
    parts = [name for name, part in zip(NAMES, (train, dev, test), strict=True) for _ in part]
    return pd.DataFrame({"fold": 0, "artist_id": [*train, *dev, *test], "split": parts})


def k_fold(artists, *, n_folds, n_dev=49, seed=1):
    """Splits that test every artist once: for collections whose single test set would say too little.

    Parameters
    ----------
    artists : sequence of str
        Ids, in a fixed order.
    n_folds : int
        1 means the paper's single split alone, and gives an empty frame.
    n_dev : int
        Dev artists of each fold, drawn from those that it does not test.
    seed : int

    Returns
    -------
    pd.DataFrame
        ``fold`` (1 to `n_folds`), ``artist_id``, ``split``; to be put below that of `paper_split`.

    Raises
    ------
    ValueError
        If there are no folds, or too few artists are left for training.

    Examples
    --------
    >>> splits = k_fold(["a", "b", "c", "d", "e", "f", "g", "h", "i"], n_folds=3, n_dev=2)
    >>> splits.groupby(["fold", "split"]).size().loc[1].to_dict()
    {'dev': 2, 'test': 3, 'train': 4}
    >>> sorted(splits.loc[splits["split"] == "test", "artist_id"])
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
    """
    artists = list(artists)
    if n_folds == 1:
        return pd.DataFrame({"fold": [0], "artist_id": [""], "split": [""]}).iloc[:0]
    if not 2 <= n_folds <= len(artists):
        raise ValueError(
            f"-p 04_siamese_training.n_folds={n_folds}: n_folds must be 1, or 2 to {len(artists)} artists"
        )
    parts = []
    folds = KFold(n_folds, shuffle=True, random_state=seed).split(artists)
    for fold, (others, test) in enumerate(folds, start=1):
        if len(others) < n_dev + sizes.MINIMUM_TRAIN:
            raise ValueError(
                f"fold {fold} tests {len(test)} of {len(artists)} artists and leaves {len(others)}, {n_dev}"
                f" dev + at least {sizes.MINIMUM_TRAIN} training artists are needed: lower"
                f" -p 04_siamese_training.n_dev={n_dev}, or raise -p 04_siamese_training.n_folds={n_folds}"
            )
        train, dev = train_test_split(others, test_size=n_dev, random_state=seed + fold)
        places = [*train, *dev, *test]
        names = [name for name, part in zip(NAMES, (train, dev, test), strict=True) for _ in part]
        ids = [artists[place] for place in places]
        parts.append(pd.DataFrame({"fold": fold, "artist_id": ids, "split": names}))
    return pd.concat(parts, ignore_index=True)


def artists_of(splits, split, *, fold=0):
    """Artist ids of one part, in the frame's order.

    Raises
    ------
    ValueError
        If there is no such part.

    Examples
    --------
    >>> splits = pd.DataFrame({"fold": 0, "artist_id": ["a", "b", "c"], "split": ["train", "test", "train"]})
    >>> artists_of(splits, "train")
    ['a', 'c']
    """
    if split not in NAMES:
        raise ValueError(f"there is no split {split!r}, only {', '.join(NAMES)}")
    chosen = splits[(splits["fold"] == fold) & (splits["split"] == split)]
    if chosen.empty:
        raise ValueError(
            f"fold {fold} has no {split} artists; folds: {sorted(splits['fold'].unique().tolist())}"
        )
    return chosen["artist_id"].tolist()
