"""What every source of clips has in common: one interface, and a memory on disk.

Conventions
-----------
A source knows *candidates* (artists, by its own ids) and their *tracks*, most telling first. Ids and names
are text from outside: they are compared and written down, never used as a path. What was once answered is
remembered below the cache folder, one JSON file a question with a checksum, and believed only while the
checksum fits; faults are not remembered, and neither are addresses of previews, which may carry signatures.
"""

import dataclasses
import datetime
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lib.clips.sources import faults, http
from lib.listening import names
from lib.workflow import artifacts, datasets

TRACKS = 10  # asked for and remembered of an artist; the first that pass the gate are taken


@dataclass(frozen=True)
class Candidate:
    """An artist as a source knows it.

    `tracks` where the search already told them. `by_id` where another source says that this id is the
    artist's, whatever its name here.
    """

    id: str
    name: str
    tracks: tuple = ()
    by_id: bool = False


@dataclass(frozen=True)
class Track:
    """A recording as a source knows it."""

    id: str
    title: str
    album: str = ""


@dataclass(frozen=True)
class Fetched:
    """Sound from a source: the bytes of a preview, or the path of a file that stays where it is."""

    content: bytes | Path
    host: str
    retrieved: str  # UTC, ISO 8601


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What sources are opened with.

    Attributes
    ----------
    cache : Path or None
        Folder for what was answered; None remembers nothing.
    addresses : dict
        Name → address, in place of a source's own; ``lib.clips.sources.registry.ADDRESSES`` lists the names.
    contact : str
        Mail or web address of whoever runs this; catalogues outside ask for it.
    i_may_use : sequence of str
        Sources whose terms the person has read and says to be allowed.
    country : str
        Two letters: the store that `itunes` searches.
    music_folder, table_file, artist_column, path_template : str
        For `folder`; see there.
    merge_file, zenodo : str
        For `merge`; see there.
    http : dict
        Further arguments of `http.Client`, such as ``patience``; they go before what a source says.
    damaged : list of Path
        Of answers that were remembered, did not fit their checksums and were thrown away so far.
    """

    cache: Path | None = None
    addresses: dict = field(default_factory=dict)
    contact: str = ""
    i_may_use: tuple = ()
    country: str = "us"
    music_folder: str = ""
    table_file: str = ""
    artist_column: str = "artist"
    path_template: str = "{file}"
    merge_file: str = ""
    zenodo: str = datasets.ZENODO
    http: dict = field(default_factory=dict)
    damaged: list = field(default_factory=list)

    def client(self, address, hosts=(), **how):
        """A client for a service; `how` are further arguments of `http.Client`, such as its ``limiter``."""
        return http.Client(address, hosts, contact=self.contact, **(how | self.http))


class Source:
    """Where clips come from. This one has none.

    Attributes
    ----------
    name : str
    left_out : pd.DataFrame
        ``path`` and ``reason`` of files that the source has and cannot offer.
    damaged : sequence of Path
        Of answers that were remembered, did not fit their checksums and were thrown away.
    """

    name, damaged = "", ()
    left_out = pd.DataFrame(columns=["path", "reason"], dtype=object)

    def offers(self):
        """The names of all artists, from a source that knows nothing else; None where only a search tells."""
        return None

    def candidates(self, artist):
        """Those that the source offers for an artist (with ``artist_id`` and ``name``); they need not fit."""
        return []

    def linked(self, artist_id):
        """The source's own ids of the artist with this MBID, as a list of str; empty where nobody says."""
        return []

    def tracks(self, candidate):
        """The recordings of a candidate, in the order in which to try them, as a list of `Track`."""
        return []

    def fetch(self, track):
        """The sound of a track, as `Fetched`."""
        raise NotImplementedError

    def recall(self, track):
        """What `note` was told of a track, or None."""
        return None

    def note(self, track, examination):
        """Remember how a track was found to be, so that it need not be fetched again."""


class Named(Source):
    """A source that knows artists by their names only; spellings that are the same name are one artist.

    Attributes
    ----------
    _spellings : dict of str to list of str
        Normalised name → how it is spelt in the source.
    _tracks : dict of str to dict of str to Track
        Normalised name → its tracks by their ids.
    """

    def __init__(self):
        self._spellings, self._tracks = {}, {}

    def _add(self, name, track):
        """One more track of an artist; of two with one id the first is kept."""
        key = names.normalise(name)
        spellings = self._spellings.setdefault(key, [])
        if name not in spellings:
            spellings.append(name)
        self._tracks.setdefault(key, {}).setdefault(track.id, track)

    def offers(self):
        return [name for spellings in self._spellings.values() for name in spellings]

    def unite(self, offered):
        """Take several names for one artist.

        Parameters
        ----------
        offered : sequence of str
            Some of those that the source `offers`.

        Returns
        -------
        Candidate
            Known by the first of these names.
        """
        first, *others = dict.fromkeys(map(names.normalise, offered))
        for key in others:
            for track_id, track in self._tracks[key].items():
                self._tracks[first].setdefault(track_id, track)
        return Candidate(first, min(self._spellings[first]))

    def candidates(self, artist):
        keys = (names.normalise(artist.artist_id), names.normalise(artist.name))
        return [Candidate(key, min(self._spellings[key])) for key in keys if key in self._spellings][:1]


