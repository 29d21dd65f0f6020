"""One's own music: a folder ``Artist/**/track``, or a table that maps files to artists.

Conventions
-----------
An artist of the folder is a sub-folder of it, by its name; an artist of the table is what its artist column
says, a name or an MBID. Spellings that are the same name (`lib.listening.names`) are one artist. Tracks are
taken from one album after another, an album being a folder; within an album the order is drawn by a hash of
the path, so that not every clip is a first track, and is the same on every machine. Files stay where they
are.
"""

import collections
import datetime
import itertools
import os
from pathlib import Path

from lib.audio import decode
from lib.clips.sources import source
from lib.clips.sources.source import Fetched, Track
from lib.listening import columns, names, text

ADDRESSES = {}
NEEDS_STATEMENT = False
LICENCE = "Yours to know"
CITATION = "One's own files"
TERMS = (
    "Files are read where they are and not copied; excerpts go into notebooks: think before you share these."
)
# The parameters that a person sets, as messages name them.
FOLDER, TABLE = "02_preview_clips.music_folder", "02_preview_clips.table_file"
COLUMN, TEMPLATE = "02_preview_clips.artist_column", "02_preview_clips.path_template"
PLAYLISTS = (".m3u", ".m3u8", ".pls", ".xspf")
EXPECTED = f"expected a CSV or TSV with a header, such as artist,file, as `{TABLE}`"


class Source(source.Named):
    """A music folder, or a table of files, as a source of clips.

    Parameters
    ----------
    settings : lib.clips.sources.source.Settings
        ``music_folder``: what holds the music, and what the paths of the table are relative to (where it is
        empty, the table's own folder). ``table_file``: CSV or TSV with a header (`lib.listening.text`).
        ``artist_column``: its column with artists. ``path_template``: path of a file, with columns in
        braces, such as ``{Quadrant}/{Song}.mp3``.

    Raises
    ------
    ValueError
        If the folder or the table is missing, or there is no sound file in it.
    """

    name = "folder"

    def __init__(self, settings):
        if not settings.music_folder and not settings.table_file:
            raise ValueError(f"source 'folder' needs to know where the music is: set `{FOLDER}` or `{TABLE}`")
        self.root = Path(settings.music_folder or Path(settings.table_file).parent).expanduser().absolute()
        if not self.root.is_dir():
            raise ValueError(f"music folder {self.root} is missing: set `{FOLDER}` to a folder that is there")
        if settings.table_file:
            tracks = _listed(Path(settings.table_file).expanduser(), self.root, settings)
        else:
            tracks = _walked(self.root)
        self._spellings, self._files = collections.defaultdict(list), collections.defaultdict(list)
        for artist, path in tracks:
            artist = names.mbid(artist) or artist
            key = names.normalise(artist)
            if artist not in self._spellings[key]:
                self._spellings[key].append(artist)
            self._files[key].append(path)

    def tracks(self, candidate):
        albums = collections.defaultdict(list)
        for path in set(self._files[candidate.id]):
            album = Path(path).parent
            albums[str(album)].append(Track(path, str(Path(path).with_suffix("")), album.name))
        in_turn = [sorted(tracks, key=source.drawn) for _, tracks in sorted(albums.items())]
        return [track for turn in itertools.zip_longest(*in_turn) for track in turn if track]

    def fetch(self, track):
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Fetched(self.root / track.id, "this machine", now)


def _walked(root):
    """All sound files, by their suffix, as (artist, path below the root)."""
    tracks, seen, loose = [], set(), 0
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        inside = Path(folder).relative_to(root)
        for file in sorted(files):
            if not file.startswith(".") and file.lower().endswith(decode.SUFFIXES):
                if inside.parts:
                    tracks.append((inside.parts[0], (inside / file).as_posix()))
                else:
                    loose += 1
    if not tracks:
        there = (
            f"{loose} sound files lie loose in it" if loose else f"none of {', '.join(decode.SUFFIXES)} in it"
        )
        raise ValueError(
            f"music folder {root}: {there}. Expected one folder an artist, Artist/Album/track.mp3 or"
            f" Artist/track.mp3; or give a table of files as `{TABLE}`."
        )
    return tracks


def _listed(table, root, settings):
    """(artist, path below the root) of the rows of a table."""
    if not table.is_file():
        raise ValueError(f"music table {table} is missing: set `{TABLE}` to a CSV or TSV file with a header")
    if table.suffix.lower() in PLAYLISTS:
        raise ValueError(f"music table {table} is a playlist, which names no artists: {EXPECTED}")
    try:
        rows = text.read(table, expected=EXPECTED)
    except ValueError as error:
        raise ValueError(f"music table cannot be read: {error}") from error
    records, odd = rows.records(), rows.left_out(f"music table {table}")
    if odd and not records:
        raise ValueError(odd)
    for note in filter(None, [*rows.notes, odd]):
        print(note)
    tracks, folded = [], {column.casefold(): column for column in rows.form.columns}
    for row in records:
        row |= {name: row[column] for name, column in folded.items()}  # a column by its name in small letters
        try:
            artist = row[folded.get(settings.artist_column.casefold(), settings.artist_column)]
            path = settings.path_template.format_map(row)
        except (LookupError, ValueError, AttributeError) as error:
            raise ValueError(
                f"music table {table}: `{COLUMN}` {settings.artist_column!r} and `{TEMPLATE}`"
                f" {settings.path_template!r} do not fit its columns {columns.named(rows.form.columns)}"
            ) from error
        if "\\" in path and not (root / path).exists():  # as Windows writes it
            path = path.replace("\\", "/")
        path = Path(os.path.normpath(root / path))
        if not path.is_relative_to(root):
            raise ValueError(
                f"music table {table} leads out of {root}, to {path}: set `{FOLDER}` to what holds them all"
            )
        tracks.append((artist.strip(), path.relative_to(root).as_posix()))
    if not tracks:
        raise ValueError(f"music table {table} has a header but no rows")
    if not any((root / path).is_file() for _, path in tracks):
        raise ValueError(
            f"none of the {len(tracks)} files of music table {table} is there; the first would be"
            f" {root / tracks[0][1]}. Set `{FOLDER}` and `{TEMPLATE}` to fit."
        )
    return tracks
