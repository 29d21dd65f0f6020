"""Step 3 of the paper: for each artist, a few clips of half a minute, and a record of where they came from.

Conventions
-----------
Sources are asked in order; where one gives too few clips, the next one fills up. An artist of a source is
accepted only if its name is equal (`lib.listening.names.normalise`), in a source that knows nothing but names
by the rule of `lib.listening.names.join`; where several artists share the name, in
the source or in the listening data, only the one that MusicBrainz links to the MBID; in a source that knows
nothing but names, only the first of them in the listening data (`lib.listening.names.join`). Tracks are taken
in the source's order, each title once. Every file has to pass a gate (`examine`, `objection`), whose decoder
runs in a child process (`lib.audio.sandbox`): a file that crashes or hangs it is rejected like any other.
What is rejected is written down. Names from outside never become paths. Times are in seconds, loudness in
decibels relative to full scale.

The result depends on what the sources answer, not on the order in which answers arrive.

This file is long because the way of one artist, from its name to its clips, is read from top to bottom.
"""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.clips import copies, gate, lists, music_files
from lib.clips.sources.faults import Unavailable
from lib.clips.sources.source import Candidate
from lib.listening import names
from lib.workflow import artifacts, paths

CLIPS = "clips"  # folder of the files
LINKED = "linked by MusicBrainz"
BECAUSE = {names.ID: "equal MBID", names.NAME: "the only artist of this name"}
COLUMNS = {  # of clips.parquet
    "clip_id": "str",
    "artist_id": "str",
    "artist": "str",
    "source": "str",
    "source_artist_id": "str",
    "source_track_id": "str",
    "title": "str",
    "album": "str",  # empty where the source does not name it
    "matched_name": "str",
    "accepted_because": "str",
    "codec": "str",
    "seconds": "float64",
    "sample_rate": "int64",
    "channels": "int64",
    "loudness": "float64",
    "bytes": "int64",
    "sha256": "str",
    "file": "str",
}
MISSING = ("artist_id", "artist", "source", "reason", "rejected_candidates")
RETRIEVALS = ("clip_id", "source", "host", "retrieved")


class Choice(NamedTuple):
    """Which candidate is the artist (None: none of them), why, who was rejected, and whom else it may be."""

    candidate: Candidate | None
    because: str
    rejected: list
    others: tuple = ()  # to be tried in turn where the candidate has no tracks


class _Gathered(NamedTuple):
    clips: list
    missing: list
    retrievals: list
    copies: list


class _Rules(NamedTuple):
    folder: Path
    clips_per_artist: int
    min_seconds: float


