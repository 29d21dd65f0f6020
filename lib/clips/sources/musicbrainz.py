"""MusicBrainz: which entry of a catalogue is this artist, when several share a name.

Conventions
-----------
Artists are asked for by MBID; the answer's URL relations lead to artist pages of the catalogues, from whose
addresses the ids are read. Links that have ended lead to pages that are gone or are another's, and are left
out. One request a second, with a User-Agent that names a contact.
"""

import re

from lib.clips.sources import http, limits, sentences
from lib.clips.sources.source import Answers

ADDRESSES = {"musicbrainz": "https://musicbrainz.org/ws/2"}
LICENCE = "Core data CC0 1.0 (public domain)"
CITATION = "MusicBrainz, the open music encyclopedia, MetaBrainz Foundation"
TERMS = "At most one request a second, with a User-Agent that names the application and a contact."
LIMITER = limits.Limiter({"musicbrainz.org": (1, 1.0)})  # calls, in so many seconds
MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class MusicBrainz:
    """Links from MBIDs to catalogues.

    Parameters
    ----------
    settings : lib.clips.sources.source.Settings
    """

    def __init__(self, settings):
        address = settings.addresses.get("musicbrainz", ADDRESSES["musicbrainz"])
        self.client = settings.client(address, limiter=LIMITER)
        self._answers = Answers(settings.cache, "musicbrainz", self.client, damaged=settings.damaged)

    def links(self, mbid, page):
        """The ids of an artist in one catalogue.

        Parameters
        ----------
        mbid : str
            Anything but an MBID has no links.
        page : re.Pattern
            What the catalogue's artist pages look like; the id is the group.

        Returns
        -------
        list of str
            In the order of the answer, those that have not ended.

        Raises
        ------
        lib.clips.sources.faults.Unavailable
        """
        if not MBID.fullmatch(mbid):
            return []
        pages = self._answers.remember(["artist", mbid], lambda: self._ask(mbid))
        matches = map(page.match, pages)
        return list(dict.fromkeys(match[1] for match in matches if match))

    def _ask(self, mbid):
        def read(answer):
            relations = http.listed(answer["relations"])
            living = [each for each in relations if "url" in each and not each.get("ended")]
            return [sentences.name(each["url"]["resource"]) for each in living]

        return self.client.ask(f"artist/{mbid}", read, params={"inc": "url-rels", "fmt": "json"}) or []
