"""Opening what a person has: a plain file, a packed one, an archive, or the folder of a data set.

Conventions
-----------
- Packing is recognised by the first bytes; only the names ``.tar.gz`` and ``.tgz`` are believed.
- Archives and folders are searched for the plays of the data sets below, by name; a zip may instead hold one
  table of any name. What is packed is unpacked on the way, never on disk; names and links in an archive lead
  nowhere. Two files of one name in an archive are refused: which one is meant, nobody knows.
- What unpacks to more than `FREE_BYTES` and `MOST_TIMES` its size is no table.
"""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import tarfile
import zipfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import pyarrow as pa

from lib.listening import characters, history, zips
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
DAMAGED = (
    EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
)  # fmt: skip
FREE_BYTES, MOST_TIMES = 256 << 20, 100  # tables of plays are packed to a fifth, seldom to a twentieth


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
                with zips.opened(path, raw) as archive:
                    yield _of_zip(path, archive, member)
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
                with zips.opened(path, raw) as archive:
                    return _beside_in_zip(path, archive, names)
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


def _beside_in_zip(path, archive, names):
    """The content of the first of some names that a zip holds, or None."""
    for name in names:
        entries = [entry for entry in zips.entries(archive) if PurePosixPath(entry.filename).name == name]
        if len(entries) > 1:
            raise ValueError(f"{path} holds {len(entries)} files {name}, expected one: remove the others")
        if entries:
            return zips.content(path, archive, entries[0])
    return None


def unpacked(path, packing):
    """A packed file as a stream of what is in it."""
    if packing == "zst":
        stream = pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd")
    else:
        stream = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}[packing](path, "rb")
    return _bounded(path, stream, Path(path).stat().st_size)


def _bounded(path, stream, n_packed):
    """A stream that ends in an error where far more comes out than went in."""
    most = max(FREE_BYTES, MOST_TIMES * n_packed)
    return io.BufferedReader(_Bounded(path, stream, most), 1 << 20)


class _Bounded(io.RawIOBase):
    def __init__(self, path, stream, most):
        self._path, self._stream, self._left, self._most = path, stream, most, most

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self._stream.read(len(buffer))
        self._left -= len(part)
        if self._left < 0:
            raise ValueError(
                f"{self._path} unpacks to more than {self._most:,} bytes, far more than a table of its size"
                " does: unpack it first, if it is one"
            )
        buffer[: len(part)] = part
        return len(part)

    def close(self):
        self._stream.close()
        super().close()


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
    wanted = (entry for entry in archive if _is_wanted(entry.name, member) and not entry.isdir())
    first = next(wanted, None)
    if first is None or not first.isfile():
        others = f", {', '.join(MEMBERS[1:])} or *{LISTENS}" if member == PLAYS_MEMBER else ""
        what = "one of these data sets" if others else "Last.fm-360K"
        raise ValueError(f"{path} holds no file {member}{others}: expected the archive of {what}")
    if first.name.endswith(LISTENS):
        every = _each_once(path, itertools.chain([first], wanted))
        yield chained(map(archive.extractfile, every)), None, path.name
        return
    name = PurePosixPath(first.name).name
    yield archive.extractfile(first), first.size, name
    if to_the_end and (again := next(wanted, None)) is not None:
        other = PurePosixPath(again.name).name
        twice = f"{name} twice" if other == name else f"{name} and {other}"
        raise ValueError(f"{path} holds {twice}: expected the archive of Last.fm-360K")


def _each_once(path, members):
    """The files of listens in a tar."""
    met = set()
    for entry in members:
        name = characters.printable(entry.name)
        if not entry.isfile():
            raise ValueError(f"{name} in {path} is a link or a device: expected files of listens alone")
        if name in met:
            raise ValueError(f"{path} holds {name} twice: expected each file of listens once")
        met.add(name)
        yield entry


def _of_zip(path, archive, member):
    """Stream, size and name of the plays."""
    entries = zips.entries(archive)
    names = [entry.filename for entry in entries]
    wanted = [entry for entry in entries if _is_wanted(entry.filename, member)]
    listens = [entry for entry in wanted if entry.filename.endswith(LISTENS)]
    if wanted and len(wanted) == len(listens) == len(set(names) & {entry.filename for entry in listens}):
        parts = (_plain(path, archive, entry) for entry in listens)
        return chained(parts), sum(entry.file_size for entry in listens), path.name
    if len(wanted) == 1:
        entries = wanted
    elif not wanted and member == PLAYS_MEMBER and (kind := history.kind_of_names(names)):
        raise ValueError(history.refusal(path, kind))
    elif "[Content_Types].xml" in names:
        raise ValueError(f"{path} is a workbook: expected a text; save its sheet as CSV (UTF-8)")
    if len(entries) != 1:
        shown = ", ".join(characters.printable(entry.filename) for entry in (wanted or entries)[:3])
        raise ValueError(
            f"{path} holds {len(wanted or entries)} files ({shown}): expected the plays of a data set"
            f" ({', '.join(MEMBERS)}), or one table; given as {common.as_typed(path)}"
        )
    return (
        _plain(path, archive, entries[0]),
        entries[0].file_size,
        characters.printable(PurePosixPath(entries[0].filename).name),
    )


def _plain(path, archive, entry):
    """An entry of a zip as a stream within bounds."""
    n_packed = min(entry.compress_size, path.stat().st_size)  # as it says, at most
    return _bounded(path, zips.stream(path, archive, entry), n_packed)


def _damaged(path, error):
    return (
        f"{path} cannot be unpacked ({error}): it was cut short or damaged on the way. Remove it and"
        " fetch it again"
    )
