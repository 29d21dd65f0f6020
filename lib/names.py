"""When two spellings are the same name, the one rule by which plays, catalogues and music folders are joined.

Conventions
-----------
Unicode NFKC, case-folded, white space folded to single spaces; NFKC and case run twice, as folding case can
undo NFKC. Nothing else is forgiven: an article, an accent or a "tribute" more makes another name. Where
nothing but a name tells artists apart, it stands for the first artist who has it, the one with the most
listeners; the others go without, so that no two artists share their clips.
"""

import unicodedata
from typing import NamedTuple

import pandas as pd

UNRESOLVED = ("side", "problem", "name", "artist_id", "detail")


class Joined(NamedTuple):
    """Artists of the plays and artists of the music, by their names.

    Attributes
    ----------
    matches : pd.DataFrame
        Columns ``artist_id``, ``name``, ``offered`` (a spelling in the music): one row for each artist of the
        plays who is in the music, in their order.
    unresolved : pd.DataFrame
        Columns ``side`` (plays, music), ``problem`` (unmatched, ambiguous), ``name``, ``artist_id`` (empty
        for the music) and ``detail``.
    """

    matches: pd.DataFrame
    unresolved: pd.DataFrame


def normalise(name):
    """The form in which names are compared.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        Empty where the name holds nothing but white space.

    Examples
    --------
    >>> normalise("  Ｓigur\\tRÓS ")
    'sigur rós'
    """
    if name.isascii():  # NFKC changes nothing here
        name = name.casefold()
    else:
        for _ in range(2):
            name = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(name.split())


def join(asked, offered):
    """Which artist of the plays is which of the music, and who is left over on either side.

    Parameters
    ----------
    asked : pd.DataFrame
        Columns ``artist_id`` and ``name``, the one with the most listeners first.
    offered : sequence of str
        Names, or MBIDs, by which the music calls its artists. An equal MBID goes before an equal name.

    Returns
    -------
    Joined

    Examples
    --------
    >>> asked = pd.DataFrame({"artist_id": ["a", "b", "c"], "name": ["Nirvana", "NIRVANA", "Air"]})
    >>> joined = join(asked, ["nirvana", "Abba"])
    >>> joined.matches["artist_id"].tolist()
    ['a']
    >>> joined.unresolved[["side", "problem", "name"]].to_numpy().tolist()
    [['plays', 'ambiguous', 'NIRVANA'], ['plays', 'unmatched', 'Air'], ['music', 'unmatched', 'Abba']]
    """
    spellings = {}
    for name in dict.fromkeys(offered):
        spellings.setdefault(normalise(name), []).append(name)
    matches, unresolved, found, owner = [], [], set(), {}
    for artist in asked[["artist_id", "name"]].itertuples(index=False):
        by_id, by_name = normalise(artist.artist_id), normalise(artist.name)
        first = owner.setdefault(by_name, artist)
        key = by_id if by_id in spellings else by_name
        who = (artist.name, artist.artist_id)
        if not by_name:
            unresolved.append(("plays", "unmatched", *who, "has no name"))
        elif key not in spellings:
            unresolved.append(("plays", "unmatched", *who, "nobody in the music has this name"))
        elif key == by_name and first is not artist:
            unresolved.append(
                ("plays", "ambiguous", *who, f"{first.artist_id} has this name and comes first")
            )
        else:
            matches.append((artist.artist_id, artist.name, min(spellings[key])))
            found.add(key)
    for key, names in spellings.items():
        if key not in found:
            unresolved.append(("music", "unmatched", min(names), "", "asked for by no artist of the plays"))
        if len(names) > 1:
            together = f"taken for one artist: {', '.join(map(repr, sorted(names)))}"
            unresolved.append(("music", "ambiguous", min(names), "", together))
    return Joined(
        pd.DataFrame(matches, columns=["artist_id", "name", "offered"], dtype="str"),
        pd.DataFrame(unresolved, columns=list(UNRESOLVED), dtype="str"),
    )
