"""Scores of all methods: one array a training, with the ids of its artists (paper, section 4).

Conventions
-----------
- A *run* is a (method, fold, seed); fold 0 is the paper's single split.
- Scores are labelled frames where they are used: rows are queries, columns candidates, higher is closer, the
  diagonal blank. In memory and on disk they are float64: in float32, scores that differ by a hundred
  millionth tie, and ranks with them. A file is read array by array, when one is used, and checked against
  its checksum; one row is read alone, from the file mapped into memory, and not checked.
"""

from __future__ import annotations

import io
import json
import mmap
import struct
import zipfile
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from lib.methods import labelled_scores
from lib.workflow import artifacts
from lib.workflow.stored import UNREADABLE

ABOUT = "about"  # runs and ids among the arrays of a file


class Scores:
    """Scores of some runs, in the order in which they were added.

    Parameters
    ----------
    arrays : dict of (str, int, int) to np.ndarray, shape=(n_artists, n_artists)
        By run.
    ids : dict of (str, int, int) to sequence of str
        Artists of each run: its rows and columns.

    Examples
    --------
    >>> from lib.methods import labelled_scores
    >>> frame = labelled_scores([[0, 1], [1, 0]], ["a", "b"])
    >>> scores = Scores.of_frames({("l2", 0, 0): frame})
    >>> scores.frame(("l2", 0, 0), ["b", "a"]).loc["a", "b"]
    np.float64(1.0)
    """

    def __init__(self, arrays=(), ids=()):
        self._arrays, self._ids = dict(arrays), dict(ids)

    @classmethod
    def of_frames(cls, frames):
        """From labelled frames, by run."""
        return cls(
            {run: frame.to_numpy(dtype=float, copy=True) for run, frame in frames.items()},
            {run: list(frame.index) for run, frame in frames.items()},
        )

    def __or__(self, other):
        """The runs of both; of a run that both have, the first one's scores."""
        return Scores({**other._arrays, **self._arrays}, {**other._ids, **self._ids})._in_order(
            [*self.runs, *(run for run in other.runs if run not in self._ids)]
        )

    def _in_order(self, runs):
        return Scores({run: self._arrays[run] for run in runs}, {run: self._ids[run] for run in runs})

    @property
    def runs(self):
        """All runs, as (method, fold, seed)."""
        return list(self._ids)

    @property
    def methods(self):
        """Names of the methods."""
        return list(dict.fromkeys(method for method, _, _ in self.runs))

    def only(self, methods=None, *, fold=None):
        """The runs of some methods, or of one fold."""
        kept = [run for run in self.runs if (methods is None or run[0] in methods) and fold in (None, run[1])]
        return self._in_order(kept)

    def without(self, *methods):
        """All runs but those of some methods."""
        return self.only([name for name in self.methods if name not in methods])

    def ids(self, run):
        """Artists of a run."""
        return list(self._ids[run])

    def frame(self, run, artists=None):
        """Scores of one run.

        Parameters
        ----------
        run : (str, int, int)
        artists : sequence of str, optional
            Queries and candidates; all of the run.

        Returns
        -------
        pd.DataFrame, shape=(n_artists, n_artists), dtype=float64

        Raises
        ------
        ValueError
            If an artist has no scores.
        """
        values = np.array(self._array(run), dtype=float, order="C")
        np.fill_diagonal(values, 0.0)
        frame = labelled_scores(values, self._ids[run])
        # Row by row in memory: sums over candidates are then rounded in one order, whatever was stored.
        frame = pd.DataFrame(np.ascontiguousarray(frame), frame.index, frame.columns, copy=False)
        if artists is None:
            return frame
        _refuse_strange(run, artists, frame.index)
        return frame.reindex(index=artists, columns=artists)

    def trainings(self, method, artists=None, *, fold=0):
        """Scores of each training of a method, by seed: a list of frames."""
        runs = sorted(run for run in self.runs if run[:2] == (method, fold))
        return [self.frame(run, artists) for run in runs]

    def mean(self, method, artists=None, *, fold=0):
        """Scores of a method, averaged over its trainings."""
        frames = [self.frame(run, artists) for run in self._runs_of(method, fold)]
        return sum(frames) / len(frames)

    def row(self, method, query, *, fold=0):
        """Scores of all candidates for one query, averaged over a method's trainings: a Series by artist."""
        runs = self._runs_of(method, fold)
        ids, rows = self._ids[runs[0]], []
        for run in runs:
            if query not in self._ids[run]:
                _refuse_strange(run, [query], self._ids[run])
            row = self._row(run, self._ids[run].index(query))
            rows.append(row if self._ids[run] == ids else pd.Series(row, self._ids[run]).reindex(ids))
        return pd.Series(sum(rows) / len(rows), pd.Index(ids, dtype=object))

    def _runs_of(self, method, fold):
        """The trainings of a method, by seed; an error where there are none."""
        runs = sorted(run for run in self.runs if run[:2] == (method, fold))
        if not runs:
            there = ", ".join(self.only(fold=fold).methods) or "no method"
            raise ValueError(f"there are no scores of {method} in fold {fold}, but those of {there}")
        return runs

    def _array(self, run):
        array = self._arrays[run]
        return array.whole() if isinstance(array, _Stored) else array

    def _row(self, run, place):
        array = self._arrays[run]
        row = array.mapped[place] if isinstance(array, _Stored) else array[place]
        return np.array(row, dtype=float)

    def table(self):
        """What there is: ``method, fold, seed, artists`` (how many), one row a run."""
        rows = [(*run, len(self._ids[run])) for run in self.runs]
        return pd.DataFrame(rows, columns=["method", "fold", "seed", "artists"])

    def inputs(self):
        """All there is, by name, for `lib.workflow.kept`."""
        return {"runs": [list(run) for run in self.runs], "ids": list(self._ids.values())} | {
            str(run): self._array(run) for run in self.runs
        }

    def save(self, path):
        """Write all runs as one file (``.npz``, nothing pickled)."""
        lists = list(dict.fromkeys(tuple(ids) for ids in self._ids.values()))
        about = {
            "runs": [[*run, lists.index(tuple(self._ids[run]))] for run in self.runs],
            "ids": [list(ids) for ids in lists],
        }
        arrays = {
            str(place): np.asarray(self._array(run), dtype=float) for place, run in enumerate(self.runs)
        }
        text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        with artifacts.replacing(Path(path)) as partial, open(partial, "wb") as file:
            np.savez(file, **arrays, **{ABOUT: text})


