"""The sound files of a music folder: whose they are, and what was left out and why.

Conventions
-----------
*Who*: the artist in a file's tags (`lib.clips.tags`), else the album artist there, else the first level of
folders. An artist with guests, ``Abba feat. Cher``, is the album artist where that is ``Abba``. Names that
stand for nobody (`lib.listening.names.nobody`) name no artist, in tags and folders.

*What*: files whose suffix is among `lib.audio.decode.SUFFIXES`. Hidden files and folders are those of file
systems and programs (`HIDDEN`); a leading dot alone hides nothing: .38 Special is an artist. Linked folders
are read where they lead out of the folder to where nothing was read yet, after all others.

*Paths* are relative to the folder, with forward slashes. Bytes that are not UTF-8 are kept as Python keeps
them (`os.fsdecode`); `written` turns such a path into text that every file and screen can hold, and
`restored` turns it back. Names of artists, titles and albums are always plain text.
"""

from __future__ import annotations

import fnmatch
import io
import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

import joblib
import pandas as pd

from lib.audio import decode
from lib.clips import tags
from lib.listening import names, text

COLUMNS = ("path", *tags.FIELDS, "named_by", "titled", "fault")
LOOSE = "no folder and no tag names its artist"
NOBODY = "named only by 'Various Artists', 'Unknown Artist' or the like, who are nobody"
NO_SOUND = "no sound, by its suffix"
SYSTEM = "of the file system or a program"
BACK = "a link to what is read elsewhere in the folder"
NOWHERE = "a link that leads nowhere"
SPECIAL = "a pipe, a socket or a device"
HIDDEN = (
    *("._*", ".ds_store", ".apdisk", ".appledouble", ".appledb", ".appledesktop", ".localized"),
    *(".documentrevisions-v100", ".fseventsd", ".spotlight-v100", ".temporaryitems", ".volumeicon.icns"),
    *(".metadata_never_index*", ".com.apple.*", "__macosx", "icon\r"),
    *(".trash*", "$recycle.bin", "recycler", "#recycle", "@recycle", "lost+found"),
    *("system volume information", "thumbs.db", "desktop.ini", ".directory", ".thumbnails", ".nomedia"),
    *("@eadir", "@tmp", "#snapshot", ".snapshot", ".snapshots", "@recently-snapshot", ".@__thumb"),
    *(".fuse_hidden*", ".nfs*", ".stfolder", ".stversions", ".stignore", ".syncthing.*", ".sync"),
    *(".dropbox", ".dropbox.cache", ".git", ".svn", ".hg", ".cache"),
)
SILENT = frozenset(
    re.findall(
        r"\S+",
        """
    .jpg .jpeg .jpe .png .gif .bmp .webp .tif .tiff .heic .svg .ico .txt .nfo .md .rtf .doc .docx .odt
    .pdf .html .htm .url .webloc .cue .log .accurip .toc .m3u .m3u8 .pls .xspf .wpl .zpl .lrc .srt .sfv
    .md5 .sha1 .ffp .par2 .xml .json .yaml .yml .csv .tsv .ini .db .sqlite .plist .itl .itdb .zip .rar
    .7z .gz .tar
    """,
    )
)
GUESTS = re.compile(r"\s*[(\[]?\b(?:feat|ft|featuring)\b", re.IGNORECASE)
UNTITLED = re.compile(
    r"(?:untitled|(?:audio ?)?track|titel|piste|pista|traccia|faixa|\W)*[\s\d#]*", re.IGNORECASE
)


class Music(NamedTuple):
    """The files of a music folder.

    Attributes
    ----------
    files : pd.DataFrame
        ``path``, ``artist``, ``album_artist``, ``title``, ``album``, ``track_mbid``, ``artist_mbid``: of
        these only path, artist and title are never empty. ``named_by``: ``tags`` or ``folder``. ``titled``:
        whether the title is that of the tags, not the name of the file. ``fault``: why the tags could not be
        read, mostly empty. Sorted by path.
    left_out : pd.DataFrame
        ``path`` and ``reason`` of files and folders that are not among them. Sorted by path.
    """

    files: pd.DataFrame
    left_out: pd.DataFrame


