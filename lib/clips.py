"""Step 3 of the paper: for each artist, a few clips of half a minute, and a record of where they came from.

Conventions
-----------
Sources are asked in order; where one gives too few clips, the next one fills up. An artist of a source is
accepted only if its name is equal (`lib.names.normalise`); where several artists share the name, in the
source or in the listening data, only the one that MusicBrainz links to the MBID; in a source that knows
nothing but names, only the first of them in the listening data (`lib.names.join`). Tracks are taken in the
source's order, each title once. Every file has to pass a gate (`examine`, `objection`), whose decoder runs in
a child process (`lib.sandbox`): a file that crashes or hangs it is rejected like any other. What is rejected
is written down. Names from outside never become paths. Times are in seconds, loudness in decibels relative
to full scale.

The result depends on what the sources answer, not on the order in which answers arrive.
"""

import hashlib
import json
import math
import os
import re
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import artifacts, audio, names, sandbox
from lib.catalogues.http import Unavailable
from lib.catalogues.source import Candidate

CLIP_SECONDS = 30.0  # of a longer file, this much of its middle is the clip
SILENCE = -60.0  # dB: a clip whose loudest sample stays below is silent
GATE_SECONDS, GATE_GIGABYTES = 60.0, 2.0  # that the examination of one file may take
CLIPS = "clips"  # folder of the files
LINKED = "linked by MusicBrainz"
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


class Collection(NamedTuple):
    """What `collect` found.

    Attributes
    ----------
    clips : pd.DataFrame
        One row a clip, in the order of the artists, with the columns of ``COLUMNS``.
    missing : pd.DataFrame
        One row for each source that gave an artist fewer clips than wanted, or some that did not count.
    retrievals : pd.DataFrame
        When each clip was fetched, and from which host.
    """

    clips: pd.DataFrame
    missing: pd.DataFrame
    retrievals: pd.DataFrame


class Choice(NamedTuple):
    """Which candidate is the artist (None: none of them), why, and who was rejected."""

    candidate: Candidate | None
    because: str
    rejected: list


# More children than processors would only wait for each other, each with its memory.
_examining = threading.BoundedSemaphore(os.cpu_count() or 1)


class _Gathered(NamedTuple):
    clips: list
    missing: list
    retrievals: list


class _Rules(NamedTuple):
    folder: Path
    clips_per_artist: int
    min_seconds: float


def collect(artists, sources, folder, *, clips_per_artist=3, min_seconds=10.0, n_jobs=8):
    """Find, fetch and check the clips of all artists.

    Writes ``clips.parquet``, ``missing.tsv``, ``retrievals.tsv`` and the audio below ``clips/``; files of
    music folders stay where they are. After an interruption, call it again: what was fetched is not fetched
    again.

    Parameters
    ----------
    artists : pd.DataFrame
        Columns ``artist_id`` and ``name``; earlier rows keep a clip that two of them share.
    sources : sequence of lib.catalogues.source.Source
        In the order in which to ask them; see `lib.catalogues.connect`.
    folder : path
    clips_per_artist : int, >= 1
        At most so many.
    min_seconds : float
        Length that a clip must have.
    n_jobs : int
        Threads.

    Returns
    -------
    Collection

    Raises
    ------
    ValueError
        If an artist occurs twice, or fewer than two artists got a clip: there is nothing to compare then.
    """
    folder = Path(folder)
    if artists["artist_id"].duplicated().any():
        twice = artists.loc[artists["artist_id"].duplicated(), "artist_id"].iloc[0]
        raise ValueError(f"artist {twice!r} occurs more than once in the table of artists")
    wanted = list(artists[["artist_id", "name"]].itertuples(index=False, name="Artist"))
    shared = {source.name: _shared(artists, source) for source in sources}
    banned = {artist.artist_id: {} for artist in wanted}
    rules = _Rules(folder, clips_per_artist, min_seconds)

    def gather(artist):
        return _gather(artist, shared, sources, banned[artist.artist_id], rules)

    gathered, todo = {}, wanted
    while todo:
        jobs = (joblib.delayed(gather)(artist) for artist in todo)
        results = joblib.Parallel(n_jobs=n_jobs, prefer="threads", batch_size=1, return_as="generator")(jobs)
        shown = tqdm(results, total=len(todo), desc="clips", unit="artist")
        gathered |= {artist.artist_id: result for artist, result in zip(todo, shown, strict=True)}
        todo = _ban_copies(wanted, gathered, banned)
    found = _tables([gathered[artist.artist_id] for artist in wanted])
    _check(found, len(wanted))
    artifacts.write_parquet(found.clips, folder / "clips.parquet")
    artifacts.write_csv(found.missing, folder / "missing.tsv")
    artifacts.write_csv(found.retrievals, folder / "retrievals.tsv")
    _tidy(folder, found.clips)
    return found


