"""One person's listening history: no similarity is in it, but whom the person plays, and how often.

Read are the exports of Last.fm (by lastfm-to-csv, without a header; by lastfm.ghan.nl, with one), of
Spotify (``StreamingHistory*.json``, ``endsong*.json``, ``Streaming_History_Audio_*.json``) and of
ListenBrainz (the zip, its ``.jsonl``, the former single JSON); each as a file, several in a folder, or in
the zip in which they come.

Conventions
-----------
- A play is an entry of the history, however short. Entries without an artist (podcasts), and what is no
  entry at all, are left out and counted.
- Artists are joined by MBID where the history has it, else by name (`lib.listening.names`).

References
----------
https://support.spotify.com/article/understanding-my-data (Spotify)
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib.listening import characters, columns, names, text, zips

PARAMETER = "08_artist_explorer.history_file"
LISTENBRAINZ, SPOTIFY, EXTENDED = (
    "a ListenBrainz export of one listener",
    "a Spotify streaming history",
    "a Spotify extended streaming history",
)
LASTFM, GHAN, APPLE = (
    "a Last.fm export by lastfm-to-csv",
    "a Last.fm export by lastfm.ghan.nl",
    "an Apple Music play activity",
)
ONE_LISTENER = "similarity needs several listeners, this file has one"
EXPORTS = {  # by the names of the files
    LISTENBRAINZ: re.compile(r"(.*/)?listens/\d+/\d+\.jsonl"),
    EXTENDED: re.compile(r"(.*/)?(endsong|Streaming_History_Audio)[^/]*\.json", re.IGNORECASE),
    SPOTIFY: re.compile(r"(.*/)?StreamingHistory[^/]*\.json", re.IGNORECASE),
}
KEYS = {"track_metadata": LISTENBRAINZ, "master_metadata_album_artist_name": EXTENDED, "artistName": SPOTIFY}
LASTFM_DATE = re.compile(r"\d{1,2} \w{3} \d{4},? \d\d:\d\d")
NO_ARTIST, NO_ENTRY = "without an artist", "that are no entries of it"
MOST_BYTES = 1 << 30  # of a file of a history: thousand a day, for ten years


@dataclass(frozen=True)
class History:
    """Whom a person plays.

    Attributes
    ----------
    kind : str
        What the file is.
    plays : pd.DataFrame
        ``name, mbid`` (may be empty), ``plays``; most plays first.
    left_out : dict of str to int
        Entries that are not counted, by reason.
    """

    kind: str
    plays: pd.DataFrame
    left_out: dict

    def __str__(self):
        out = "".join(f"; {n:,} entries {reason} left out" for reason, n in self.left_out.items())
        return f"{self.kind}: {self.plays['plays'].sum():,} plays of {len(self.plays):,} artists{out}"


def read(path):
    """Read one person's history.

    Parameters
    ----------
    path : path
        A file, the zip in which it came, or a folder of such files.

    Returns
    -------
    History

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no history that is read here, or names no artists.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "StreamingHistory0.json"
    >>> entry = '{"endTime": "2021-10-13 23:02", "artistName": "%s", "trackName": "T", "msPlayed": 4016}'
    >>> _ = path.write_text(f"[{entry % 'Abba'}, {entry % 'Air'}, {entry % 'Abba'}]")
    >>> print(read(path))
    a Spotify streaming history: 3 plays of 2 artists
    >>> read(path).plays["name"].tolist()
    ['Abba', 'Air']
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"no listening history at {path}: set {PARAMETER} to a file that is there")
    plays, left_out, kinds = Counter(), Counter(), {}
    for file, data in _files(path):
        kind, artists = _entries(file, data)
        kinds[kind] = True
        for name, mbid in artists:
            if name is None:
                left_out[NO_ENTRY] += 1
            elif name.strip():
                plays[name.strip(), mbid] += 1
            else:
                left_out[NO_ARTIST] += 1
    if not plays:
        raise ValueError(f"{path} names no artist in any of its {left_out.total():,} entries")
    rows = [(name, mbid, n) for (name, mbid), n in plays.most_common()]
    return History(" and ".join(kinds), pd.DataFrame(rows, columns=["name", "mbid", "plays"]), dict(left_out))


