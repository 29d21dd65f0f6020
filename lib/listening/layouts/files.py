"""Opening what a person has: a plain file, a packed one, an archive, or the folder of a data set.

Conventions
-----------
- Packing is recognised by the first bytes; only the names ``.tar.gz`` and ``.tgz`` are believed.
- Archives and folders are searched for the plays of the data sets below, by name; a zip may instead hold one
  table of any name. What is packed is unpacked on the way, never on disk.
"""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import re
import tarfile
import zipfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import pyarrow as pa

from lib.listening import history
from lib.listening.layouts import common

ARCHIVES = (".tar.gz", ".tgz")
PLAYS_MEMBER, PROFILE_MEMBER = "usersha1-artmbid-artname-plays.tsv", "usersha1-profile.tsv"
MEMBERS = (
    PLAYS_MEMBER,
    "userid-timestamp-artid-artname-traid-traname.tsv",  # Last.fm-1K
    "user_artists.dat",  # Last.fm-2K
    "userid_trackid_count.tsv",  # Music4All-Onion
    "listening-counts.tsv",  # LFM-2b
)
LISTENS = ".listens"  # ListenBrainz: several files, read one after the other
MARKS = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst", b"PK": "zip"}
DAMAGED = (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def is_archive(path):
    """Whether a file is named as the archive of Last.fm-360K is, which holds its profile, too."""
    return Path(path).name.endswith(ARCHIVES)


def is_there(path):
    """Whether there is such a file, or such a folder with the plays of a data set in it."""
    return path.is_file() or (path.is_dir() and bool(_plays_in(path)))


@contextmanager
def opened(path, member, *, to_the_end=True):
    """Stream, size and name of the plays, or of the profile, that a file, archive or folder holds.

    Parameters
    ----------
    path : path
    member : str
        `PLAYS_MEMBER`, for which the plays of any data set will do, or `PROFILE_MEMBER`.
    to_the_end : bool
        Read a packed file to its end, where its checksum stands.

    Yields
    ------
    stream : binary file
    n_bytes : int or None
        None where it is not known before.
    name : str

    Raises
    ------
    ValueError
        If a packed file is damaged, holds nothing of the kind, or one person's history.
    """
    path = Path(path)
    if path.is_dir():
        inside = _plays_in(path)
        if len(inside) == 1:
            with opened(inside[0], member, to_the_end=to_the_end) as plays:
                yield plays
        else:
            yield (
                chained(map(Path.open, inside, itertools.repeat("rb"))),
                sum(file.stat().st_size for file in inside),
                path.name,
            )
        return
    try:
        with open(path, "rb") as raw:
            packing = "gz" if is_archive(path) else packing_of(raw)
            if packing is None:
                yield raw, path.stat().st_size, path.name
            elif packing == "zip":
                with zipfile.ZipFile(raw) as archive:
                    entry = _of_zip(path, archive, member)
                    yield archive.open(entry), entry.file_size, PurePosixPath(entry.filename).name
            else:
                is_tar = is_archive(path) or _is_tar(path, packing)
                with unpacked(path, packing) as stream:
                    if is_tar:
                        with tarfile.open(fileobj=stream, mode="r|") as archive:
                            yield from _of_tar(path, archive, member, to_the_end)
                    else:
                        yield stream, None, path.name
                    while to_the_end and stream.read(1 << 20):
                        pass
    except DAMAGED as error:
        raise ValueError(_damaged(path, error)) from error
    except OSError as error:
        if type(error) is OSError:  # of bzip2 and Zstandard; what the system says is of another type
            raise ValueError(_damaged(path, error)) from error
        raise


def beside(path, names):
    """The first table with one of some names that lies with the plays: beside them, or in their archive.

    Parameters
    ----------
    path : path
        Of the plays.
    names : sequence of str
        Without the ending of a packed file.

    Returns
    -------
    bytes, or None
    """
    path = Path(path)
    if path.is_file():
        with open(path, "rb") as raw:
            if packing_of(raw) == "zip":
                with zipfile.ZipFile(raw) as archive:
                    inside = {PurePosixPath(name).name: name for name in archive.namelist()}
                    return next((archive.read(inside[name]) for name in names if name in inside), None)
    folder = path if path.is_dir() else path.parent
    for name, ending in itertools.product(names, ("", ".bz2", ".gz", ".xz", ".zst")):
        if (folder / f"{name}{ending}").is_file():
            with opened(folder / f"{name}{ending}", name) as (stream, _, _):
                return stream.read()
    return None


def packing_of(raw):
    """How a file is packed, by its first bytes, or None."""
    head = raw.peek(8)
    return next((packing for mark, packing in MARKS.items() if head.startswith(mark)), None)


def unpacked(path, packing):
    """A packed file as a stream of what is in it."""
    if packing == "zst":
        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd"), 1 << 20)
    return {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}[packing](path, "rb")


def chained(streams):
    """Streams of lines as one, each opened when it is needed."""
    return io.BufferedReader(_Chained(streams), 1 << 20)


class _Chained(io.RawIOBase):
    def __init__(self, streams):
        self._streams, self._stream, self._ended = iter(streams), None, True

    def readable(self):
        return True

    def readinto(self, buffer):
        while True:
            if self._stream is None:
                self._stream = next(self._streams, None)
                if self._stream is None:
                    return 0
            part = self._stream.read(len(buffer))
            if part:
                self._ended = part.endswith(b"\n")
            else:
                self._stream.close()
                self._stream = None
                part, self._ended = b"" if self._ended else b"\n", True
            if part:
                buffer[: len(part)] = part
                return len(part)


def _plays_in(folder):
    """The file with the plays of a data set in its folder, or all files of listens."""
    for name, ending in itertools.product(MEMBERS, ("", ".bz2", ".gz", ".xz", ".zst")):
        if (folder / f"{name}{ending}").is_file():
            return [folder / f"{name}{ending}"]
    return sorted(folder.rglob(f"*{LISTENS}"))


def _is_tar(path, packing):
    with suppress(*DAMAGED, OSError), unpacked(path, packing) as stream:  # what is wrong will be met again
        return stream.read(512)[257:262] == b"ustar"
    return False


def _is_wanted(name, member):
    name = PurePosixPath(name).name
    return name == member or (member == PLAYS_MEMBER and (name in MEMBERS or name.endswith(LISTENS)))


def _of_tar(path, archive, member, to_the_end):
    wanted = (entry for entry in archive if _is_wanted(entry.name, member))
    first = next(wanted, None)
    if first is None or not first.isfile():
        others = f", {', '.join(MEMBERS[1:])} or *{LISTENS}" if member == PLAYS_MEMBER else ""
        what = "one of these data sets" if others else "Last.fm-360K"
        raise ValueError(f"{path} holds no file {member}{others}: expected the archive of {what}")
    if first.name.endswith(LISTENS):
        every = itertools.chain([first], wanted)
        yield chained(map(archive.extractfile, every)), None, path.name
        return
    name = PurePosixPath(first.name).name
    yield archive.extractfile(first), first.size, name
    if to_the_end and next(wanted, None) is not None:
        raise ValueError(f"{path} holds {name} twice: expected the archive of Last.fm-360K")


def _of_zip(path, archive, member):
    """The entry with the plays."""
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not re.search(r"(^|/)(\.|__MACOSX)", entry.filename)
    ]
    names = [entry.filename for entry in entries]
    wanted = [entry for entry in entries if _is_wanted(entry.filename, member)]
    if wanted:
        return wanted[0]
    if member == PLAYS_MEMBER and (kind := history.kind_of_names(names)):
        raise ValueError(history.refusal(path, kind))
    if "[Content_Types].xml" in names:
        raise ValueError(f"{path} is a workbook: expected a text; save its sheet as CSV (UTF-8)")
    if len(entries) != 1:
        raise ValueError(
            f"{path} holds {len(entries)} files ({', '.join(names[:3])}): expected the plays of a data set"
            f" ({', '.join(MEMBERS)}), or one table; given as {common.as_typed(path)}"
        )
    return entries[0]


def _damaged(path, error):
    return (
        f"{path} cannot be unpacked ({error}): it was cut short or damaged on the way. Remove it and"
        " fetch it again"
    )