def choose(artist, source, shared=False):
    """Which of a source's candidates is the artist.

    Parameters
    ----------
    artist : named tuple
        With ``artist_id`` and ``name``.
    source : lib.catalogues.source.Source
    shared : bool
        Whether another artist in the listening data has this name too; for a source that knows nothing but
        names, whether an earlier one has.

    Returns
    -------
    Choice

    Raises
    ------
    lib.catalogues.Unavailable
        If the source, or MusicBrainz, does not answer.
    """
    if not names.normalise(artist.name):
        return Choice(None, "the artist has no name", [])
    candidates = source.candidates(artist)
    for candidate in candidates:
        if names.normalise(candidate.name) == names.normalise(artist.artist_id):
            return Choice(candidate, "equal MBID", [])
    equal = [each for each in candidates if names.normalise(each.name) == names.normalise(artist.name)]
    if len(equal) == 1 and not shared:
        others = [each for each in candidates if each != equal[0]]
        return Choice(equal[0], "the only artist of this name", others)
    names_only = source.offers() is not None
    if not equal and (names_only or not shared):
        return Choice(None, "no artist of this name", candidates)
    if names_only:
        return Choice(None, "ambiguous: an artist before this one has the same name", candidates)
    linked = source.linked(artist.artist_id)
    by_id = {each.id: each for each in equal}
    if linked:  # preferably to one that the search found too; it may have drowned among its namesakes
        best = next((each for each in linked if each in by_id), linked[0])
        chosen = by_id.get(best, Candidate(best, artist.name))
        return Choice(chosen, LINKED, [each for each in candidates if each.id != best])
    where = "in the listening data" if shared else f"in {source.name}"
    return Choice(
        None, f"several artists of this name {where}, and no link of MusicBrainz tells which", candidates
    )


def examine(content):
    """What a file holds, by decoding it strictly.

    Parameters
    ----------
    content : bytes or Path
        A preview as a whole, or a file, of which the middle `CLIP_SECONDS` are decoded.

    Returns
    -------
    dict
        ``codec``, ``seconds``, ``sample_rate``, ``channels``, ``bytes``, ``sha256``, ``peak`` (largest
        sample, None if not finite), ``loudness`` (of the mean square, dB) and ``content``, a digest of the
        decoded sound.

    Raises
    ------
    ValueError
        If it cannot be decoded.
    """
    sound = audio.decode(content, middle=CLIP_SECONDS if isinstance(content, Path) else None)
    samples = sound.samples
    peak = float(max(samples.max(), -samples.min()))
    flat = samples.ravel(order="K")
    with np.errstate(over="ignore"):  # samples of a damaged file may be vast
        power = float(np.dot(flat, flat)) / flat.size
    digest = hashlib.sha1(f"{samples.shape} {sound.sample_rate}".encode())
    digest.update(np.ascontiguousarray(samples[::8]))  # an eighth is enough to tell recordings apart
    in_memory = isinstance(content, bytes)
    return {
        "codec": sound.codec,
        "seconds": round(sound.seconds, 3),
        "sample_rate": sound.sample_rate,
        "channels": samples.shape[1],
        "bytes": len(content) if in_memory else content.stat().st_size,
        "sha256": hashlib.sha256(content).hexdigest() if in_memory else artifacts.sha256(content),
        "peak": peak if math.isfinite(peak) else None,
        "loudness": round(10 * math.log10(power), 2) if 0 < power < math.inf else None,
        "content": digest.hexdigest(),
    }


def examine_apart(content):
    """As `examine`, in a child process, whose end is not ours.

    Parameters
    ----------
    content : bytes or Path

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        Also if the file crashes the decoder, or needs more than `GATE_SECONDS` or `GATE_GIGABYTES`.
    """
    with _examining, tempfile.NamedTemporaryFile() as file:
        if in_memory := isinstance(content, bytes):
            file.write(content)
            file.flush()
        path = os.path.abspath(file.name if in_memory else content)
        limits = {"seconds": GATE_SECONDS, "gigabytes": GATE_GIGABYTES}
        return json.loads(sandbox.call("lib.clips:as_told", path, in_memory, **limits).tobytes())


def as_told(path, whole):
    """What a child answers: `examine` of a file, or of its contents as a whole, as the bytes of JSON."""
    content = Path(path).read_bytes() if whole else Path(path)
    return np.frombuffer(json.dumps(examine(content)).encode(), dtype=np.uint8)


def objection(examination, min_seconds):
    """Why a clip does not count, in words; None if it does.

    Parameters
    ----------
    examination : dict
        From `examine`.
    min_seconds : float

    Returns
    -------
    str or None
    """
    if examination["seconds"] < min_seconds:
        return f"{examination['seconds']:.1f} s long, at least {min_seconds:g} s wanted"
    if examination["peak"] is None:
        return "samples that are not finite"
    if examination["peak"] < 10 ** (SILENCE / 20):
        return "silent"
    return None


def summary(found, sources, n_artists):
    """What was found where: ``clip_sources.csv``.

    Parameters
    ----------
    found : Collection
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
    """
    clips, rows = found.clips, []
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


