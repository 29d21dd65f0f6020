"""The tags of sound files: what a file itself says of its artist, title and album.

Files come from anywhere, and their tags may announce gigabytes or lead a reader in circles: they are read in
a child process (`lib.audio.sandbox`), many files a call, each with its own time limit.

Conventions
-----------
Of several values of a tag the first counts. Text is stripped; a file without a tag has an empty text there.
The numbers of MusicBrainz are in small letters (`lib.listening.names.mbid`).
"""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import contextmanager

import numpy as np

from lib.audio import sandbox
from lib.listening import names

FIELDS = ("artist", "album_artist", "title", "album", "track_mbid", "artist_mbid")
# Where each kind of tag keeps these fields, as Picard and iTunes write them.
ID3 = {
    "artist": ("TPE1",),
    "album_artist": ("TPE2",),
    "title": ("TIT2",),
    "album": ("TALB",),
    "track_mbid": ("UFID:http://musicbrainz.org", "TXXX:MusicBrainz Track Id"),
    "artist_mbid": ("TXXX:MusicBrainz Artist Id", "TXXX:MUSICBRAINZ_ARTISTID"),
}
MP4 = {
    "artist": ("\xa9ART",),
    "album_artist": ("aART",),
    "title": ("\xa9nam",),
    "album": ("\xa9alb",),
    "track_mbid": ("----:com.apple.iTunes:MusicBrainz Track Id",),
    "artist_mbid": ("----:com.apple.iTunes:MusicBrainz Artist Id",),
}
COMMENTS = {  # of Vorbis, which FLAC and Opus have too, and of APE; capitals do not count there
    "artist": ("artist",),
    "album_artist": ("albumartist", "album artist"),
    "title": ("title",),
    "album": ("album",),
    "track_mbid": ("musicbrainz_trackid",),
    "artist_mbid": ("musicbrainz_artistid",),
}
NO_HEADER = re.compile("NoHeader|HeaderNotFound")  # errors of mutagen by which a file has no tags at all
BATCH = 200  # files in one call
FILE_SECONDS, BATCH_SECONDS, GIGABYTES = 5.0, 60.0, 1.0  # that a file and a call may take
LONGEST = 1_000  # characters of a tag that are kept


class TooSlow(Exception):
    """Reading one file took longer than `FILE_SECONDS`."""


def read(files):
    """The tags of files.

    Parameters
    ----------
    files : sequence of path

    Returns
    -------
    list of dict
        For each file ``FIELDS`` and ``fault``: empty, or why its tags could not be read.

    Examples
    --------
    >>> import tempfile, soundfile
    >>> file = os.path.join(tempfile.mkdtemp(), "song.flac")
    >>> soundfile.write(file, np.zeros(8000), 8000)
    >>> import mutagen
    >>> tagged = mutagen.File(file)
    >>> tagged["ARTIST"], tagged["TITLE"] = "Abba", "SOS"
    >>> tagged.save()
    >>> [(tags["artist"], tags["title"], tags["fault"]) for tags in read([file])]
    [('Abba', 'SOS', '')]
    """
    files = [os.path.abspath(file) for file in files]
    return [tags for start in range(0, len(files), BATCH) for tags in _batch(files[start : start + BATCH])]


def _batch(files):
    """The tags of some files; where the child fails, of each half: one file costs only its own tags."""
    try:
        answer = sandbox.call("lib.clips.tags:as_json", files, seconds=BATCH_SECONDS, gigabytes=GIGABYTES)
    except sandbox.Refused as error:
        if len(files) == 1:
            return [dict.fromkeys(FIELDS, "") | {"fault": str(error)}]
        half = len(files) // 2
        return _batch(files[:half]) + _batch(files[half:])
    return json.loads(answer.tobytes())


def as_json(files):
    """The tags of files as the bytes of JSON: what the child returns."""
    return np.frombuffer(json.dumps([_one(file) for file in files]).encode(), dtype=np.uint8)


def _one(file):
    found, fault = {}, ""
    try:
        with _within(FILE_SECONDS):
            found = _fields(file)
    except Exception as error:  # a reader of damaged tags fails in any way
        fault = f"{type(error).__name__}: {error}"[:200].replace(file, "").strip(": ")
    return {field: found.get(field, "") for field in FIELDS} | {"fault": _clean(fault)}


def _fields(file):
    """The fields of one file."""
    from mutagen import File, MutagenError, apev2, id3

    with open(file, "rb"):  # whoever may not read it learns it here
        pass
    try:
        tags = getattr(File(file), "tags", None)
    except MutagenError as error:  # no sound that it knows; there may be tags before or behind it
        tags, fault = None, None if NO_HEADER.search(type(error).__name__) else error
    else:
        fault = None
    for reader in (id3.ID3, apev2.APEv2):
        if tags:
            break
        try:
            tags = reader(file)
        except (id3.ID3NoHeaderError, apev2.APENoHeaderError):
            continue
    if not tags and file.lower().endswith(".wav"):
        return _riff(file)
    if not tags and fault:
        raise fault
    return _mapped(tags) if tags else {}


def _mapped(tags):
    from mutagen import id3, mp4

    if isinstance(tags, id3.ID3):
        table = ID3
    elif isinstance(tags, mp4.MP4Tags):
        table = MP4
    else:
        table = COMMENTS
    found = {}
    for field, keys in table.items():
        values = (_first(tags[key]) for key in keys if key in tags)
        found[field] = next(filter(None, values), "")
        if field.endswith("mbid"):
            found[field] = names.mbid(found[field])
    return found


def _first(value):
    """The first value of a tag as text."""
    if hasattr(value, "data"):  # a frame of ID3 with an owner and bytes
        value = value.data
    elif hasattr(value, "text"):
        value = value.text
    if isinstance(value, list):
        value = next((each for each in value if each), "")
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return _clean(str(value).partition("\0")[0])


def _riff(file):
    """The fields of a WAV file that keeps them as RIFF does, in a list INFO."""
    import soundfile

    with soundfile.SoundFile(file) as sound:
        kept = sound.copy_metadata()
    return {field: _clean(kept.get(field, "")) for field in ("artist", "title", "album")}


def _clean(text):
    """Text without characters that no file of text can hold, and not endless."""
    return " ".join(text[:LONGEST].encode("utf-8", "replace").decode().split())


@contextmanager
def _within(seconds):
    """Raise `TooSlow` in the main thread when a block takes longer."""

    def stop(*_):
        raise TooSlow(f"stopped after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
