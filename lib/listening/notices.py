"""What a person should know of plays that were read: sentences beside the numbers."""

from __future__ import annotations

import polars as pl

from lib.listening import history

FEW_LISTENERS = 100  # of fewer, most pairs of artists share none or one, whose taste then decides alone
NOT_SHA1 = "user is not a SHA-1"


def on_plays(name, artists, users, *, headed):
    """Sentences on listeners and names.

    Parameters
    ----------
    name : str
        Of the file.
    artists : sequence of str
        Names.
    users : pl.Series
        Ids of the users.
    headed : bool
        Whether users have any name; otherwise they are SHA-1.

    Yields
    ------
    str

    Examples
    --------
    >>> for sentence in on_plays("plays.csv", ["Abba"], pl.Series(["ann", "Ann"]), headed=True):
    ...     print(sentence)
    plays.csv has 2 listeners: below 100, similarity rests on the taste of a few
    plays.csv: 2 users differ from another in capitals only and are counted apart; first: 'Ann'
    """
    artists = pl.Series(artists, dtype=pl.String)
    if len(users) == 1:
        yield f"{name}: {history.ONE_LISTENER}"
    elif len(users) < FEW_LISTENERS:
        few = f"below {FEW_LISTENERS}, similarity rests on the taste of a few"
        yield f"{name} has {len(users)} listeners: {few}"
    replaced = artists.str.count_matches("\ufffd", literal=True)
    if replaced.sum():
        yield (
            f"{name}: {replaced.sum():,} characters in the names of {(replaced > 0).sum():,} artists are"
            f" U+FFFD, which stands for unreadable bytes; first: {artists.filter(replaced > 0)[0]!r}"
        )
    alike = users.filter(users.str.to_lowercase().is_duplicated()).sort()
    if headed and len(alike):
        yield (
            f"{name}: {len(alike):,} users differ from another in capitals only and are counted apart; first:"
            f" {alike[0]!r}"
        )


def header_would_help(rejects):
    """A line below the rejected rows where all of them have no SHA-1 for a user, else nothing."""
    if not (rejects["reason"] == NOT_SHA1).all():
        return ""
    return (
        "\nwithout a header a user is a SHA-1, as in Last.fm-360K; for other names a header would help:"
        " user\tmbid\tartist\tplays"
    )