def unresolved(artists, sources):
    """Names that do not lead from the plays to the music, or from the music to the plays: ``names.tsv``.

    Parameters
    ----------
    artists : pd.DataFrame
        Columns ``artist_id`` and ``name``, the one with the most listeners first.
    sources : sequence of lib.catalogues.source.Source
        Those that know nothing but names, such as a music folder, are looked at; in catalogues one can only
        search, what they lack is in ``missing.tsv``.

    Returns
    -------
    pd.DataFrame
        As `lib.names.Joined` describes, with a first column ``source``.
    """
    tables = [
        names.join(artists, source.offers()).unresolved.assign(source=source.name)
        for source in sources
        if source.offers() is not None
    ]
    columns = ["source", *names.UNRESOLVED]
    return pd.concat([pd.DataFrame(columns=columns, dtype="str"), *tables], ignore_index=True)[columns]


def _shared(artists, source):
    """Ids of the artists whose name does not tell a source who they are."""
    keep = False if source.offers() is None else "first"
    return set(artists.loc[artists["name"].map(names.normalise).duplicated(keep=keep), "artist_id"])


def _gather(artist, shared, sources, banned, rules):
    """The clips of one artist, source by source."""
    gathered = _Gathered([], [], [])
    for source in sources:
        had = len(gathered.clips)
        if had == rules.clips_per_artist:
            break
        complaints, rejected = [], []
        try:
            choice = choose(artist, source, artist.artist_id in shared[source.name])
            rejected = choice.rejected
            if choice.candidate is None:
                complaints.append(choice.because)
            else:
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
            found = _admit(source, track, rules)
        except (Unavailable, ValueError) as error:
            yield f"{track.title!r}: {str(error).removeprefix('sound in memory: ')}"
            continue
        copied = "another clip" if found["content"] in {clip["content"] for clip in gathered.clips} else None
        if original := banned.get((source.name, track.id), copied):
            yield f"{track.title!r}: the same sound as {original}"
            continue
        clip_id = f"{hashlib.sha1(artist.artist_id.encode()).hexdigest()[:12]}-{len(gathered.clips)}"
        gathered.retrievals.append((clip_id, source.name, found["host"], found["retrieved"]))
        gathered.clips.append(
            found
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
    found = source.recall(track)
    if found is None or not (objection(found, rules.min_seconds) or _intact(rules.folder, found)):
        fetched = source.fetch(track)
        found = examine_apart(fetched.content) | {"host": fetched.host, "retrieved": fetched.retrieved}
        if isinstance(fetched.content, Path):
            found["file"] = str(fetched.content)
        else:
            name = hashlib.sha1(f"{source.name}/{track.id}".encode()).hexdigest()[:16]
            found["file"] = f"{CLIPS}/{name}.{found['codec']}"
            if objection(found, rules.min_seconds) is None:
                with artifacts.replacing(rules.folder / found["file"]) as temporary:
                    temporary.write_bytes(fetched.content)
            source.note(track, found)
    if reason := objection(found, rules.min_seconds):
        raise ValueError(reason)
    return found


def _intact(folder, found):
    path = folder / found["file"]
    return path.is_file() and artifacts.sha256(path) == found["sha256"]


def _ban_copies(wanted, gathered, banned):
    """Forbid clips that an earlier artist has too; return the artists who now need others."""
    owner, again = {}, []
    for artist in wanted:
        for clip in gathered[artist.artist_id].clips:
            first = owner.setdefault(clip["content"], artist)
            if first is not artist:
                key = (clip["source"], clip["source_track_id"])
                banned[artist.artist_id][key] = f"a clip of {first.name}"
                again.append(artist)
    return list(dict.fromkeys(again))


def _tables(gathered):
    clips = [clip for each in gathered for clip in each.clips]
    missing = [row for each in gathered for row in each.missing]
    retrievals = [row for each in gathered for row in each.retrievals]
    return Collection(
        pd.DataFrame(clips, columns=list(COLUMNS)).astype(COLUMNS),
        pd.DataFrame(missing, columns=MISSING, dtype="str"),
        pd.DataFrame(retrievals, columns=RETRIEVALS, dtype="str"),
    )


def _check(found, n_artists):
    n_found = found.clips["artist_id"].nunique()
    if n_found < 2:
        first = found.missing.head(5).itertuples()
        reasons = "".join(f"\n  {row.artist} in {row.source}: {row.reason}" for row in first)
        raise ValueError(
            f"{n_found} of {n_artists} artists got a clip, at least 2 are needed to compare any. Are names"
            f" spelt alike in the plays and in the sources?{reasons}"
        )


def _tidy(folder, clips):
    """Remove files of earlier runs that are no clip any more."""
    kept = set(clips["file"])
    for path in (folder / CLIPS).glob("*"):
        if f"{CLIPS}/{path.name}" not in kept and re.search(r"[0-9a-f]{16}\.[a-z0-9]+$", path.name):
            path.unlink()
