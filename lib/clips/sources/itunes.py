"""iTunes Search: previews without a key, 20 calls a minute, under terms that few uses meet.

Conventions
-----------
Ids are decimal digits. One search gives songs, and with them the artists; only where it was too full to
hold an artist's songs are they looked up by id. The order is Apple's own.
"""

import functools
import re

from lib.clips.sources import http, limits
from lib.clips.sources.musicbrainz import MusicBrainz
from lib.clips.sources.source import TRACKS, Candidate, Catalogue, Track

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
    """iTunes as a source of clips; see `lib.clips.sources.source.Catalogue`."""

    name = "itunes"

    def __init__(self, settings):
        address = settings.addresses.get("itunes", ADDRESSES["itunes"])
        # Too many calls are answered with 403, sometimes with an empty body.
        throttled = (403, 429, 503)
        client = settings.client(address, HOSTS, throttled=throttled, limiter=LIMITER)
        super().__init__(settings, client, functools.partial(MusicBrainz(settings).links, page=ARTIST_PAGE))

    def search(self, name):
        params = {"term": name, "entity": "song", "attribute": "artistTerm", "limit": SONGS}
        songs, tracks_of = self._songs("search", params), {}
        if songs is None:
            return None
        for artist_id, artist, track in songs:
            tracks_of.setdefault(artist_id, (artist, []))[1].append(track)
        return [
            Candidate(
                id, artist, tuple(tracks[:TRACKS]) if len(tracks) >= TRACKS or len(songs) < SONGS / 2 else ()
            )
            for id, (artist, tracks) in tracks_of.items()
        ]

    def top(self, artist_id):
        songs = self._songs("lookup", {"id": artist_id, "entity": "song", "limit": SONGS}) or []
        return [track for owner, _, track in songs if owner == artist_id][:TRACKS]

    def preview(self, track_id):
        self._songs("lookup", {"id": track_id})
        return self._previews.pop(track_id, None)

    def _songs(self, path, params):
        def read(answer):
            songs = []
            for row in http.listed(answer["results"]):
                if row.get("wrapperType") == "track" and row.get("kind") == "song" and row.get("previewUrl"):
                    track = Track(
                        str(row["trackId"]), str(row["trackName"]), str(row.get("collectionName", ""))
                    )
                    self._previews[track.id] = str(row["previewUrl"])
                    songs.append((str(row["artistId"]), str(row["artistName"]), track))
            return songs

        return self.client.ask(path, read, params=params)
