"""All clips of a profile as one array on disk (paper, section 3).

The store is one float16 array, in the order of clip ids, with an index that holds a checksum for each row;
float16 rounds a value in [0, 1] by at most 0.00025, 0.02 dB. Its bytes do not depend on the number of
workers, on where they run, or on interruptions. What an earlier run left is read whole and held against its
checksums before any of it is kept; what is damaged is named, and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from lib.audio import sandbox
from lib.spectrograms import picture, reserved
from lib.workflow import artifacts, cluster, kept, paths, stored

BLOCK = 64  # clips that are lost at most when a run is killed
PARTS = "spectrograms.parts"  # finished blocks of a run that is not finished


def as_stored(path, settings):
    """What a worker answers: `from_file` as float16, the settings as a dict."""
    return picture.from_file(path, picture.Settings(**settings)).astype(np.float16)


def compute(
    clips, folder, *, store, settings=picture.DEFAULT, n_jobs=2, dask="", seconds=60.0, gigabytes=2.0
):
    """Spectrograms of all clips into one memory-mapped array with its index.

    Rows that an earlier run left, of the same sound and settings, are kept: a run that was killed goes on,
    and new clips are added without computing the old ones again. Each clip is decoded in a child process
    (`lib.audio.sandbox`), so that a file which crashes or hangs the decoder is one failure among the others.

    Parameters
    ----------
    clips : pd.DataFrame
        Columns ``clip_id``, ``artist_id``, ``file``, ``sha256`` (of the file).
    folder : path
        What relative files are relative to.
    store : path
        Folder for ``spectrograms.npy`` and ``spectrograms.parquet``.
    settings : Settings
    n_jobs : int
        Child processes on this machine.
    dask : str
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers do it instead; they need this
        project, its environment, and the audio under the same names. ``n_jobs`` does not count then.
    seconds, gigabytes : float
        What one clip may take.

    Returns
    -------
    index : pd.DataFrame
        ``row``, ``clip_id``, ``artist_id``, ``sha256``, ``crc32`` (of the row), ``made_by``.
    failures : pd.DataFrame
        ``clip_id``, ``artist_id``, ``reason`` of clips that gave no spectrogram.

    Raises
    ------
    ValueError
        If no clip gave a spectrogram, or two have one id.
    lib.audio.sandbox.Stopped
        If something outside ended a decoder twice: that is no verdict on a clip. Finished clips are kept.
    OSError
        If there is no room for the array.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> import pandas as pd
    >>> folder = tempfile.mkdtemp()
    >>> soundfile.write(f"{folder}/a.wav", np.random.default_rng(0).uniform(-1, 1, 22050), 22050)
    >>> clips = pd.DataFrame({"clip_id": ["x", "y"], "artist_id": "abba", "file": ["a.wav", "b.wav"]})
    >>> index, failures = compute(clips.assign(sha256=["1", "2"]), folder, store=folder, n_jobs=1)
    >>> index["clip_id"].tolist(), failures["clip_id"].tolist()  # there is no b.wav
    (['x'], ['y'])
    >>> load(folder)[0].shape
    (1, 256, 64)
    """
    clips, store = clips.sort_values("clip_id", ignore_index=True), Path(store)
    if not clips["clip_id"].is_unique:
        twice = clips["clip_id"][clips["clip_id"].duplicated()].iloc[0]
        raise ValueError(f"two clips have the id {twice!r}: ids must differ")
    made_by = _made_by(settings)
    parts = _Parts(store, made_by)
    earlier = _earlier(store, made_by)
    keys = zip(clips["clip_id"], clips["sha256"])
    todo = clips[[key not in parts.rows and key not in earlier for key in keys]]
    limits = {"seconds": seconds, "gigabytes": gigabytes}
    failed = {}
    with _workers(n_jobs, dask) as parallel, tqdm(total=len(todo), desc="spectrograms", unit="clip") as bar:
        for start in range(0, len(todo), BLOCK):
            block = todo.iloc[start : start + BLOCK]
            files = [str((Path(folder) / file).absolute()) for file in block["file"]]  # a link stays one
            jobs = [joblib.delayed(_attempt)(file, asdict(settings), limits) for file in files]
            outcomes = {}
            try:
                for clip_id, outcome in zip(block["clip_id"], parallel(jobs), strict=True):
                    outcomes[clip_id] = outcome
                    bar.update()
            finally:  # also of a block that was interrupted
                failed |= {clip_id: reason for clip_id, reason in outcomes.items() if isinstance(reason, str)}
                parts.add(block[block["clip_id"].isin(outcomes.keys() - failed.keys())], outcomes)
    failures = clips.loc[clips["clip_id"].isin(failed), ["clip_id", "artist_id"]].assign(
        reason=lambda frame: frame["clip_id"].map(failed)
    )
    if len(failures) == len(clips):
        raise ValueError(
            f"none of {len(clips)} clips gave a spectrogram; the first: {failures['reason'].iloc[0]}"
        )
    index = _assemble(clips[~clips["clip_id"].isin(failed)], store, parts, earlier)
    return index, failures


def load(store):
    """The array, memory-mapped, and its index.

    Returns
    -------
    array : np.memmap, shape=(n_clips, N_FRAMES, N_MELS), dtype=float16
    index : pd.DataFrame
        As from `compute`.

    Raises
    ------
    ValueError
        If the two do not fit, or one of them is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> store = Path(tempfile.mkdtemp())
    >>> np.save(store / "spectrograms.npy", np.zeros((2, 256, 64), dtype=np.float16))
    >>> pd.DataFrame({"row": [0, 1], "clip_id": ["x", "y"]}).to_parquet(store / "spectrograms.parquet")
    >>> array, index = load(store)
    >>> array.shape, index["clip_id"].tolist()
    ((2, 256, 64), ['x', 'y'])
    """
    refusal = "holds no spectrograms, or is damaged: run 03 again"
    with stored.reading(Path(store) / "spectrograms.npy", refusal):
        array = np.load(Path(store) / "spectrograms.npy", mmap_mode="r", allow_pickle=False)
    index = stored.table(Path(store) / "spectrograms.parquet", refusal, ["row", "clip_id"])
    if (
        array.shape != (len(index), picture.N_FRAMES, picture.N_MELS)
        or not (index["row"] == np.arange(len(index))).all()
    ):
        raise ValueError(
            f"spectrograms of shape {array.shape} do not fit an index of {len(index)} clips: run 03 again"
        )
    return array, index


def verify(store):
    """Read every row and hold it against its checksum.

    Returns
    -------
    list of str
        Ids of clips whose row is not what was written; `compute` makes them anew.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> store, array = Path(tempfile.mkdtemp()), np.zeros((2, 256, 64), dtype=np.float16)
    >>> np.save(store / "spectrograms.npy", array)
    >>> index = pd.DataFrame({"row": [0, 1], "clip_id": ["x", "y"], "crc32": [zlib.crc32(array[0]), 12345]})
    >>> index.to_parquet(store / "spectrograms.parquet")
    >>> verify(store)  # the second row has another checksum
    ['y']
    """
    array, index = load(store)
    return [
        clip_id
        for clip_id, row, crc in zip(index["clip_id"], array, index["crc32"])
        if zlib.crc32(row) != crc
    ]


def batches(array, size=64):
    """The clips of a store one batch after the other, so that memory does not grow with their number.

    Parameters
    ----------
    array : np.ndarray, shape=(n_clips, N_FRAMES, N_MELS)
        May be memory-mapped.
    size : int
        Clips.

    Yields
    ------
    np.ndarray, shape=(at most size, N_FRAMES, N_MELS), dtype=float32
    """
    for start in range(0, len(array), size):
        yield np.asarray(array[start : start + size], dtype=np.float32)


def contrasting(array):
    """Four clips that differ, by rule: bright, dark, restless and steady.

    Parameters
    ----------
    array : np.ndarray, shape=(n_clips, N_FRAMES, N_MELS)

    Returns
    -------
    dict of str to int
        Label to row; rows may repeat in a tiny collection.

    Examples
    --------
    >>> array = np.zeros((2, 256, 64), dtype=np.float16)
    >>> array[1, ::2, 40:] = 1  # high, and on and off
    >>> contrasting(array)
    {'brightest': 1, 'darkest': 0, 'most restless': 1, 'steadiest': 0}
    """
    upper = np.concatenate([part[:, :, picture.N_MELS // 2 :].mean(axis=(1, 2)) for part in batches(array)])
    change = np.concatenate([np.abs(np.diff(part, axis=1)).mean(axis=(1, 2)) for part in batches(array)])
    picks = {
        "brightest": upper.argmax(),
        "darkest": upper.argmin(),
        "most restless": change.argmax(),
        "steadiest": change.argmin(),
    }
    return {label: int(row) for label, row in picks.items()}


@contextlib.contextmanager
def _workers(n_jobs, dask):
    """Something that maps: threads with a child process each, or the workers of a Dask cluster."""
    with contextlib.ExitStack() as stack:
        if dask:
            yield stack.enter_context(cluster.workers(dask))
        else:
            yield stack.enter_context(
                joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator", batch_size=1)
            )


def _attempt(path, settings, limits):
    """The spectrogram as stored, or why there is none."""
    try:
        return sandbox.of_file("lib.spectrograms.store:as_stored", path, settings, **limits)
    except sandbox.Refused as error:
        return str(error)


def _made_by(settings):
    """Digest of all that decides the bytes of a row but the sound: settings, code, packages."""
    code, lock = kept.code_of("lib.spectrograms.picture"), artifacts.sha256(paths.lock())
    everything = json.dumps([asdict(settings), code, lock])
    return hashlib.sha256(everything.encode()).hexdigest()


class _Parts:
    """Blocks of finished rows, a file each, until all are there."""

    def __init__(self, store, made_by):
        self.folder, self.made_by = store / PARTS, made_by
        self.rows = {}  # (clip id, sha256) -> (file, place in it)
        for file in sorted(self.folder.glob("*.npz")):
            try:
                part = _whole_part(file)
            except PermissionError:
                raise
            except Exception as error:  # reading a damaged file fails in any way
                print(f"{paths.place(file)} is damaged ({type(error).__name__}); its clips are made again.")
                file.unlink()
                continue
            if str(part["made_by"]) != made_by:
                continue
            for place, key in enumerate(zip(part["clip_id"].tolist(), part["sha256"].tolist())):
                self.rows[key] = (file, place)

    def add(self, block, outcomes):
        if block.empty:
            return
        name = hashlib.sha256("\n".join(block["clip_id"]).encode()).hexdigest()[:16]
        file = self.folder / f"{self.made_by[:16]}-{name}.npz"
        values = np.stack([outcomes[clip_id] for clip_id in block["clip_id"]])
        with artifacts.replacing(file) as partial, open(partial, "wb") as opened:
            ids, sums = (block[column].to_numpy(dtype=str) for column in ("clip_id", "sha256"))
            np.savez(opened, values=values, clip_id=ids, sha256=sums, made_by=np.array(self.made_by))
        for place, key in enumerate(zip(block["clip_id"], block["sha256"])):
            self.rows[key] = (file, place)

    def values(self, keys):
        """The rows of some clips, one file read at a time: yields positions in `keys` and their values."""
        wanted = {}
        for position, key in enumerate(keys):
            if key in self.rows:
                file, place = self.rows[key]
                wanted.setdefault(file, []).append((position, place))
        for file, both in wanted.items():
            positions, places = zip(*both)
            yield list(positions), _whole_part(file)["values"][list(places)]

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def _whole_part(file):
    """The arrays of a block, all read and held against the checksums of the archive.

    Raises
    ------
    Exception
        Of any kind, if the file is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        if bad := archive.testzip():
            raise zipfile.BadZipFile(f"{bad} has another checksum")
    with np.load(file, allow_pickle=False) as part:
        arrays = {name: part[name] for name in ("values", "clip_id", "sha256", "made_by")}
    n_rows = len(arrays["clip_id"])
    fits = arrays["values"].shape == (n_rows, picture.N_FRAMES, picture.N_MELS)
    if not (fits and arrays["sha256"].shape == (n_rows,) and arrays["values"].dtype == np.float16):
        raise ValueError("its arrays do not fit each other")
    return arrays


