"""MERGE: 3,554 excerpts of half a minute with the names of their artists, open to whoever wants them.

Conventions
-----------
The archive is read where it is, one member at a time; nothing is unpacked to disk but the clips that are
taken, and no name in it ever becomes a path. Its table ``merge_audio_complete_metadata.csv`` has the columns
``Song``, ``Quadrant``, ``Artist`` and ``Title``; the sound is at ``<Quadrant>/<Song>.mp3`` below the table's
folder. That is how public loaders read it; nobody has compared it with the archive itself here.

An artist is known by name only, and spellings that are the same name (`lib.listening.names`) are one artist.
The order of an artist's excerpts is drawn by a hash of their ids and is the same on every machine.
"""

import collections
import csv
import datetime
import io
import itertools
import threading
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from lib.clips.sources import source
from lib.clips.sources.faults import Unavailable
from lib.clips.sources.http import CLIP_BYTES
from lib.clips.sources.source import Fetched, Track
from lib.workflow import datasets, downloads

ADDRESSES = {}  # it is no catalogue that one asks; where the archive is fetched from is a setting
NEEDS_STATEMENT = False
LICENCE = datasets.MERGE_AUDIO.licence
CITATION = f"{datasets.MERGE_AUDIO.citation} https://doi.org/{datasets.MERGE_AUDIO.doi}"
TERMS = (
    "Non-commercial use, and name its authors. The recordings belong to their owners: think before you share"
    " notebooks that play excerpts."
)
TABLE = "merge_audio_complete_metadata.csv"
COLUMNS = ("Song", "Quadrant", "Artist", "Title")
TABLE_BYTES = 50_000_000  # cap
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile unpacks the others without bound
FILE = "02_preview_clips.merge_file"  # the parameter that a person sets, as messages name it


class Source(source.Named):
    """The MERGE archive as a source of clips.

    Parameters
    ----------
    settings : lib.clips.sources.source.Settings
        ``merge_file``: path of ``MERGE_Audio_Complete.zip``, which is then taken as it is; where it is empty,
        the archive is fetched into the downloads and verified. ``zenodo``: the host to fetch it from.

    Raises
    ------
    ValueError
        If the archive is missing, or is not built as expected.
    lib.workflow.downloads.DatasetError
        If it cannot be fetched.
    """

    name = "merge"

    def __init__(self, settings):
        super().__init__()
        self.path, self._threads = _archive(settings), threading.local()
        try:
            with _opened(self.path) as archive:
                self._count = collections.Counter(member.filename for member in archive.infolist())
                self._root, rows = _table(archive, self.path, self._count)
        except OSError as error:
            raise ValueError(f"MERGE archive {self.path} cannot be read ({error})") from error
        for song, quadrant, artist, title in rows:
            track_id = f"{quadrant}/{song}"
            self._add(artist.strip(), Track(track_id, title.strip() or track_id))
        wanted = [self._member(track) for tracks in self._tracks.values() for track in tracks.values()]
        if not any(member in self._count for member in wanted):
            raise ValueError(
                f"none of the {len(wanted)} excerpts that the table of {self.path} lists is in it; the first"
                f" would be {wanted[0]!r}"
            )

    def tracks(self, candidate):
        return sorted(self._tracks[candidate.id].values(), key=source.drawn)

    def fetch(self, track):
        """The excerpt; ValueError where it is damaged, missing, or not to be trusted."""
        member, parts = self._member(track), track.id.split("/")
        if len(parts) != 2 or {"", ".", ".."} & set(parts) or "\\" in track.id:
            raise ValueError(f"{track.id!r} is no <Quadrant>/<Song> of the archive")
        if member not in self._count:
            raise ValueError(f"{member!r} is not in the archive")
        if self._count[member] > 1:
            raise ValueError(f"{member!r} is in the archive {self._count[member]} times")
        try:
            content = _read(self._archive_of_this_thread(), member, CLIP_BYTES)
        except (OSError, KeyError) as error:  # it was taken away meanwhile, or replaced
            raise Unavailable(f"{self.path.name} cannot be read ({type(error).__name__})") from error
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Fetched(content, self.path.name, now)

    def _member(self, track):
        return f"{self._root}{track.id}.mp3"

    def _archive_of_this_thread(self):
        """An open archive; each thread has its own, since they share no place to read at."""
        if not hasattr(self._threads, "archive"):
            self._threads.archive = _opened(self.path)
        return self._threads.archive