def weights(history, artists):
    """How often a person plays each artist of a table.

    Parameters
    ----------
    history : History
    artists : pd.DataFrame
        Index: artist id; ``name``; the one with the most listeners first.

    Returns
    -------
    pd.Series, shape=(n_artists,)
        Plays, 0 for artists that the person does not play; index: artist id. Where two artists have a name,
        it stands for the first.

    Examples
    --------
    >>> plays = pd.DataFrame({"name": ["ABBA", "Nobody"], "mbid": "", "plays": [7, 3]})
    >>> artists = pd.DataFrame({"name": ["Air", "Abba"]}, index=["x", "y"])
    >>> weights(History("a history", plays, {}), artists).to_dict()
    {'x': 0, 'y': 7}
    """
    place = {}
    for artist_id, name in artists["name"].items():
        place.setdefault(names.normalise(name), artist_id)
    by_id = {names.mbid(artist_id) or artist_id: artist_id for artist_id in artists.index}
    counted = pd.Series(0, index=artists.index, dtype="int64")
    for name, mbid, n in history.plays[["name", "mbid", "plays"]].itertuples(index=False):
        artist_id = by_id.get(mbid) if mbid else None
        artist_id = place.get(names.normalise(name)) if artist_id is None else artist_id
        if artist_id is not None:
            counted[artist_id] += n
    return counted


def refusal(path, kind):
    """Why one person's history is no file of plays, and where it can be used."""
    if kind == APPLE:
        return f"{path} is {kind}, which names no artists: {ONE_LISTENER}"
    return f"{path} is {kind}: {ONE_LISTENER}; it can be used in the explorer, as -p {PARAMETER}={path}"


def kind_of_names(files):
    """What the names of the files in a folder or archive give away, or None."""
    return next((kind for kind, name in EXPORTS.items() if any(map(name.fullmatch, files))), None)


def kind_of_json(head):
    """What the beginning of a JSON text gives away, or None."""
    return next((kind for key, kind in KEYS.items() if f'"{key}"' in head), None)


def kind_of_table(header, lines=()):
    """What the columns of a table, or its first lines where it has no header, give away, or None.

    Examples
    --------
    >>> kind_of_table(["uts", "utc_time", "artist", "artist_mbid", "album", "track"])
    'a Last.fm export by lastfm.ghan.nl'
    >>> kind_of_table([], ["Abba,Gold,Dancing Queen,01 Oct 2010 02:05"])
    'a Last.fm export by lastfm-to-csv'
    """
    keys = {columns.key(column) for column in header}
    if {"uts", "artist"} <= keys:
        return GHAN
    if {"eventtype", "playdurationmilliseconds"} <= keys:
        return APPLE
    if {"artist", "album", "track"} <= keys and not keys & set(columns.NAMES["user"]):
        return GHAN if "utctime" in keys else LASTFM
    if lines and all(_lastfm(line) for line in lines):
        return LASTFM
    return None


def _files(path):
    """Name and content of each file with entries."""
    if path.is_dir():
        inside = {
            file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()
        }
        wanted = _wanted(path, list(inside))
        return [(name, inside[name].read_bytes()) for name in wanted]
    with open(path, "rb") as file:
        if not file.peek(2).startswith(b"PK"):
            return [(path.name, file.read())]
        with zips.opened(path, file) as archive:
            inside = zips.entries(archive)
            wanted = _wanted(path, [entry.filename for entry in inside])
            if len(set(wanted)) < len(wanted):
                raise ValueError(f"{path} holds two files of one name: expected each file of a history once")
            chosen = sorted((entry.filename, entry) for entry in inside if entry.filename in set(wanted))
            return [
                (characters.printable(name), zips.content(path, archive, entry, most=MOST_BYTES))
                for name, entry in chosen
            ]