def _earlier(store, made_by):
    """Rows of an earlier run that can be kept: (clip id, sha256) -> values, memory-mapped."""
    try:
        array, index = load(store)
        kept = index[index["made_by"] == made_by]
        whole = [zlib.crc32(array[row]) == crc for row, crc in zip(kept["row"], kept["crc32"])]
    except (FileNotFoundError, PermissionError):
        return {}
    except Exception as error:  # reading a damaged file fails in any way
        place = paths.place(store / "spectrograms.npy")
        print(f"{place} or its index is damaged ({type(error).__name__}); all of it is made again.")
        return {}
    if n_damaged := len(whole) - sum(whole):
        place = paths.place(store / "spectrograms.npy")
        print(f"{n_damaged} of {len(whole)} rows of {place} are damaged; they are made again.")
    kept = kept[np.array(whole, dtype=bool)]
    return {
        (clip_id, sha256): array[row] for clip_id, sha256, row in kept[["clip_id", "sha256", "row"]].values
    }


def _assemble(clips, store, parts, earlier):
    """Write the array and its index in the order of clip ids, from earlier rows and new blocks."""
    keys = list(zip(clips["clip_id"], clips["sha256"]))
    index = clips[["clip_id", "artist_id", "sha256"]].reset_index(drop=True).rename_axis("row").reset_index()
    checksums = np.zeros(len(keys), dtype=np.int64)
    with artifacts.replacing(store / "spectrograms.npy") as partial:
        shape = (len(keys), picture.N_FRAMES, picture.N_MELS)
        array = reserved.array(partial, shape, np.float16, name=store / "spectrograms.npy")
        for position, key in enumerate(keys):
            if key in earlier:
                array[position] = earlier[key]
        for positions, values in parts.values(keys):
            array[positions] = values
        for row, values in enumerate(array):
            checksums[row] = zlib.crc32(values)
        array.flush()
    index = index.assign(crc32=checksums, made_by=parts.made_by)
    artifacts.write_parquet(index, store / "spectrograms.parquet")
    parts.remove()
    return index
