"""Playlists: what goes with a track or an artist, as a file that players open.

Conventions
-----------
- The track asked for comes first; of an artist, the track nearest to the mean of the artist's tracks. Then
  the others by their similarity to the track, or to the mean.
- The same recording comes once (`lib.clips.copies`). An artist has at most `OF_ONE` tracks in a list; the
  artist asked for, a third of the list.
- The file is an extended M3U in UTF-8; paths are relative to where it is written. A path that one line of
  UTF-8 cannot hold (line breaks, bytes that are no UTF-8) is an absolute ``file:`` address instead.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from lib.clips import copies
from lib.clips.music_files import restored
from lib.library.neighbours import Neighbours, of_artists
from lib.listening import names, spelling

LENGTH, OF_ONE = 30, 3
FORMS = (spelling.normalise, spelling.folded, spelling.loose)  # in which names are compared
SHOWN = 5  # candidates in a message


@dataclass(frozen=True)
class Seed:
    """What a playlist begins with.

    Attributes
    ----------
    kind : str
        ``track`` or ``artist``.
    name : str
        As it is shown.
    places : list of int
        Rows of the table: the track, or all tracks of the artist.
    """

    kind: str
    name: str
    places: list


def key_of(artist):
    """By which spellings of an artist are one; empty where nobody is named."""
    return spelling.folded(artist) or spelling.normalise(artist)


def shown(track):
    """A track in one line: ``Artist - Title``, or the title alone."""
    return " ".join((f"{track.artist} - {track.title}" if track.artist else track.title).split())


def check(wanted, length=LENGTH):
    """Refuse what no playlist can be made of, before a library is read.

    Parameters
    ----------
    wanted : str
    length : int

    Raises
    ------
    ValueError
        If the name is empty, or the length is no positive number.
    """
    if not names.normalise(wanted):
        raise ValueError("--playlist is the name of a track or an artist, and came empty")
    if length < 1:
        raise ValueError(f"--length must be 1 or more, got {length}")


def find(wanted, tracks):
    """The track or artist that a text means.

    A path below the music folder goes first, then ``Artist - Title``, then an artist's name, then a title;
    each in the forms of `lib.listening.spelling`, the strictest first. At last, the artist or the track whose
    name holds all the words.

    Parameters
    ----------
    wanted : str
    tracks : pd.DataFrame
        As `lib.library.tracks.Library`.

    Returns
    -------
    Seed

    Raises
    ------
    ValueError
        If nothing or more than one thing has this name; the message names candidates.

    Examples
    --------
    >>> import pandas as pd
    >>> tracks = pd.DataFrame({"path": ["a.mp3", "b.mp3"], "artist": ["Abba", "Air"], "title": ["SOS", "b"]})
    >>> find("abba", tracks).kind, find("sos", tracks).name, find("b.mp3", tracks).places
    ('artist', 'Abba - SOS', [1])
    >>> find("so", tracks)
    Traceback (most recent call last):
        ...
    ValueError: no track and no artist of the library is called 'so'; near are 'SOS'
    """
    check(wanted)
    rows = list(tracks.itertuples())
    ways = (
        ("track", [row.path for row in rows]),
        ("track", [f"{row.artist} - {row.title}" if row.artist else "" for row in rows]),
        ("artist", [row.artist for row in rows]),
        ("track", [row.title for row in rows]),
        ("track", [PurePosixPath(row.path).name for row in rows]),
    )
    for form in FORMS:
        key = form(wanted)
        for kind, texts in ways:
            places = [place for place, text in enumerate(texts) if text and form(text) == key]
            if places and kind == "artist":
                return _artist(wanted, places, rows)
            if places:
                return _only(wanted, places, tracks, rows)
    words = _words(wanted)
    if places := [place for place, row in enumerate(rows) if words and words <= _words(row.artist)]:
        return _artist(wanted, places, rows)
    if places := [place for place, row in enumerate(rows) if words and words <= _words(shown(row))]:
        return _only(wanted, places, tracks, rows)
    titles = [row.title for row in rows]
    near = names.nearest([wanted], list(dict.fromkeys(tracks["artist"])))
    near += names.nearest([wanted], titles)
    near = [name for name in dict.fromkeys(near) if name]
    hint = f"; near are {', '.join(map(repr, near))}" if near else ""
    raise ValueError(f"no track and no artist of the library is called {wanted!r}{hint}")


def choose(library, seed, *, length=LENGTH, near=None):
    """The tracks of a playlist.

    Parameters
    ----------
    library : lib.library.tracks.Library
    seed : Seed
    length : int
        Of the list, in tracks.
    near : Neighbours, optional
        Of the library's vectors.

    Returns
    -------
    pd.DataFrame
        Rows of ``library.tracks`` in the order of the list, with ``similarity`` to what was asked for; fewer
        than `length` where no more fit.

    Raises
    ------
    ValueError
        If the length is no positive number.
    """
    check(seed.name, length)
    tracks, vectors = library
    near = near or Neighbours(vectors)
    artists = tracks["artist"].map(key_of).to_numpy()
    if seed.kind == "artist":
        query = of_artists(vectors[seed.places], np.zeros(len(seed.places), dtype=int))
        first = seed.places[int((vectors[seed.places] @ query[0]).argmax())]
    else:
        first = seed.places[0]
        query = vectors[[first]]
    limits = {artists[first]: max(OF_ONE, length // 3)} if seed.kind == "artist" else {}
    n, chosen = min(len(tracks), 4 * length), []
    while True:
        places, scores = near.nearest(query, n)
        similarity = dict(zip(places[0].tolist(), scores[0].tolist()))
        order = [first, *(place for place in places[0].tolist() if place != first)]
        chosen = _fitting(order, tracks, artists, limits, length)
        if len(chosen) == length or n == len(tracks):
            break
        n = min(len(tracks), 4 * n)
    own = [similarity.get(place, float(vectors[place] @ query[0])) for place in chosen]
    return tracks.iloc[chosen].assign(similarity=own).reset_index(drop=True)


def m3u8(playlist, music, folder):
    """The text of a playlist.

    Parameters
    ----------
    playlist : pd.DataFrame
        From `choose`.
    music : path
        The music folder.
    folder : path
        Where the file will be.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"path": "x.mp3", "artist": "Abba", "title": "SOS", "seconds": 200.4}
    >>> print(m3u8(pd.DataFrame([row]), "/music", "/lists"), end="")
    #EXTM3U
    #EXTINF:200,Abba - SOS
    ../music/x.mp3
    """
    music, folder = os.path.realpath(music), os.path.realpath(folder)
    lines = ["#EXTM3U"]
    for track in playlist.itertuples():
        lines.append(f"#EXTINF:{round(track.seconds)},{shown(track)}")
        lines.append(_address(os.path.join(music, restored(track.path)), folder))
    return "\n".join(lines) + "\n"


def _words(text):
    return set(re.findall(r"\w+", spelling.loose(text)))


def _artist(wanted, places, rows):
    """The one artist whose tracks these are."""
    spelt = {key_of(rows[place].artist): rows[place].artist for place in reversed(places)}
    if len(spelt) > 1:
        raise ValueError(
            f"{wanted!r} may be {len(spelt)} artists: write one of {', '.join(map(repr, spelt.values()))}"
        )
    return Seed("artist", *spelt.values(), places)


def _only(wanted, places, tracks, rows):
    """The one track of some that may be copies of each other."""
    prints = [tracks["fingerprint"].iloc[place] for place in places] if len(places) > 1 else []
    if len(places) > 1 and len(set(_groups(prints))) > 1:
        labels = [shown(rows[place]) for place in places]
        listed = labels if len(set(labels)) == len(labels) else [repr(rows[place].path) for place in places]
        more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        raise ValueError(
            f"{wanted!r} may be {len(listed)} tracks: write one of {', '.join(listed[:SHOWN])}{more}"
        )
    return Seed("track", shown(rows[places[0]]), places[:1])


def _fitting(order, tracks, artists, limits, length):
    """The first tracks in an order that are no copies and not too many of one artist."""
    of_recording = np.asarray(_groups([tracks["fingerprint"].iloc[place] for place in order]))
    chosen, recordings, counts = [], set(), {}
    for place, recording in zip(order, of_recording.tolist()):
        artist = artists[place]
        full = artist and counts.get(artist, 0) >= limits.get(artist, OF_ONE)
        if recording in recordings or full:
            continue
        chosen.append(place)
        recordings.add(recording)
        counts[artist] = counts.get(artist, 0) + 1
        if len(chosen) == length:
            break
    return chosen


def _groups(prints):
    """Labels of recordings, one each for tracks whose fingerprints are nearly equal."""
    return copies.groups(np.stack([np.frombuffer(each, dtype=np.uint8) for each in prints]))


def _address(file, folder):
    """How a line of the list names a file."""
    try:
        file.encode()
        whole = len(file.splitlines()) == 1
    except UnicodeEncodeError:
        whole = False
    if not whole:
        return "file://" + urllib.parse.quote(os.fsencode(file))
    relative = Path(os.path.relpath(file, folder)).as_posix()
    return relative if relative.startswith("../") else f"./{relative}"