def load(path):
    """Scores from a file; arrays are read when they are used, and `Scores.row` reads single rows.

    Parameters
    ----------
    path : path

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        If the file is missing, damaged or holds no scores; of an array that is damaged, when it is used.

    Examples
    --------
    >>> import tempfile
    >>> frame = labelled_scores([[0, 1], [1, 0]], ["a", "b"])
    >>> path = Path(tempfile.mkdtemp()) / "scores.npz"
    >>> Scores.of_frames({("l2", 0, 0): frame, ("siamese", 0, 1): frame}).save(path)
    >>> load(path).runs
    [('l2', 0, 0), ('siamese', 0, 1)]
    """
    try:
        stored = np.load(path, allow_pickle=False)
        about = json.loads(stored[ABOUT].tobytes())
        bytes_of = mmap.mmap(stored.zip.fp.fileno(), 0, access=mmap.ACCESS_READ)
        arrays, ids = {}, {}
        for place, (*run, which) in enumerate(about["runs"]):
            ids[tuple(run)] = about["ids"][which]
            arrays[tuple(run)] = _Stored(stored, str(place), bytes_of, path, len(about["ids"][which]))
    except UNREADABLE:
        raise _unreadable(path) from None
    return Scores(arrays, ids)


def score_all(scorers, study, *, fold=0, artists=None):
    """Scores of several fitted methods.

    Parameters
    ----------
    scorers : sequence of (lib.methods.Method, int)
        Fitted methods and their seeds.
    study : lib.study.Study
    fold : int
    artists : sequence of str, optional
        Queries and candidates; all artists of the study.

    Returns
    -------
    Scores

    Examples
    --------
    >>> from lib import registry
    >>> from lib import study as studies
    >>> target, listeners = pd.DataFrame(0.0, list("ab"), list("ab")), pd.Series([9, 5], list("ab"))
    >>> study = studies.of_arrays(np.zeros((2, 256, 64)), ["a", "b"], target, listeners)
    >>> score_all([(registry.method(name)(), 0) for name in ("l2", "popularity")], study).table()
           method  fold  seed  artists
    0          l2     0     0        2
    1  popularity     0     0        2
    """
    artists = study.ids if artists is None else list(artists)
    scores = Scores()
    for method, seed in scorers:
        scores |= Scores.of_frames({(method.name, fold, seed): method.score(study, artists)})
    return scores


