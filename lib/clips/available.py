"""Which artists of the plays have music, and which artists of the music are in the plays.

Conventions
-----------
Some sources list their artists (`lib.clips.sources.registry.offers`); of the others, services that can only
be searched, nobody knows before searching. Names are joined by the one rule of `lib.listening.names.join`,
which is that of `lib.clips.collect` as well.
"""

from dataclasses import dataclass

import pandas as pd

from lib.listening import names

COLUMNS = ("source", "side", "problem", "name", "artist_id", "nearest", "detail")  # of names.tsv
SHOWN = 5  # names in a message
AT_LEAST = 2  # artists that there must be to compare


@dataclass(frozen=True)
class Music:
    """The artists of the plays with music.

    Attributes
    ----------
    artist_ids : list of str or None
        In the order of the plays; None where a source can only be searched, so that any artist may have
        music.
    unresolved : pd.DataFrame
        ``source``, ``side`` (plays, music), ``problem``, ``name``, ``artist_id``, ``nearest``, ``detail``:
        the artists of the music who are not in the plays, with the nearest name that is, names that stand
        for several artists, and those that are a name of the plays but for diacritics or ``the``.
    sentence : str
        How many artists there are on both sides.
    """

    artist_ids: list | None
    unresolved: pd.DataFrame
    sentence: str


def of_plays(artists, offers):
    """Join the artists of the plays with those of the music.

    Parameters
    ----------
    artists : pd.DataFrame
        ``artist_id`` and ``name`` of all artists of the plays, the one with the most listeners first.
    offers : dict of str to (sequence of str or None)
        Artists of each source, as `lib.clips.sources.registry.offers` gives them.

    Returns
    -------
    Music

    Raises
    ------
    ValueError
        If all sources list their artists, and fewer than two of these are in the plays.

    Examples
    --------
    >>> artists = pd.DataFrame({"artist_id": ["a", "b", "c"], "name": ["The Beatles", "Abba", "Air"]})
    >>> music = of_plays(artists, {"folder": ["ABBA", "air", "The Beatle"]})
    >>> print(music.sentence)
    Of 3 artists in the music (folder), 2 are in the plays and 1 is not. The plays name 1 artist more.
    >>> music.artist_ids
    ['b', 'c']
    >>> music.unresolved[["name", "nearest"]].to_numpy().tolist()
    [['The Beatle', 'The Beatles']]
    """
    listed = {source: spellings for source, spellings in offers.items() if spellings is not None}
    joined = {source: names.join(artists, spellings) for source, spellings in listed.items()}
    matched = {artist for each in joined.values() for artist in each.matches["artist_id"]}
    ids = [artist for artist in artists["artist_id"] if artist in matched]
    unresolved = _unresolved(joined, artists)
    if len(listed) == len(offers) and len(ids) < AT_LEAST:
        raise ValueError(_too_few(len(ids), len(artists), listed, unresolved))
    searched = [source for source in offers if source not in listed]
    sentences = [_counts(len(ids), len(artists), listed, unresolved)] if listed else []
    if searched:
        sentences.append(
            f"Any artist of the plays may have music: {', '.join(searched)} can only be searched, for one"
            " artist at a time."
        )
    return Music(None if searched else ids, unresolved, " ".join(sentences))


def _unresolved(joined, artists):
    """What `names.join` could not resolve, but for artists of the plays without music: they are counted."""
    tables = [each.unresolved.assign(source=source) for source, each in joined.items()]
    empty = pd.DataFrame(columns=["source", *names.UNRESOLVED], dtype="str")
    table = pd.concat([empty, *tables], ignore_index=True)
    table = table[(table["side"] == "music") | (table["problem"] == "ambiguous")].reset_index(drop=True)
    alone = _alone(table)
    table["nearest"] = pd.Series("", index=table.index, dtype="str")
    table.loc[alone, "nearest"] = names.nearest(table.loc[alone, "name"].tolist(), artists["name"].tolist())
    return table[list(COLUMNS)]


def _alone(table):
    return (table["side"] == "music") & (table["problem"] == "unmatched")


def _counts(n_matched, n_plays, listed, unresolved):
    """How many artists of the listed music are in the plays; the same artist of two sources counts once."""
    missing = {names.normalise(name) for name in unresolved.loc[_alone(unresolved), "name"]}
    return (
        f"Of {_number(n_matched + len(missing), 'artist')} in the music ({', '.join(listed)}),"
        f" {_are(n_matched)} in the plays and {_are(len(missing))} not."
        f" The plays name {_number(n_plays - n_matched, 'artist')} more."
    )


def _too_few(n_matched, n_plays, listed, unresolved):
    in_music = len({names.normalise(name) for spellings in listed.values() for name in spellings})
    alone = unresolved[_alone(unresolved)].head(SHOWN)
    shown = ", ".join(
        f"{row.name!r}" + (f" (nearest in the plays: {row.nearest!r})" if row.nearest else "")
        for row in alone[["name", "nearest"]].itertuples(index=False)
    )
    return (
        f"{n_matched} of {_number(in_music, 'artist')} in the music ({', '.join(listed)}) are among the"
        f" {n_plays:,} of the plays, at least {AT_LEAST} are needed; without a partner are {shown}"
        f"{' and others' if len(unresolved[_alone(unresolved)]) > SHOWN else ''}: are these artists,"
        " spelt as in the plays?"
    )


def _number(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _are(number):
    return f"{number:,} {'is' if number == 1 else 'are'}"