def scan(root):
    """Find the sound files of a folder, and whose they are.

    Parameters
    ----------
    root : path

    Returns
    -------
    Music

    Raises
    ------
    ValueError
        If it is no folder.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> for path in (".38 Special/Hold On.mp3", "Various Artists/song.mp3", "Abba/cover.jpg", "song.wma"):
    ...     (root / path).parent.mkdir(exist_ok=True)
    ...     _ = (root / path).write_bytes(b"")
    >>> music = scan(root)
    >>> music.files[["path", "artist", "title", "named_by"]].to_numpy().tolist()
    [['.38 Special/Hold On.mp3', '.38 Special', 'Hold On', 'folder']]
    >>> for path, reason in music.left_out.to_numpy():
    ...     print(f"{path}: {reason}")
    Abba/cover.jpg: no sound, by its suffix
    Various Artists/song.mp3: named only by 'Various Artists', 'Unknown Artist' or the like, who are nobody
    song.wma: suffix .wma is not read
    """
    root = Path(root).expanduser().absolute()
    if not root.is_dir():
        raise ValueError(f"music folder {written(str(root))} is missing, or is no folder")
    walk = _Walk(root)
    walk.run()
    paths = sorted(walk.files)
    batches = [paths[start : start + tags.BATCH] for start in range(0, len(paths), tags.BATCH)]
    read = joblib.Parallel(n_jobs=min(len(batches), os.cpu_count() or 1) or 1, prefer="threads")(
        joblib.delayed(tags.read)([root / path for path in batch]) for batch in batches
    )
    rows, left_out = [], walk.left_out
    for path, of_file in zip(paths, (each for batch in read for each in batch), strict=True):
        if of_file["fault"].startswith("PermissionError"):
            left_out.append((path, "may not be read (PermissionError)"))
            continue
        row = _named(path, of_file)
        if row["artist"]:
            rows.append(row)
        else:
            left_out.append((path, NOBODY if "/" in path or row["anybody"] else LOOSE))
    return Music(
        pd.DataFrame(rows, columns=list(COLUMNS), dtype=object),
        pd.DataFrame(sorted(left_out), columns=["path", "reason"], dtype=object),
    )


def reasons(left_out):
    """How many files and folders were left out, by reason.

    Parameters
    ----------
    left_out : pd.DataFrame
        Of `scan`.

    Returns
    -------
    pd.DataFrame
        Columns ``reason``, ``files`` and ``first``, a path of them as text; most files first.

    Examples
    --------
    >>> left_out = pd.DataFrame({"path": ["a.x", "b.jpg", "c.x"], "reason": ["suffix", NO_SOUND, "suffix"]})
    >>> reasons(left_out).to_numpy().tolist()
    [['suffix', 2, 'a.x'], ['no sound, by its suffix', 1, 'b.jpg']]
    """
    grouped = left_out.groupby("reason", sort=True)["path"]
    table = pd.DataFrame({"files": grouped.size(), "first": grouped.first().map(written)}).reset_index()
    return table.sort_values(["files", "reason"], ascending=[False, True], ignore_index=True)


def written(path):
    r"""A path as text that every file and screen can hold.

    Parameters
    ----------
    path : str
        As `os.fsdecode` gives it.

    Returns
    -------
    str
        The path itself if it is UTF-8, as most are; of other bytes each is ``\x`` and two digits.

    Examples
    --------
    >>> written(os.fsdecode(b"Bj\xf6rk/Jga.mp3"))
    'Bj\\xf6rk/Jga.mp3'
    """
    path = re.sub(r"\\(?=x[0-9a-f]{2})", lambda _: r"\x5c", path)
    return re.sub("[\udc80-\udcff]", lambda sign: rf"\x{ord(sign[0]) - 0xDC00:02x}", path)


def restored(text):
    r"""The path that `written` turned into text.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> os.fsencode(restored(r"Bj\xf6rk/Jga.mp3"))
    b'Bj\xf6rk/Jga.mp3'
    """
    return re.sub(r"\\x([0-9a-f]{2})", _byte, text)


