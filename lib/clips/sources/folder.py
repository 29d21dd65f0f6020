"""One's own music: a folder of sound files, or a table that maps files to artists.

Conventions
-----------
Whose the files of a folder are, `lib.clips.music_files` says: their tags, or the first level of folders. An
artist of the table is what its artist column says, a name or an MBID. Names that stand for nobody
(`lib.listening.names.nobody`) are left out of both. Spellings that are the same name (`lib.listening.names`)
are one artist. Tracks are taken from one album after another, an album being a folder; within an album the
order is drawn by a hash of the path, so that not every clip is a first track, and is the same on every
machine. Files stay where they are; the path of a track is written as `lib.clips.music_files.written` says.
"""

import collections
import datetime
import itertools
import os
import re
from pathlib import Path

import pandas as pd

from lib.audio import decode
from lib.clips import music_files
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
SHOWN = 4  # reasons in a message
PLAYLISTS = (".m3u", ".m3u8", ".pls", ".xspf")
EXPECTED = f"expected a CSV or TSV with a header, such as artist,file, as `-p {TABLE}=...`"


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
            raise ValueError(
                f"source 'folder' needs to know where the music is: set `-p {FOLDER}=...` or `-p {TABLE}=...`"
            )
        self.root = Path(settings.music_folder or Path(settings.table_file).parent).expanduser().absolute()
        if not self.root.is_dir():
            raise ValueError(
                f"music folder {self.root} is missing: set `-p {FOLDER}=...` to a folder that is there"
            )
        super().__init__()
        self.left_out = pd.DataFrame(columns=["path", "reason"], dtype=object)
        if settings.table_file:
            for artist, path in _listed(Path(settings.table_file).expanduser(), self.root, settings):
                self._add(names.mbid(artist) or artist, _untitled(music_files.written(path)))
        else:
            music = music_files.scan(self.root)
            self.left_out = music.left_out
            if music.files.empty:
                raise ValueError(_nothing(self.root, music.left_out))
            if unread := [file for file in music.files.itertuples() if file.fault]:
                print(
                    f"the tags of {len(unread)} of {len(music.files)} files in {self.root} cannot"
                    " be read, their folders name the artist; the first is"
                    f" {music_files.written(unread[0].path)}: {unread[0].fault}"
                )
            for file in music.files.itertuples():
                path = music_files.written(file.path)
                title = file.title if file.titled else _untitled(path).title
                self._add(file.artist, Track(path, title, file.album or Path(path).parent.name))

    def tracks(self, candidate):
        albums = collections.defaultdict(list)
        for track in self._tracks[candidate.id].values():
            albums[str(Path(track.id).parent)].append(track)
        in_turn = [sorted(tracks, key=source.drawn) for _, tracks in sorted(albums.items())]
        return [track for turn in itertools.zip_longest(*in_turn) for track in turn if track]

    def fetch(self, track):
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Fetched(self.root / music_files.restored(track.id), "this machine", now)


def _untitled(path):
    return Track(path, str(Path(path).with_suffix("")), Path(path).parent.name)


def _nothing(root, left_out):
    """Why a folder has no file of any artist."""
    reasons = music_files.reasons(left_out).head(SHOWN)
    counted = "; ".join(f"{row.files} × {row.reason}, such as {row.first}" for row in reasons.itertuples())
    there = f"of what is in it, {counted}" if counted else "it is empty"
    return (
        f"music folder {root}: no {', '.join(decode.SUFFIXES)} of an artist in it; {there}. Expected are tags"
        " or one folder an artist, Artist/Album/track.mp3 or Artist/track.mp3; or give a table of files as"
        f" `-p {TABLE}=...`."
    )


def _listed(table, root, settings):
    """(artist, path below the root) of the rows of a table."""
    if not table.is_file():
        raise ValueError(
            f"music table {table} is missing: set `-p {TABLE}=...` to a CSV or TSV file with a header"
        )
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
    used = [settings.artist_column, *re.findall(r"{(\w+)", settings.path_template)]
    if twice := [name for name in used if rows.form.columns.count(name) > 1]:
        raise ValueError(f"music table {table} has more than one column {columns.named(twice)}: {EXPECTED}")
    tracks, folded = [], {column.casefold(): column for column in rows.form.columns}
    for row in records:
        row |= {name: row[column] for name, column in folded.items()}  # a column by its name in small letters
        try:
            artist = row[folded.get(settings.artist_column.casefold(), settings.artist_column)]
            path = settings.path_template.format_map(row)
        except (LookupError, ValueError, AttributeError) as error:
            raise ValueError(
                f"music table {table}: `-p {COLUMN}={settings.artist_column}` and"
                f" `-p {TEMPLATE}={settings.path_template}` do not fit its columns"
                f" {columns.named(rows.form.columns)}"
            ) from error
        if "\\" in path and not (root / path).exists():  # as Windows writes it
            path = path.replace("\\", "/")
        path = Path(os.path.normpath(root / path))
        if not path.is_relative_to(root):
            raise ValueError(
                f"music table {table} leads out of {root}, to {path}: set `-p {FOLDER}=...` to what"
                " holds them all"
            )
        tracks.append((artist.strip(), path.relative_to(root).as_posix()))
    if not tracks:
        raise ValueError(f"music table {table} has a header but no rows")
    if special := [path for _, path in tracks if (root / path).exists() and not (root / path).is_file()]:
        print(
            f"{len(special)} of {len(tracks)} rows of music table {table} are left out, they name a folder,"
            f" {music_files.SPECIAL}, such as {special[0]!r}"
        )
        tracks = [track for track in tracks if track[1] not in set(special)]
    if nobodys := [artist for artist, _ in tracks if not artist or names.nobody(artist, artist)]:
        print(
            f"{len(nobodys)} of {len(tracks)} rows of music table {table} are left out, as they name nobody,"
            f" such as {nobodys[0]!r}"
        )
        tracks = [track for track in tracks if track[0] and not names.nobody(track[0], track[0])]
    if not tracks:
        raise ValueError(f"no row of music table {table} names an artist and a file: {EXPECTED}")
    if not any((root / path).is_file() for _, path in tracks):
        raise ValueError(
            f"none of the {len(tracks)} files of music table {table} is there; the first would be"
            f" {root / tracks[0][1]}. Set `-p {FOLDER}=...` and `-p {TEMPLATE}=...` to fit."
        )
    return tracks
