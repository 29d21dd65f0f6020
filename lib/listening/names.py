"""When two spellings are the same name, the one rule by which plays, catalogues and music folders are joined.

Conventions
-----------
MBIDs are compared in small letters, without braces or address; of several in one field the first counts.

Names are the same if `normalise` makes them equal; within the plays nothing else is forgiven. A music folder
has names as file systems hold them: one that is nobody's by `normalise` is compared by its `folded` form,
and, for artists who have no music yet, by its `loose` one, and each match says so (`HOW`). Where two artists
of the plays have the same form, the name stays without a partner and is listed. A "tribute" more makes
another name, which `nearest` can only suggest.

Where nothing but a name tells artists apart, it stands for the first artist who has it, the one with the most
listeners; the others go without, so that no two artists share their clips.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl

from lib.listening.spelling import folded, is_nobody, loose, nobody, normalise

__all__ = ("folded", "is_nobody", "loose", "nobody", "normalise")

SIMILAR = 0.7  # ratio of `difflib` from which a spelling is worth a suggestion
SHORTLIST, AT_ONCE = 10, 100  # spellings that are compared letter by letter; names in one product
ID, NAME, FOLDED, LOOSE = HOW = (
    "equal MBID",
    "equal name",
    "equal but for typography, characters that files cannot hold or the place of the article",
    "equal but for diacritics or 'the'",
)
UNRESOLVED = ("side", "problem", "name", "artist_id", "detail")


class Joined(NamedTuple):
    """Artists of the plays and artists of the music, by their names.

    Attributes
    ----------
    matches : pd.DataFrame
        Columns ``artist_id``, ``name``, ``offered`` (a spelling in the music), ``how`` (one of `HOW`): for
        each artist of the plays who is in the music, in their order, one row for each name in the music that
        is the artist's.
    unresolved : pd.DataFrame
        Columns ``side`` (plays, music), ``problem``, ``name``, ``artist_id`` (empty for the music) and
        ``detail``. Problems are unmatched, ambiguous, and, of a match by the loose form, similar.
    """

    matches: pd.DataFrame
    unresolved: pd.DataFrame


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MBID = rf"(?i)^(?:\W*|https?://\S+/)({UUID})(?:\W.*)?$"  # alone, in braces, of an address, first of several


def mbid(text):
    """The MBID in a text: in small letters, without braces or address, the first of several.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Empty where the text is something else.

    Examples
    --------
    >>> mbid("{A74B1B7F-71A5-4011-9441-D0B5E4122711}")
    'a74b1b7f-71a5-4011-9441-d0b5e4122711'
    >>> mbid("Abba")
    ''
    """
    match = re.match(MBID, text.strip())
    return match[1].lower() if match else ""


def join(artists, offered):
    """Which artist of the plays is which of the music, and who is left over on either side.

    Parameters
    ----------
    artists : pd.DataFrame
        Columns ``artist_id`` and ``name``, the one with the most listeners first.
    offered : sequence of str
        Names, or MBIDs, by which the music calls its artists. An equal MBID goes before an equal name.

    Returns
    -------
    Joined

    Examples
    --------
    >>> artists = pd.DataFrame({"artist_id": ["a", "b", "c"], "name": ["Nirvana", "NIRVANA", "Air"]})
    >>> joined = join(artists, ["nirvana", "Abba"])
    >>> joined.matches["artist_id"].tolist()
    ['a']
    >>> joined.unresolved[["side", "problem", "name"]].to_numpy().tolist()
    [['plays', 'ambiguous', 'NIRVANA'], ['plays', 'unmatched', 'Air'], ['music', 'unmatched', 'Abba']]
    """
    spellings = {}
    for name in dict.fromkeys(offered):
        spellings.setdefault(normalise(name), []).append(name)
    rows = list(artists[["artist_id", "name"]].itertuples(index=False, name="Artist"))
    matched, reasons = _by_name(rows, spellings)
    unclear = {}
    for form, how in ((folded, FOLDED), (loose, LOOSE)):
        unclear |= _by_form(rows, spellings, form, how, matched, unclear)
    for key, (candidates, how) in unclear.items():
        for row in candidates:
            reasons.setdefault(
                row, ("ambiguous", f"{min(spellings[key])!r} in the music is {how}, for others too")
            )
    partners = {}
    for key, (row, how) in matched.items():
        partners.setdefault(row, []).append((HOW.index(how), key))
    matches, unresolved = [], []
    for row, (artist_id, name) in enumerate(rows):
        for rank, key in sorted(partners.get(row, [])):
            matches.append((artist_id, name, min(spellings[key]), HOW[rank]))
        if row not in partners:
            problem, detail = reasons.get(row, ("unmatched", "nobody in the music has this name"))
            unresolved.append(("plays", problem, name, artist_id, detail))
    for key, spelt in spellings.items():
        name = min(spelt)
        if key not in matched:
            unresolved.append(("music", "unmatched", name, "", _why_alone(rows, unclear.get(key))))
            continue
        row, how = matched[key]
        if how == LOOSE:
            unresolved.append(("music", "similar", name, "", f"taken for {rows[row].name!r}: {how}"))
        together = sorted(each for _, other in partners[row] for each in spellings[other])
        if len(together) > 1 and key == min(partners[row])[1]:
            detail = f"taken for one artist: {', '.join(map(repr, together))}"
            unresolved.append(("music", "ambiguous", name, "", detail))
    return Joined(
        pd.DataFrame(matches, columns=["artist_id", "name", "offered", "how"], dtype="str"),
        pd.DataFrame(unresolved, columns=list(UNRESOLVED), dtype="str"),
    )


def _by_name(rows, spellings):
    """Name in the music -> (row, how), by MBID and by `normalise`; and why other rows have none."""
    matched, reasons, owner = {}, {}, {}
    for row, (artist_id, name) in enumerate(rows):
        by_id, by_name = normalise(artist_id), normalise(name)
        first = owner.setdefault(by_name, row)
        if not by_name:
            reasons[row] = ("unmatched", "has no name")
            continue
        if by_id in spellings:
            matched[by_id] = (row, ID)
        if by_name in spellings and first == row:
            matched[by_name] = (row, NAME)
        elif by_name in spellings:
            reasons[row] = ("ambiguous", f"{rows[first].artist_id} has this name and comes first")
    return matched, reasons


def _by_form(rows, spellings, form, how, matched, unclear):
    """Match what is left by a more tolerant form, where one artist of the plays alone has it.

    Returns what more than one has: name in the music -> (their rows, how).
    """
    left = {
        key: form(min(spelt)) for key, spelt in spellings.items() if key not in matched and key not in unclear
    }
    wanted, with_music, holders, several = (
        set(left.values()) - {""},
        {row for row, _ in matched.values()},
        {},
        {},
    )
    for row, (_, name) in enumerate(rows if wanted else []):
        if (key := form(name)) in wanted:
            holders.setdefault(key, {}).setdefault(normalise(name), row)  # of one name, the first
    for key, of_form in left.items():
        candidates = list(holders.get(of_form, {}).values())
        if len(candidates) > 1:
            several[key] = (candidates, how)
        elif candidates and not (how == LOOSE and candidates[0] in with_music):
            matched[key] = (candidates[0], how)
    return several


def _why_alone(rows, unclear):
    """Why a name in the music has no partner."""
    if unclear is None:
        return "no artist of the plays has this name"
    candidates, how = unclear
    who = ", ".join(f"{rows[row].name!r} ({rows[row].artist_id})" for row in candidates)
    return f"it could be each of {who}: {how}"


def nearest(missing, spellings):
    """The most similar of some spellings for each name: what a person may have meant.

    Accents, punctuation and the order of words count for nothing here. Spellings that share the rarest runs
    of two and three letters with a name are compared with it letter by letter.

    Parameters
    ----------
    missing : sequence of str
    spellings : sequence of str
        Of two that are as similar the first is taken.

    Returns
    -------
    list of str
        Empty text where no spelling is similar (`SIMILAR`).

    Examples
    --------
    >>> nearest(["Beatles", "Hendrix, Jimi", "Beyonce", "Zzz"], ["Jimi Hendrix", "The Beatles", "Beyoncé"])
    ['The Beatles', 'Jimi Hendrix', 'Beyoncé', '']
    """
    keys, wanted = ([_plain(name) for name in side] for side in (spellings, missing))
    if not any(keys) or not any(wanted):
        return ["" for _ in wanted]
    from sklearn.feature_extraction.text import TfidfVectorizer

    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), lowercase=False, dtype=np.float32)
    grams, suggested = letters.fit_transform(keys).T.tocsr(), []
    for start in range(0, len(wanted), AT_ONCE):
        block = wanted[start : start + AT_ONCE]
        alike = letters.transform(block) @ grams
        for name, first, end in zip(block, alike.indptr, alike.indptr[1:], strict=False):
            values, places = alike.data[first:end], alike.indices[first:end]
            if len(places) > SHORTLIST:
                places = places[np.argpartition(-values, SHORTLIST)[:SHORTLIST]]
            ratios = {place: _ratio(name, keys[place]) for place in np.sort(places)}
            best = max(ratios, key=ratios.get, default=None)
            suggested.append(spellings[best] if ratios.get(best, 0) >= SIMILAR else "")
    return suggested


def _plain(name):
    """Letters, digits and spaces of a normalised name, without accents."""
    apart = unicodedata.normalize("NFKD", normalise(name))
    return "".join(sign for sign in apart if sign.isalnum() or sign == " ")


def _ratio(one, other):
    """Likeness of two plain names in [0, 1], whatever the order of their words."""
    in_order = (" ".join(sorted(name.split())) for name in (one, other))
    pairs = [(one, other), tuple(in_order)]
    return max(difflib.SequenceMatcher(None, *pair, autojunk=False).ratio() for pair in pairs)


AMBIGUOUS = ("kind", "artist_id", "name", "plays", "other", "other_plays", "decision")


def resolve(spellings, *, one_mbid_per_name=True):
    """Give each spelling its artist, and each artist its name.

    Parameters
    ----------
    spellings : pl.DataFrame
        ``mbid`` (may be empty), ``name``, ``plays``.
    one_mbid_per_name : bool
        Whether artists whose names are the same become one.

    Returns
    -------
    artist : np.ndarray, shape=(n_spellings,)
        Row of ``artists`` for each spelling.
    artists : pd.DataFrame
        ``artist_id``, ``name``; sorted by id.
    ambiguous : pd.DataFrame
        ``kind`` (one MBID with several names, one name with several MBIDs), ``artist_id``, ``name`` and
        ``plays`` of the artist; ``other`` name or MBID and ``other_plays``; ``decision`` (one artist, or kept
        apart). Most plays first.

    Examples
    --------
    >>> rows = [("m1", "Abba", 9), ("m2", "ABBA", 2), ("", "abba", 1)]
    >>> artist, artists, _ = resolve(pl.DataFrame(rows, ["mbid", "name", "plays"], orient="row"))
    >>> artist.tolist(), artists.to_dict("list")
    ([0, 0, 0], {'artist_id': ['m1'], 'name': ['Abba']})
    """
    keys = [normalise(name) for name in spellings["name"]]
    ids = pl.col("mbid").str.strip_chars()
    ids = pl.coalesce(ids.str.extract(MBID, 1).str.to_lowercase(), ids)
    rows = spellings.select(mbid=ids, name="name", plays="plays", key=pl.Series(keys, dtype=pl.String))
    with_mbid = rows.filter(pl.col("mbid") != "")
    unnamed = rows.filter(pl.col("mbid") == "").select("key").unique()
    by_name = _most_played(with_mbid.join(unnamed, on="key", how="semi"), of=["key"], choose=["mbid"])
    by_name = unnamed.join(by_name, on="key", how="left").select(
        "key", mbid=pl.lit(""), of_name=pl.coalesce("mbid", pl.lit("name:") + pl.col("key"))
    )
    rows = rows.join(by_name, on=["mbid", "key"], how="left", maintain_order="left")
    rows = rows.with_columns(artist_id=pl.coalesce("of_name", "mbid"))
    named = _most_played(rows, of=["artist_id"], choose=["name", "key"])
    first = _most_played(named, of=["key"], choose=["artist_id"])
    named = named.join(first.select("key", first="artist_id"), on="key")
    ambiguous = _ambiguous(with_mbid, named, one_mbid_per_name=one_mbid_per_name)
    if one_mbid_per_name:
        others = named.filter(pl.col("first") != pl.col("artist_id")).select("artist_id", "first")
        rows = rows.join(others, on="artist_id", how="left", maintain_order="left")
        rows = rows.with_columns(artist_id=pl.coalesce("first", "artist_id"))
        named = named.join(others, on="artist_id", how="anti")
    artists = named.select("artist_id", "name").sort("artist_id")
    artist = artists.select("artist_id").with_row_index("artist")
    return (
        rows.join(artist, on="artist_id", how="left", maintain_order="left")["artist"].to_numpy(),
        artists.to_pandas(),
        ambiguous.to_pandas(),
    )


def _most_played(rows, *, of, choose):
    """For each `of` the `choose` with the most plays, then the lexically first; and all plays of `of`."""
    plays = rows.group_by(of + choose).agg(pl.col("plays").sum())
    plays = plays.sort(["plays", *choose], descending=[True, *(False for _ in choose)])
    return plays.group_by(of, maintain_order=True).agg(pl.col(choose).first(), pl.col("plays").sum())


def _ambiguous(with_mbid, named, *, one_mbid_per_name):
    """One row for each name or MBID that was decided against; another spelling of a name is none."""
    owners = named.select("artist_id", "name", "plays")
    names_of = with_mbid.rename({"mbid": "artist_id"})
    other_names = names_of.join(named.select("artist_id", "key"), on=["artist_id", "key"], how="anti")
    other_names = _most_played(other_names, of=["artist_id", "key"], choose=["name"])
    other_names = other_names.rename({"name": "other", "plays": "other_plays"}).with_columns(
        kind=pl.lit("one MBID, several names"), decision=pl.lit("one artist")
    )
    other_mbids = named.filter(pl.col("first") != pl.col("artist_id")).select(
        artist_id="first",
        other="artist_id",
        other_plays="plays",
        kind=pl.lit("one name, several MBIDs"),
        decision=pl.lit("one artist" if one_mbid_per_name else "kept apart"),
    )
    tables = [frame.join(owners, on="artist_id").select(AMBIGUOUS) for frame in (other_names, other_mbids)]
    return pl.concat(tables).sort(["other_plays", "artist_id", "other"], descending=[True, False, False])