def _byte(match):
    value = int(match[1], 16)
    return chr(0xDC00 + value) if value >= 0x80 else chr(value)


class _Walk:
    """A walk through a folder: ``files`` and ``left_out``."""

    def __init__(self, root):
        self.root, self.files, self.left_out = root, [], []
        self._seen, self._linked = set(), []

    def run(self):
        self._folder(self.root)
        while self._linked:
            waiting, self._linked = sorted(self._linked), []
            for path in waiting:
                self._follow(path)

    def _folder(self, top):
        def closed(error):
            kind = type(error).__name__
            self._out(Path(os.fsdecode(error.filename)), f"a folder that cannot be entered ({kind})")

        for folder, folders, files in os.walk(top, onerror=closed):
            self._seen.add(os.path.realpath(folder))
            inside = []
            for name in sorted(folders):
                path = Path(folder) / name
                if _hidden(name):
                    self._out(path, SYSTEM)
                elif path.is_symlink():
                    self._linked.append(path)
                else:
                    inside.append(name)
            folders[:] = inside
            for name in files:
                self._file(Path(folder) / name)

    def _file(self, path):
        suffix = path.suffix.lower()
        if _hidden(path.name):
            self._out(path, SYSTEM)
        elif suffix in SILENT:
            self._out(path, NO_SOUND)
        elif suffix not in decode.SUFFIXES:
            self._out(path, f"suffix {written(suffix)} is not read" if suffix else "a name without suffix")
        elif path.is_symlink():
            self._linked.append(path)
        else:
            self._take(path, path)

    def _take(self, path, real):
        """A sound file, unless it is none or was taken before."""
        try:
            regular = stat.S_ISREG(os.stat(real).st_mode)
        except OSError as error:
            self._out(path, f"cannot be read ({type(error).__name__})")
            return
        if regular:
            self._seen.add(os.path.realpath(real))
            self.files.append(path.relative_to(self.root).as_posix())
        else:
            self._out(path, SPECIAL)

    def _follow(self, path):
        target = os.path.realpath(path)
        if not os.path.exists(target):
            self._out(path, NOWHERE)
        elif target in self._seen or Path(os.path.realpath(self.root)).is_relative_to(target):
            self._out(path, BACK)
        elif os.path.isdir(target):
            self._folder(path)
        else:
            self._take(path, target)

    def _out(self, path, reason):
        self.left_out.append((path.relative_to(self.root).as_posix(), reason))


def _hidden(name):
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in HIDDEN)


def _named(path, of_file):
    """A row of `COLUMNS`, its artist empty where nobody is named; and whether anybody was."""
    parts = [_plain(part) for part in path.split("/")]
    spelt = [(of_file["artist"], of_file["artist_mbid"]), (of_file["album_artist"], "")]
    artist = next((name for name, mbid in spelt if name and not names.nobody(name, mbid)), "")
    host = of_file["album_artist"]
    if host and artist != host and not names.nobody(host) and artist.casefold().startswith(host.casefold()):
        artist = host if GUESTS.match(artist[len(host) :]) else artist
    named_by = "tags" if artist else "folder"
    if not artist and len(parts) > 1 and not names.nobody(parts[0]):
        artist = parts[0].strip()
    title = "" if UNTITLED.fullmatch(of_file["title"]) else of_file["title"]
    return of_file | {
        "path": path,
        "artist": artist,
        "title": title or os.path.splitext(parts[-1])[0],
        "album": of_file["album"] or (parts[-2] if len(parts) > 2 else ""),
        "named_by": named_by,
        "titled": bool(title),
        "artist_mbid": of_file["artist_mbid"] if artist and artist == of_file["artist"] else "",
        "anybody": any(name for name, _ in spelt),
    }


def _plain(part):
    """A part of a path as plain text: bytes that are not UTF-8 mostly are Windows-1252."""
    if part.isprintable() or not re.search("[\udc80-\udcff]", part):
        return part
    encoded = os.fsencode(part)
    surveyed = text.survey(io.BytesIO(encoded))
    if text.encoding_of(surveyed) == text.WINDOWS:
        return encoded.decode(text.WINDOWS)
    return written(part)