def predictions(scores, truth, *, fold=0):
    """Every method's trainings as frames over the queries and candidates of a truth.

    Parameters
    ----------
    scores : Scores
    truth : pd.DataFrame, shape=(n_queries, n_candidates)
    fold : int

    Returns
    -------
    dict of str to list of pd.DataFrame, shape=(n_queries, n_candidates)
        Methods in the order of `scores`, one frame a training.

    Raises
    ------
    ValueError
        If an artist has no score.

    Examples
    --------
    >>> frame = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], ["a", "b", "c"])
    >>> scores = Scores.of_frames({("siamese", 0, seed): frame for seed in (0, 1)})
    >>> results = predictions(scores, frame.loc[["a"], ["b", "c"]])
    >>> {method: [run.to_numpy().tolist() for run in runs] for method, runs in results.items()}
    {'siamese': [[[3.0, 2.0]], [[3.0, 2.0]]]}
    """
    artists = truth.columns.union(truth.index, sort=False)
    return {
        method: [frame.reindex_like(truth) for frame in scores.trainings(method, artists, fold=fold)]
        for method in scores.only(fold=fold).methods
    }


def _refuse_strange(run, artists, scored):
    strange = pd.Index(artists).difference(scored)
    if len(strange):
        raise ValueError(
            f"{len(strange)} of {len(artists)} artists have no scores of {run[0]}, the first is"
            f" {strange[0]!r}: run the notebook again that scored them"
        )


def _unreadable(path):
    there = "holds no scores, or is damaged" if Path(path).exists() else "is not there"
    return ValueError(
        f"{path} {there}: notebooks 05 and 07 write scores; run_all.py --list says which to run again"
    )


class _Stored:
    """One array of an open ``.npz``: whole, or mapped into memory so that a row is read alone."""

    def __init__(self, stored, name, bytes_of, path, n):
        self._stored, self._name, self._bytes = stored, name, bytes_of
        self._path, self._n = path, n

    def whole(self):
        return self._checked(lambda: self._stored[self._name])

    @cached_property
    def mapped(self):
        member = self._stored.zip.NameToInfo.get(f"{self._name}.npy")
        if member is None or member.compress_type != zipfile.ZIP_STORED:
            return self.whole()
        return self._checked(lambda: self._viewed(member))

    def _checked(self, read):
        try:
            values = read()
        except UNREADABLE:
            raise _unreadable(self._path) from None
        if values.shape != (self._n, self._n) or values.dtype.kind != "f":
            raise _unreadable(self._path)
        return values

    def _viewed(self, member):
        # A local header: 26 bytes, the lengths of its name and of its extra field, then these two.
        lengths = struct.unpack_from("<HH", self._bytes, member.header_offset + 26)
        start = member.header_offset + 30 + sum(lengths)
        head = io.BytesIO(self._bytes[start : start + 1024])
        version = np.lib.format.read_magic(head)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, kind = read[version](head)
        flat = np.frombuffer(self._bytes, kind, int(np.prod(shape)), start + head.tell())
        return flat.reshape(shape, order="F" if fortran else "C")
