"""The table of a library's tracks, kept up to date: what is new or changed is decoded, nothing else.

Conventions
-----------
- A file is the same while its size and time of change are; after that, while its SHA-256 is. What describes a
  file is kept by its SHA-256, so that a renamed or copied file is not decoded again.
- Paths are relative to the music folder, as `lib.clips.music_files.written` writes them.
- Finished tracks are written in blocks; a run that was stopped goes on behind them. A file that was
  no sound is tried again when it has changed, or when the program has; one that could not be opened, always.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from lib.clips.music_files import restored, written
from lib.library import describe
from lib.workflow import artifacts, cluster, stored

BLOCK = 64  # tracks that are lost at most when a run is killed
SAMPLE = 8  # tracks that are timed before a duration is announced
TRACKS, FEATURES, FAILURES, PARTS = "tracks.parquet", "features.parquet", "failures.tsv", "features.parts"
SHOWN = ["path", "artist", "title", "album", "seconds", "n_excerpts"]
FAILED = ["path", "reason", "size", "mtime_ns", "made_by"]
KEY = ("path", "size", "mtime_ns")  # by which a file is the same
DESCRIBED = ("sha256", "seconds", "n_excerpts", "fingerprint")


class Library(NamedTuple):
    """The tracks of a music folder.

    Attributes
    ----------
    tracks : pd.DataFrame
        ``path``, ``artist`` (empty where nobody is named), ``title``, ``album``,
        ``seconds``, ``n_excerpts``, ``size`` (bytes), ``mtime_ns``, ``sha256``, ``fingerprint``; by path.
    vectors : np.ndarray, shape=(n_tracks, n)
        Rows of length 1; the product of two is the tracks' similarity.
    """

    tracks: pd.DataFrame
    vectors: np.ndarray


class Plan(NamedTuple):
    """What an update has to do.

    Attributes
    ----------
    files : pd.DataFrame
        The music, with ``size``, ``mtime_ns``, and what is there of each: ``sha256`` (or empty), ``todo``,
        ``failed`` (the reason, or empty).
    n_changed, n_again, n_gone : int
        Files of the table before: changed; the same, but to be described otherwise; no longer there.
    there : frozenset of str
        SHA-256 of what is described already.
    """

    files: pd.DataFrame
    n_changed: int
    n_again: int
    n_gone: int
    there: frozenset

    def in_words(self, seconds=None):
        """One line: how many tracks there are, what has to be done, and how long it takes.

        Parameters
        ----------
        seconds : float, optional
            That the new tracks take.
        """
        n_todo = int(self.files["todo"].sum())
        n_artists = self.files.loc[self.files["artist"] != "", "artist"].nunique()
        parts = [f"{n_todo - self.n_changed - self.n_again:,} new"]
        parts += [f"{self.n_changed:,} changed"] if self.n_changed else []
        parts += [f"{self.n_again:,} again, for other vectors"] if self.n_again else []
        parts += [f"{self.n_gone:,} gone"] if self.n_gone else []
        n_failed = int((self.files["failed"] != "").sum())
        parts += [f"{n_failed:,} unreadable as before"] if n_failed else []
        parts += [f"about {_duration(seconds)}"] if seconds is not None else []
        tracks, artists = (
            f"{number:,} {noun}{'' if number == 1 else 's'}"
            for number, noun in ((len(self.files), "track"), (n_artists, "artist"))
        )
        return f"{tracks} of {artists}: {', '.join(parts)}"


def plan(music, files, folder, description):
    """What is new, changed or gone since the last run.

    Parameters
    ----------
    music : path
        The music folder.
    files : pd.DataFrame
        ``path`` below it, ``artist``, ``title``, ``album`` (`lib.clips.music_files.scan`).
    folder : path
        Where the results are.
    description : lib.library.describe.Description

    Returns
    -------
    Plan
    """
    files = files[["path", "artist", "title", "album"]].reset_index(drop=True)
    sizes, times = _stat(Path(music), files["path"])
    files = files.assign(
        path=files["path"].map(written),
        size=sizes,
        mtime_ns=times,
    )
    there = frozenset(_Features(Path(folder), description.made_by).rows)
    before = _earlier(Path(folder))
    keys = list(zip(files["path"], files["size"], files["mtime_ns"]))
    files["sha256"] = [before.get(key, "") for key in keys]
    failures = _failures(Path(folder), description.made_by)
    files["failed"] = [failures.get(key, "") for key in keys]
    files["todo"] = ~files["sha256"].isin(there) & (files["failed"] == "")
    paths = {path for path, *_ in before}
    n_again = int((files["todo"] & (files["sha256"] != "")).sum())
    n_changed = int((files["todo"] & files["path"].isin(paths) & (files["sha256"] == "")).sum())
    return Plan(files, n_changed, n_again, len(paths - set(files["path"])), there)


def update(music, to_do, folder, description, *, n_jobs=2, dask="", say=print):
    """Describe what is new, and write the table of all tracks.

    Parameters
    ----------
    music, folder : path
    to_do : Plan
    description : lib.library.describe.Description
    n_jobs : int
        Child processes on this machine.
    dask : str
        Address of a Dask scheduler whose workers, which see the same files, do it instead.
    say : function
        Called once with the plan in words.

    Returns
    -------
    Library
    failures : pd.DataFrame
        ``path``, ``reason``.

    Raises
    ------
    ValueError
        If no track can be described.
    """
    folder, files = Path(folder), to_do.files.copy()
    kept = _Features(folder, description.made_by)
    places = np.flatnonzero(files["todo"])
    sources = (os.path.join(os.path.abspath(music), restored(files["path"][place])) for place in places)
    outcomes = cluster.in_turn(describe.track, sources, description, to_do.there, n_threads=n_jobs, dask=dask)
    if len(places) <= SAMPLE:
        say(to_do.in_words())
    started, done = time.monotonic(), 0
    try:
        with tqdm(total=len(places), desc="tracks", unit="track", disable=not len(places)) as bar:
            for place, outcome in zip(places, outcomes, strict=True):
                if isinstance(outcome, str):
                    files.loc[place, "failed"] = outcome
                else:
                    files.loc[place, "sha256"] = outcome.sha256
                    kept.add(outcome, tuple(files.loc[place, list(KEY)]))
                done += 1
                bar.update()
                if done == 1:
                    started = time.monotonic()  # children have started by now
                elif done == SAMPLE and len(places) > SAMPLE:
                    each = (time.monotonic() - started) / (SAMPLE - 1)
                    with bar.external_write_mode():
                        say(to_do.in_words((len(places) - done) * each))
    finally:
        kept.flush()
    return _assemble(files, kept, folder, description)


def load(folder):
    """The library as it was last written.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Library

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged.
    """
    with stored.reading(Path(folder) / TRACKS, "holds no tracks, or is damaged: index the folder again"):
        table = pq.read_table(Path(folder) / TRACKS)
        return Library(table.drop_columns(["vector"]).to_pandas(), _matrix(table["vector"]))


def _duration(seconds):
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute" if seconds > 30 else f"{max(1, round(seconds))} s"
    return f"{minutes} minutes" if minutes < 120 else f"{round(seconds / 3600)} hours"


def _stat(music, names):
    sizes, times = [], []
    for name in names:
        try:
            status = os.stat(music / name)
            sizes.append(status.st_size)
            times.append(status.st_mtime_ns)
        except OSError:
            sizes.append(-1)
            times.append(-1)
    return np.array(sizes, dtype=np.int64), np.array(times, dtype=np.int64)


def _earlier(folder):
    """(path, size, time) -> SHA-256 of the files that earlier runs, finished or not, have read."""
    tables = [_read(file, [*KEY, "sha256"]) for file in _stored(folder, TRACKS)]
    return {
        tuple(key): sha256
        for table in tables
        if table is not None
        for *key, sha256 in zip(*(column.to_pylist() for column in table.columns))
    }


def _stored(folder, whole):
    """A table, and the blocks of a run that was stopped."""
    return [folder / whole, *sorted((folder / PARTS).glob("*.parquet"))]


def _failures(folder, made_by):
    """(path, size, time) -> reason of files that could not be described."""
    try:
        table = pd.read_csv(folder / FAILURES, sep="\t", keep_default_na=False, dtype={"path": str})
        own = table[(table["made_by"] == made_by) & ~table["reason"].str.startswith(describe.UNREADABLE)]
        return dict(zip(zip(own["path"], own["size"], own["mtime_ns"]), own["reason"]))
    except (OSError, ValueError, KeyError):
        return {}


def _assemble(files, kept, folder, description):
    failed = (
        files[files["failed"] != ""].assign(made_by=description.made_by).rename(columns={"failed": "reason"})
    )
    whole = files[files["failed"] == ""].drop(columns=["todo", "failed"]).reset_index(drop=True)
    artifacts.write_csv(failed[FAILED], folder / FAILURES)
    if whole.empty:
        reason = f"; the first: {failed['path'].iloc[0]}: {failed['reason'].iloc[0]}" if len(failed) else ""
        raise ValueError(f"none of {len(files):,} files can be described{reason}")
    described, values = kept.write(list(dict.fromkeys(whole["sha256"])))
    rows = pd.Series(range(len(described)), index=described["sha256"]).loc[whole["sha256"]].to_numpy()
    for column in ("seconds", "n_excerpts", "fingerprint"):
        whole[column] = described[column].to_numpy()[rows]
    vectors = description.vectors(values[rows])
    order = [*SHOWN, "size", "mtime_ns", "sha256", "fingerprint"]
    table = pa.Table.from_pandas(whole[order], preserve_index=False)
    _write(table.append_column("vector", _column(vectors)), folder / TRACKS)
    return Library(whole[order], vectors), failed[["path", "reason"]].reset_index(drop=True)


class _Features:
    """What describes the files that were decoded so far, by SHA-256: a table, and blocks of a run at work."""

    def __init__(self, folder, made_by):
        self.folder, self.made_by, self.waiting = folder, made_by, []
        tables = [_read(file, [*DESCRIBED, "made_by", "values"]) for file in _stored(folder, FEATURES)]
        own = [each.filter(pc.equal(each["made_by"], made_by)) for each in tables if each is not None]
        self.tables = [
            each.set_column(each.num_columns - 1, "values", _column(_matrix(each["values"])))
            for each in own
            if len(each)
        ]
        self.rows = {sha for table in self.tables for sha in table["sha256"].to_pylist()}

    def add(self, track, key):
        """Take what describes a file; `key` tells the file at the next run."""
        if track.values is not None and track.sha256 not in self.rows:
            self.waiting.append((key, track))
            self.rows.add(track.sha256)
            if len(self.waiting) == BLOCK:
                self.flush()

    def flush(self):
        """Write what waits as a block."""
        if not self.waiting:
            return
        keys, described = zip(*self.waiting)
        columns = {name: [getattr(each, name) for each in described] for name in DESCRIBED}
        columns |= {"made_by": [self.made_by] * len(keys)} | dict(zip(KEY, zip(*keys)))
        table = pa.table({**columns, "values": _column(np.stack([each.values for each in described]))})
        name = hashlib.sha256("".join(columns["sha256"]).encode()).hexdigest()[:16]
        _write(table, self.folder / PARTS / f"{name}.parquet")
        self.tables.append(table.select([*DESCRIBED, "made_by", "values"]))
        self.waiting = []

    def write(self, wanted):
        """Keep what describes some files, in their order; return it as a table and an array."""
        table = pa.concat_tables(self.tables)
        places = dict(zip(table["sha256"].to_pylist(), range(len(table))))
        table = table.take([places[sha256] for sha256 in wanted]).combine_chunks()
        _write(table, self.folder / FEATURES)
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)
        return table.drop_columns(["values"]).to_pandas(), _matrix(table["values"])


def _column(matrix):
    """An array as a column of lists of one length."""
    flat = pa.array(np.ascontiguousarray(matrix, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def _matrix(column):
    """The array of such a column."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.flatten().to_numpy().reshape(len(whole), -1)


def _read(file, columns):
    """Some columns of a table; None where it is not there, or damaged: then it is made again."""
    try:
        return pq.read_table(file, columns=columns)
    except (OSError, pa.ArrowInvalid):
        return None


def _write(table, file):
    with artifacts.replacing(file) as partial:
        pq.write_table(table, partial)
