"""iTunes Search: previews without a key, 20 calls a minute, under terms that few uses meet.

Conventions
-----------
Ids are decimal digits. One search gives songs, and with them the artists; only where it was too full to
hold an artist's songs are they looked up by id. The order is Apple's own. Several names can share an id, as
``Michael Jackson`` and ``Michael Jackson & Justin Timberlake`` do: an artist is an id *and* a name
(`lib.listening.names.normalise`), and a song is whose its own row says. Each country has its own store.
"""

import dataclasses
import functools
import re

from lib.clips.sources import http, limits, sentences
from lib.clips.sources.musicbrainz import MusicBrainz
from lib.clips.sources.source import TRACKS, Candidate, Catalogue, Track
from lib.listening import names

ADDRESSES = {"itunes": "https://itunes.apple.com"}
HOSTS = ("apple.com", "mzstatic.com")  # where previews are kept
ARTIST_PAGE = re.compile(
    r"https?://(?:itunes|music)\.apple\.com/(?:[a-z]{2}/)?artist/(?:[^/?#]+/)?(?:id)?([0-9]+)"
)
LIMITER = limits.Limiter({"itunes.apple.com": (20, 60.0)})  # calls, in so many seconds
NEEDS_STATEMENT = True
LICENCE = "None granted: the recordings belong to their owners"
CITATION = "iTunes Search API, Apple"
TERMS = "Previews are for promoting the store and may not be kept: use it only where you have the right to."
SONGS = 200  # the most that Apple sends


class Source(Catalogue):
    """iTunes as a source of clips; see `lib.clips.sources.source.Catalogue`.

    Raises
    ------
    ValueError
        If the country is not two letters.
    """

    name = "itunes"

    def __init__(self, settings):
        address = settings.addresses.get("itunes", ADDRESSES["itunes"])
        # Too many calls are answered with 403, sometimes with an empty body.
        throttled = (403, 429, 503)
        client = settings.client(address, HOSTS, throttled=throttled, limiter=LIMITER)
        if not re.fullmatch("[A-Za-z]{2}", settings.country):
            raise ValueError(
                f"`country` is {settings.country!r}; expected are the two letters of a country whose iTunes"
                " store is to be searched, such as us or de"
            )
        self.country = settings.country.lower()
        links = functools.partial(MusicBrainz(settings).links, page=ARTIST_PAGE)
        super().__init__(settings, client, links, f"country={self.country}")

    def search(self, name):
        params = {"term": name, "entity": "song", "attribute": "artistTerm", "limit": SONGS}
        answer = self._songs("search", params)
        if answer is None:
            return None
        n_rows, _, songs = answer
        tracks_of = {}
        for artist_id, artist, track in songs:
            tracks_of.setdefault((artist_id, names.normalise(artist)), (artist, []))[1].append(track)
        return [
            Candidate(
                id, artist, tuple(tracks[:TRACKS]) if len(tracks) >= TRACKS or n_rows < SONGS / 2 else ()
            )
            for (id, _), (artist, tracks) in tracks_of.items()
        ]

    def tracks(self, candidate):
        """Songs of the candidate's id whose own row names the candidate.

        Of a candidate `by_id` also those that are named as the store names the id itself.
        """
        if candidate.tracks:
            return list(candidate.tracks)
        answer = self._answers.remember(["songs", candidate.id], lambda: self._look_up(candidate.id))
        fit = {names.normalise(candidate.name)}
        if candidate.by_id:
            fit |= {names.normalise(name) for name in answer["names"]}
        own = [Track(*track) for name, track in answer["songs"] if names.normalise(name) in fit]
        return own[:TRACKS]

    def preview(self, track_id):
        self._songs("lookup", {"id": track_id})
        return self._previews.pop(track_id, None)

    def _look_up(self, artist_id):
        """The store's own names of an id, and its songs with the names in their rows."""
        answer = self._songs("lookup", {"id": artist_id, "entity": "song", "limit": SONGS})
        _, artists, songs = answer or (0, [], [])
        own = [(name, dataclasses.astuple(track)) for owner, name, track in songs if owner == artist_id]
        return {"names": [name for owner, name in artists if owner == artist_id], "songs": own}

    def _songs(self, path, params):
        """The number of rows, (id, name) of artists, and (id, name, track) of songs with a preview."""

        def read(answer):
            artists, songs = [], []
            rows = http.listed(answer["results"])
            for row in rows:
                kind = row.get("wrapperType")
                if kind == "artist" and row.get("artistName"):
                    artists.append((sentences.identity(row["artistId"]), sentences.name(row["artistName"])))
                if kind == "track" and row.get("kind") == "song" and row.get("previewUrl"):
                    number, title = sentences.identity(row["trackId"]), sentences.name(row["trackName"])
                    track = Track(number, title, sentences.within(row, "collectionName"))
                    self._previews[track.id] = sentences.name(row["previewUrl"])
                    owner = sentences.identity(row["artistId"]), sentences.name(row["artistName"])
                    songs.append((*owner, track))
            return len(rows), artists, songs

        return self.client.ask(path, read, params=params | {"country": self.country})