def _wanted(path, files):
    kind = kind_of_names(files)
    if kind is None:
        raise ValueError(
            f"{path} holds no listening history among its {len(files)} files: expected that of Spotify"
            " (StreamingHistory*.json, endsong*.json, Streaming_History_Audio_*.json) or of ListenBrainz"
            " (listens/YEAR/MONTH.jsonl)"
        )
    return sorted(name for name in files if EXPORTS[kind].fullmatch(name))


def _entries(name, data):
    """What a file is, and artist and MBID of each of its entries; empty without one, None for no entry."""
    encoding, mark = text.marked(data)
    content = data[len(mark) :].decode(encoding or text.encoding_of(text.survey(io.BytesIO(data))), "replace")
    if content.lstrip()[:1] in ("{", "["):
        listens = _json(name, content)
        kind = kind_of_json(content[: 1 << 20])
        if kind is None:
            raise ValueError(_unknown(name, content))
        return kind, [_artist(listen, kind) for listen in listens]
    lines = content.splitlines()
    form = text.form_of(lines[:100])
    kind = form and kind_of_table(form.columns, lines[:5])
    if kind == APPLE or not kind:
        raise ValueError(refusal(name, APPLE) if kind else _unknown(name, content))
    if kind == LASTFM and _lastfm(lines[0]):
        return kind, [((_lastfm(line) or [""])[0], "") for line in lines if line.strip()]
    places = columns.chosen(form.columns, ["artist", "mbid"])
    rows = [form.fields(line) for line in lines[form.n_before :] if line.strip()]
    return kind, [tuple(_at(row, places.get(field)) for field in ("artist", "mbid")) for row in rows]


def _at(row, place):
    return row[place] if place is not None and place < len(row) else ""


def _lastfm(line):
    """Artist, album, track, date of a line of lastfm-to-csv, which escapes no quotes, or None."""
    fields = text.split(line, ",", quoted=True, n_columns=4)
    fields = fields if len(fields) == 4 else line.rsplit(",", 3)
    return fields if len(fields) == 4 and LASTFM_DATE.fullmatch(fields[3].strip()) else None


def _json(name, content):
    """The entries of a JSON list, or of a JSON document a line."""
    try:
        listens = json.loads(content) if content.lstrip().startswith("[") else None
        listens = listens or [json.loads(line) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON ({error}): it was cut short, or changed by hand") from error
    return listens


def _artist(listen, kind):
    """Artist and MBID of an entry, None and nothing for what is none."""
    if not isinstance(listen, dict):
        return None, ""
    if kind != LISTENBRAINZ:
        return _text(listen.get("artistName" if kind == SPOTIFY else "master_metadata_album_artist_name")), ""
    track = _dict(listen.get("track_metadata"))
    ids = [_dict(track.get(source)).get("artist_mbids") for source in ("mbid_mapping", "additional_info")]
    ids = [each[0] for each in ids if isinstance(each, list) and len(each) == 1]
    return _text(track.get("artist_name")), names.mbid(_text(ids[0])) if ids else ""


def _text(value):
    """A text of an entry, as every file of text can hold it; empty for anything else."""
    return characters.encodable(value) if isinstance(value, str) else ""


def _dict(value):
    return value if isinstance(value, dict) else {}


def _unknown(name, content):
    return (
        f"{name} begins with {content[:80]!r}: expected a listening history of Last.fm (CSV by lastfm-to-csv"
        " or lastfm.ghan.nl), Spotify (StreamingHistory*.json, endsong*.json,"
        " Streaming_History_Audio_*.json) or"
        f" ListenBrainz (zip, .jsonl), as {PARAMETER}"
    )