def drawn(track):
    """Key that sorts tracks in an order drawn by a hash of their ids, the same on every machine."""
    return hashlib.sha1(track.id.encode("utf-8", "surrogateescape")).hexdigest()


class Catalogue(Source):
    """A source that is asked over HTTP and remembers the answers.

    A catalogue says how to `search`, to list the `top` tracks and to find a `preview`.

    Parameters
    ----------
    settings : Settings
    client : http.Client
    links : callable or None
        MBID → this catalogue's own ids, for artists who share a name.
    part : str
        Of the catalogue, such as a country's store, where answers depend on it.
    """

    def __init__(self, settings, client, links=None, part=""):
        self.client, self.links, self.damaged = client, links, settings.damaged
        self._answers = Answers(settings.cache, self.name, client, part, damaged=settings.damaged)
        self._previews = {}  # track id → address, for this run only

    def search(self, name):
        """Ask for candidates; a list of `Candidate`, or None where there is no search to ask."""
        raise NotImplementedError

    def top(self, artist_id):
        """Ask for an artist's tracks that have a preview; a list of `Track`, None for an artist unknown."""
        raise NotImplementedError

    def preview(self, track_id):
        """Ask for the address of a track's preview; None where there is none."""
        raise NotImplementedError

    def candidates(self, artist):
        def search():
            matches = self.search(artist.name)
            if matches is None:  # of an artist, "no such thing" is an answer; of the search itself, a fault
                raise faults.Unavailable(f"{self.name} has no search at its address (HTTP 404)", status=404)
            return [dataclasses.asdict(candidate) for candidate in matches]

        answer = self._answers.remember(["search", artist.name], search)
        return [
            Candidate(row["id"], row["name"], tuple(Track(**track) for track in row["tracks"]))
            for row in answer
        ]

    def linked(self, artist_id):
        return self.links(artist_id) if self.links else []

    def tracks(self, candidate):
        if candidate.tracks:
            return list(candidate.tracks)
        answer = self._answers.remember(
            ["top", candidate.id],
            lambda: [dataclasses.asdict(track) for track in self.top(candidate.id) or []],
        )
        return [Track(**row) for row in answer]

    def fetch(self, track):
        """Find the address of the preview and download it; once more if it has expired by then."""
        for last in (False, True):
            address = self._previews.pop(track.id, None) or self.preview(track.id)
            if not address:
                raise faults.Unavailable(f"{self.name} has no preview of it any more")
            if not isinstance(address, str):
                raise faults.Unavailable(
                    f"{self.name} sent a {type(address).__name__} for a preview's address"
                )
            try:
                content = self.client.download(address)
                return Fetched(content, http.host_of(address), _now())
            except faults.Unavailable as error:
                if last or error.status not in (401, 403, 404):
                    raise

    def recall(self, track):
        return self._answers.recall(["clip", track.id])

    def note(self, track, examination):
        self._answers.note(["clip", track.id], examination)


class Answers:
    """Good answers on disk, one JSON file a question, each with the checksum of both.

    Parameters
    ----------
    folder : Path or None
    name : str
        Of the source.
    client : http.Client
        Its address is part of each question. Of a loopback address only the path counts: the port is
        another one in every run.
    part : str
        Of the catalogue, where answers depend on it.
    damaged : list of Path, optional
        Gets the files that do not fit their checksums.
    """

    def __init__(self, folder, name, client, part="", *, damaged=None):
        self._folder = Path(folder) / name if folder else None
        where = http.path_of(client.address) if client.local else client.address
        self._where = f"{where} {part}" if part else where
        self._damaged = [] if damaged is None else damaged

    def remember(self, question, ask):
        """The answer from disk, or else what `ask` returns, which is then kept."""
        answer = self.recall(question)
        if answer is None:
            answer = ask()
            self.note(question, answer)
        return answer

    def recall(self, question):
        """The answer from disk, or None; a file whose checksum does not fit is thrown away."""
        if self._folder is None:
            return None
        path = self._path(question)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["question"] == [self._where, *question] and kept["sha256"] == _checksum(kept):
                return kept["answer"]
        except FileNotFoundError:  # never asked
            return None
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            pass
        self._damaged.append(path)
        path.unlink(missing_ok=True)
        return None

    def note(self, question, answer):
        """Keep an answer."""
        if self._folder is not None:
            kept = {"question": [self._where, *question], "answer": answer}
            artifacts.write_json(kept | {"sha256": _checksum(kept)}, self._path(question))

    def _path(self, question):
        digest = hashlib.sha1(json.dumps([self._where, *question]).encode()).hexdigest()
        return self._folder / f"{digest}.json"


def _checksum(kept):
    """Of question and answer, the same before they are written and after they are read."""
    text = json.dumps(
        [kept["question"], kept["answer"]], sort_keys=True, default=lambda array: array.tolist()
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _now():
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
