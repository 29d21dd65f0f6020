"""Deezer: previews without a key; answers errors with HTTP 200, and signs the addresses of its previews.

Conventions
-----------
Ids are decimal digits. Candidates and tracks come in Deezer's own order, which follows what people play.
"""

import functools
import re
from urllib.parse import quote

from lib.clips.sources import faults, http, limits, sentences
from lib.clips.sources.musicbrainz import MusicBrainz
from lib.clips.sources.source import TRACKS, Candidate, Catalogue, Track

ADDRESSES = {"deezer": "https://api.deezer.com"}
HOSTS = ("dzcdn.net",)  # where previews are kept
ARTIST_PAGE = re.compile(r"https?://(?:www\.)?deezer\.com/(?:[a-z]{2}/)?artist/([0-9]+)")
LIMITER = limits.Limiter({"api.deezer.com": (50, 5.0)})  # calls, in so many seconds
NEEDS_STATEMENT = False
LICENCE = "None granted: the recordings belong to their owners"
CITATION = "Deezer API, https://developers.deezer.com"
TERMS = "Previews of 30 seconds for personal, non-commercial use; 50 calls in 5 seconds; not to be passed on."
QUOTA, BUSY, NO_DATA = 4, 700, 800  # codes of errors


class Source(Catalogue):
    """Deezer as a source of clips; see `lib.clips.sources.source.Catalogue`."""

    name = "deezer"

    def __init__(self, settings):
        address = settings.addresses.get("deezer", ADDRESSES["deezer"])
        links = functools.partial(MusicBrainz(settings).links, page=ARTIST_PAGE)
        super().__init__(settings, settings.client(address, HOSTS, limiter=LIMITER), links)

    def search(self, name):
        def read(rows):
            return [Candidate(sentences.identity(row["id"]), sentences.name(row["name"])) for row in rows]

        return self._list("search/artist", read, {"q": name, "limit": 50})

    def top(self, artist_id):
        def read(rows):
            own = [  # where the artist only contributes, the clip would be another's
                row
                for row in rows
                if sentences.identity(row["artist"]["id"]) == artist_id and row.get("preview")
            ]
            return [
                Track(
                    sentences.identity(row["id"]),
                    sentences.name(row["title"]),
                    sentences.within(row.get("album"), "title"),
                )
                for row in own[:TRACKS]
            ]

        return self._list(f"artist/{quote(artist_id, safe='')}/top", read, {"limit": 50})

    def preview(self, track_id):
        """Asked for anew each time, because the signature in the address expires."""
        answer = self.client.ask(f"track/{quote(track_id, safe='')}", _without_error)
        return answer and answer.get("preview")

    def _list(self, path, read, params):
        def rows(answer):
            answer = _without_error(answer)
            return [] if answer is None else read(http.listed(answer["data"]))

        return self.client.ask(path, rows, params=params)


def _without_error(answer):
    error = answer.get("error")
    if not error:
        return answer
    code = error.get("code") if isinstance(error, dict) else None
    if code == NO_DATA:
        return None
    if code in (QUOTA, BUSY):
        raise faults.Passing(f"Deezer asks for fewer calls (error {code})")
    words = sentences.sentence(answer)
    shown = f"error {code}" if isinstance(code, int) else "an error without a code"
    raise faults.Unavailable(f"Deezer answered with {shown}{sentences.quoted(words)}", sentence=words)