def collect(artists, sources, folder, *, everybody=None, clips_per_artist=3, min_seconds=10.0, n_jobs=8):
    """Find, fetch and check the clips of all artists.

    Writes ``clips.parquet``, ``missing.tsv``, ``retrievals.tsv`` and the audio below ``clips/``; files of
    music folders stay where they are. Where there are any, recordings that are another clip once more are
    listed in ``copies.tsv``, and files of a music folder that nobody's clip can be in ``left_out.tsv``. After
    an interruption, call it again: what was fetched is not fetched again.

    Parameters
    ----------
    artists : pd.DataFrame
        Columns ``artist_id`` and ``name``; earlier rows keep a clip that two of them share.
    sources : sequence of lib.clips.sources.source.Source
        In the order in which to ask them; see `lib.clips.sources.registry.connect`.
    folder : path
    everybody : pd.DataFrame, optional
        The same columns of all artists of the plays, where `artists` are some of them: a name in the music
        that could be several of these is nobody's.
    clips_per_artist : int, >= 1
        At most so many.
    min_seconds : float
        Length that a clip must have.
    n_jobs : int
        Threads.

    Returns
    -------
    clips : pd.DataFrame
        One row a clip, in the order of the artists, with the columns of ``COLUMNS``.
    missing : pd.DataFrame
        One row for each source that gave an artist fewer clips than wanted, or some that did not count.

    Raises
    ------
    ValueError
        If an artist occurs twice, or fewer than two artists got a clip: there is nothing to compare then.

    Examples
    --------
    >>> import tempfile, numpy, soundfile
    >>> from lib.clips.sources import registry
    >>> music, folder = Path(tempfile.mkdtemp()), tempfile.mkdtemp()
    >>> for seed, name in enumerate(["Abba", "Air"]):
    ...     (music / name).mkdir()
    ...     soundfile.write(music / name / "song.wav", numpy.random.default_rng(seed).random(8000), 8000)
    >>> artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["ABBA", "Air"]})
    >>> sources = registry.connect(["folder"], music_folder=str(music))
    >>> clips, missing = collect(artists, sources, folder, clips_per_artist=1, min_seconds=1.0)
    >>> clips[["artist", "source", "title", "seconds"]].to_numpy().tolist()
    [['ABBA', 'folder', 'Abba/song', 1.0], ['Air', 'folder', 'Air/song', 1.0]]
    """
    folder = Path(folder)
    if artists["artist_id"].duplicated().any():
        twice = artists.loc[artists["artist_id"].duplicated(), "artist_id"].iloc[0]
        raise ValueError(f"artist {twice!r} occurs more than once in the table of artists")
    wanted = list(artists[["artist_id", "name"]].itertuples(index=False, name="Artist"))
    shared = {source.name: _shared(artists, source) for source in sources}
    partners = {
        source.name: _partners(artists if everybody is None else everybody, source) for source in sources
    }
    banned = {artist.artist_id: {} for artist in wanted}
    rules = _Rules(folder, clips_per_artist, min_seconds)

    def gather(artist):
        return _gather(artist, shared, partners, sources, banned[artist.artist_id], rules)

    gathered, todo = {}, wanted
    while todo:
        jobs = (joblib.delayed(gather)(artist) for artist in todo)
        results = joblib.Parallel(n_jobs=n_jobs, prefer="threads", batch_size=1, return_as="generator")(jobs)
        shown = tqdm(results, total=len(todo), desc="clips", unit="artist")
        gathered |= {artist.artist_id: result for artist, result in zip(todo, shown, strict=True)}
        todo = _ban_copies(wanted, gathered, banned)
    if damaged := sorted({path for source in sources for path in source.damaged}):
        print(
            f"{len(damaged)} remembered answers had no checksum that fits, were thrown away and asked for"
            f" again; the first: {paths.place(damaged[0])}"
        )
    clips, missing, retrievals, copied = _tables([gathered[artist.artist_id] for artist in wanted])
    _check(clips, missing, len(wanted))
    artifacts.write_parquet(clips, folder / "clips.parquet")
    artifacts.write_csv(missing, folder / "missing.tsv")
    artifacts.write_csv(retrievals, folder / "retrievals.tsv")
    for name, table in zip(lists.FILES, (copied, lists.left_out(sources))):
        if len(table):
            artifacts.write_csv(table, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    _tidy(folder, clips)
    return clips, missing


def choose(artist, source, shared=False):
    """Which of a source's candidates is the artist.

    Parameters
    ----------
    artist : named tuple
        With ``artist_id`` and ``name``.
    source : lib.clips.sources.source.Source
    shared : bool
        Whether another artist in the listening data has this name too; for a source that knows nothing but
        names, whether an earlier one has.

    Returns
    -------
    Choice

    Raises
    ------
    lib.clips.sources.registry.Unavailable
        If the source, or MusicBrainz, does not answer.
    """
    if not names.normalise(artist.name):
        return Choice(None, "the artist has no name", [])
    candidates = source.candidates(artist)
    for candidate in candidates:
        if names.normalise(candidate.name) == names.normalise(artist.artist_id):
            return Choice(candidate, "equal MBID", [])
    by_id = {}
    for each in candidates:
        if names.normalise(each.name) == names.normalise(artist.name):
            by_id.setdefault(each.id, each)
    equal = list(by_id.values())
    if len(equal) == 1 and not shared:
        others = [each for each in candidates if each != equal[0]]
        return Choice(equal[0], "the only artist of this name", others)
    names_only = source.offers() is not None
    if not equal and (names_only or not shared):
        return Choice(None, "no artist of this name", candidates)
    if names_only:
        return Choice(None, "ambiguous: an artist before this one has the same name", candidates)
    linked = source.linked(artist.artist_id)
    if linked:  # preferably to one that the search found too; it may have drowned among its namesakes
        best, *others = (
            by_id.get(each, Candidate(each, artist.name, by_id=True))
            for each in sorted(linked, key=lambda each: each not in by_id)
        )
        rejected = [each for each in candidates if each.id != best.id]
        return Choice(best, LINKED, rejected, tuple(others))
    where = "in the listening data" if shared else f"in {source.name}"
    return Choice(
        None, f"several artists of this name {where}, and no link of MusicBrainz tells which", candidates
    )


def summary(clips, sources, n_artists):
    """What was found where: ``clip_sources.csv``.

    Parameters
    ----------
    clips : pd.DataFrame
        From `collect`.
    sources : sequence of str
        Names of the sources, in the order in which they were asked.
    n_artists : int
        Artists that clips were wanted for.

    Returns
    -------
    pd.DataFrame
        Columns ``source``, ``quantity``, ``value``. For each source and for all: clips, artists with a clip
        from it, and those among them that MusicBrainz had to tell from others of the same name. For all,
        also the artists missing, their share, and the share of clips that another source than the first had
        to give.

    Examples
    --------
    >>> clips = pd.DataFrame({"artist_id": ["a", "a", "b"], "source": ["itunes", "itunes", "deezer"]})
    >>> clips["accepted_because"] = ["the only artist of this name"] * 2 + [LINKED]
    >>> table = summary(clips, ["itunes", "deezer"], n_artists=4).set_index(["source", "quantity"])["value"]
    >>> table["all"].round(2).loc[["clips", "artists", "missing_share", "fallback_share"]].to_dict()
    {'clips': 3.0, 'artists': 2.0, 'missing_share': 0.5, 'fallback_share': 0.33}
    """
    rows = []
    for source in (*sources, "all"):
        own = clips if source == "all" else clips[clips["source"] == source]
        linked = own.loc[own["accepted_because"] == LINKED, "artist_id"]
        rows.append((source, "clips", len(own)))
        rows.append((source, "artists", own["artist_id"].nunique()))
        rows.append((source, "disambiguated_artists", linked.nunique()))
    n_missing = n_artists - clips["artist_id"].nunique()
    rows.append(("all", "missing_artists", n_missing))
    rows.append(("all", "missing_share", n_missing / n_artists))
    rows.append(("all", "fallback_share", (clips["source"] != sources[0]).mean()))
    return pd.DataFrame(rows, columns=["source", "quantity", "value"])


def _shared(artists, source):
    """Ids of the artists whose name does not tell a source who they are."""
    keep = False if source.offers() is None else "first"
    return set(artists.loc[artists["name"].map(names.normalise).duplicated(keep=keep), "artist_id"])


def _partners(artists, source):
    """Artists whose name in the source is another one by `names.normalise`, or who have several there."""
    offered = source.offers()
    if offered is None:
        return {}
    matches, choices = names.join(artists, offered).matches, {}
    for artist_id, own in matches.groupby("artist_id", sort=False):
        if len(own) > 1 or own["how"].iloc[0] not in (names.ID, names.NAME):
            how = own["how"].iloc[0]
            choices[artist_id] = Choice(source.unite(own["offered"]), BECAUSE.get(how, how), [])
    return choices


def _gather(artist, shared, partners, sources, banned, rules):
    """The clips of one artist, source by source."""
    gathered = _Gathered([], [], [], [])
    for source in sources:
        had = len(gathered.clips)
        if had == rules.clips_per_artist:
            break
        complaints, rejected = [], []
        try:
            choice = partners[source.name].get(artist.artist_id)
            if choice is None:
                choice = choose(artist, source, artist.artist_id in shared[source.name])
            rejected = choice.rejected
            if choice.candidate is None:
                complaints.append(choice.because)
            else:
                if choice.others:
                    each = (choice.candidate, *choice.others)
                    with_tracks = next((one for one in each if source.tracks(one)), choice.candidate)
                    choice = choice._replace(candidate=with_tracks)
                for complaint in _fill(gathered, artist, source, choice, banned, rules):
                    complaints.append(complaint)  # one by one: what was said before a fault counts too
        except Unavailable as error:
            complaints.append(str(error))
        if complaints:
            got = f"{len(gathered.clips) - had} of {rules.clips_per_artist - had} clips"
            others = "; ".join(f"{each.name} ({each.id})" for each in rejected[:10])
            reason = "; ".join([got, *complaints])
            gathered.missing.append((artist.artist_id, artist.name, source.name, reason, others))
    return gathered


def _fill(gathered, artist, source, choice, banned, rules):
    """Take tracks until there are enough clips; yield what there is to say against the others."""
    for track in source.tracks(choice.candidate):
        if len(gathered.clips) == rules.clips_per_artist:
            return
        if names.normalise(track.title) in {names.normalise(clip["title"]) for clip in gathered.clips}:
            continue
        try:
            sound = _admit(source, track, rules)
        except (Unavailable, ValueError) as error:
            yield f"{track.title!r}: {str(error).removeprefix('sound in memory: ')}"
            continue
        of_own = next((clip for clip in gathered.clips if _same(clip, sound)), None)
        if original := banned.get((source.name, track.id), of_own):
            whose = "another clip" if original is of_own else f"a clip of {original['artist']}"
            yield f"{track.title!r}: the same sound as {whose}"
            of_original = [original[key] for key in ("artist", "source", "source_track_id")]
            gathered.copies.append((artist.artist_id, artist.name, source.name, track.id, *of_original))
            continue
        clip_id = f"{hashlib.sha1(artist.artist_id.encode()).hexdigest()[:12]}-{len(gathered.clips)}"
        gathered.retrievals.append((clip_id, source.name, sound["host"], sound["retrieved"]))
        gathered.clips.append(
            sound
            | {
                "clip_id": clip_id,
                "artist_id": artist.artist_id,
                "artist": artist.name,
                "source": source.name,
                "source_artist_id": choice.candidate.id,
                "source_track_id": track.id,
                "title": track.title,
                "album": track.album,
                "matched_name": choice.candidate.name,
                "accepted_because": choice.because,
            }
        )
    if len(gathered.clips) < rules.clips_per_artist:
        yield "no further track to be heard"


def _admit(source, track, rules):
    """Fetch and examine a track, unless that was done before; ValueError where it does not count."""
    sound = source.recall(track)
    if sound is None or not (gate.objection(sound, rules.min_seconds) or _intact(rules.folder, sound)):
        fetched = source.fetch(track)
        name = hashlib.sha1(f"{source.name}/{track.id}".encode()).hexdigest()[:16]
        content = fetched.content
        if isinstance(content, Path) and music_files.written(str(content)) != str(content):
            content = _linked(content, rules.folder / CLIPS, name)
        sound = gate.examine_apart(content) | {"host": fetched.host, "retrieved": fetched.retrieved}
        if content is not fetched.content:
            sound["file"] = f"{CLIPS}/{content.name}"
        elif isinstance(content, Path):
            sound["file"] = str(content)
        else:
            sound["file"] = f"{CLIPS}/{name}.{sound['codec']}"
            if gate.objection(sound, rules.min_seconds) is None:
                with artifacts.replacing(rules.folder / sound["file"]) as temporary:
                    temporary.write_bytes(fetched.content)
            source.note(track, sound)
    if reason := gate.objection(sound, rules.min_seconds):
        raise ValueError(reason)
    return sound


def _linked(target, folder, name):
    """A link to a file whose own name no table can hold."""
    folder.mkdir(parents=True, exist_ok=True)
    link = (folder / f"{name}{target.suffix.lower()}").absolute()
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    return link


def _intact(folder, sound):
    path = folder / sound["file"]
    return path.is_file() and artifacts.sha256(path) == sound["sha256"]


def _same(one, other):
    """Whether two examined sounds are the same recording."""
    prints = [_fingerprint(each) for each in (one, other)]
    near = all(each is not None for each in prints) and copies.distance(*prints) < copies.THRESHOLD
    return one["content"] == other["content"] or near


def _fingerprint(sound):
    """None for a sound that an earlier version of the gate has examined."""
    kept = sound.get("fingerprint")
    return np.frombuffer(bytes.fromhex(kept), dtype=np.uint8) if kept else None


def _ban_copies(wanted, gathered, banned):
    """Forbid clips that an earlier artist has too; return the artists who now need others."""
    clips = [(artist, clip) for artist in wanted for clip in gathered[artist.artist_id].clips]
    prints = {place: _fingerprint(clip) for place, (_, clip) in enumerate(clips)}
    prints = {place: each for place, each in prints.items() if each is not None}
    places = np.array(list(prints))
    alike = dict(zip(prints, places[copies.groups(list(prints.values()))].tolist() if prints else []))
    owner, again = {}, []
    for place, (artist, clip) in enumerate(clips):
        keys = (clip["content"], alike.get(place, place))
        first = next((owner[key] for key in keys if key in owner), place)
        for key in keys:
            owner.setdefault(key, first)
        if clips[first][0] is not artist:
            key = (clip["source"], clip["source_track_id"])
            banned[artist.artist_id][key] = clips[first][1]
            again.append(artist)
    return list(dict.fromkeys(again))


def _tables(gathered):
    clips = [clip for each in gathered for clip in each.clips]
    missing = [row for each in gathered for row in each.missing]
    retrievals = [row for each in gathered for row in each.retrievals]
    copied = [row for each in gathered for row in each.copies]
    return (
        pd.DataFrame(clips, columns=list(COLUMNS)).astype(COLUMNS),
        pd.DataFrame(missing, columns=MISSING, dtype="str"),
        pd.DataFrame(retrievals, columns=RETRIEVALS, dtype="str"),
        pd.DataFrame(copied, columns=lists.COPIES, dtype="str"),
    )


def _check(clips, missing, n_artists):
    n_kept = clips["artist_id"].nunique()
    if n_kept < 2:
        first = missing.head(5).itertuples()
        reasons = "".join(f"\n  {row.artist} in {row.source}: {row.reason}" for row in first)
        raise ValueError(
            f"{n_kept} of {n_artists} artists got a clip, at least 2 are needed to compare any. Are names"
            f" spelt alike in the plays and in the sources?{reasons}"
        )


def _tidy(folder, clips):
    """Remove files of earlier runs that are no clip any more."""
    kept = set(clips["file"])
    for path in (folder / CLIPS).glob("*"):
        if f"{CLIPS}/{path.name}" not in kept and re.search(r"[0-9a-f]{16}\.[a-z0-9]+$", path.name):
            path.unlink()