def _archive(settings):
    """Where the archive is, once it is there."""
    if not settings.merge_file:
        try:
            return downloads.fetch(datasets.MERGE_AUDIO.at(settings.zenodo))
        except downloads.DatasetError as error:
            raise downloads.DatasetError(
                f"{error}\nOr set `-p {FILE}=...` to a copy that you trust: it is taken as it is."
            ) from error
    path = Path(settings.merge_file).expanduser().absolute()
    if not path.is_file():
        raise ValueError(
            f"MERGE archive {path} is missing: set `-p {FILE}=...` to {datasets.MERGE_AUDIO.file}, or to"
            " nothing to have it fetched"
        )
    return path


def _opened(path):
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, LookupError) as error:
        raise ValueError(
            f"MERGE archive {path} is no zip archive, or only a part of one ({error})"
        ) from error


def _table(archive, path, count):
    """What stands before the names of the excerpts, and the rows of `COLUMNS`."""
    tables = [name for name in count if PurePosixPath(name).name == TABLE]
    if len(tables) != 1 or count[tables[0]] != 1:
        n_tables = sum(count[name] for name in tables)
        raise ValueError(
            f"MERGE archive {path} holds {n_tables} tables {TABLE}, expected is one. Is it"
            f" {datasets.MERGE_AUDIO.file}, complete?"
        )
    try:
        content = _read(archive, tables[0], TABLE_BYTES).decode("utf-8-sig")
        lines = csv.reader(io.StringIO(content, newline=""), strict=True)
        header, *rows = [(lines.line_num, row) for row in lines if row]
    except (ValueError, csv.Error) as error:  # what decoders raise is a ValueError too
        raise ValueError(f"MERGE archive {path}: its table cannot be read: {error}") from error
    if missing := [column for column in COLUMNS if column not in header[1]]:
        raise ValueError(
            f"MERGE archive {path}: its table lacks {', '.join(missing)}; it has"
            f" {', '.join(map(repr, header[1]))}"
        )
    for line, row in rows:
        if any(row[len(header[1]) :]):
            raise ValueError(
                f"MERGE archive {path}: line {line} of its table has {len(row)} fields, its header"
                f" {len(header[1])}"
            )
    if not rows:
        raise ValueError(f"MERGE archive {path}: its table has a header but no rows")
    rows = [dict(itertools.zip_longest(header[1], row[: len(header[1])], fillvalue="")) for _, row in rows]
    return tables[0].removesuffix(TABLE), [tuple(row[column] for column in COLUMNS) for row in rows]


def _read(archive, name, cap):
    """The content of a member; ValueError where it is too large, damaged or locked."""
    member = archive.getinfo(name)
    if member.flag_bits & 0x1:
        raise ValueError(f"{name!r} is encrypted")
    if member.compress_type not in METHODS:
        raise ValueError(f"{name!r} is packed by method {member.compress_type}, expected is none or deflate")
    if member.file_size > cap:
        raise ValueError(f"{name!r} has {member.file_size:,} bytes, at most {cap:,} are taken")
    try:
        with archive.open(member) as file:
            content = file.read(cap + 1)  # at most, and the checksum is compared at the member's end
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(f"{name!r} is damaged in the archive ({str(error) or 'cut short'})") from error
    if len(content) != member.file_size:
        raise ValueError(f"{name!r} holds {len(content):,} bytes, announced are {member.file_size:,}")
    return content
