"""What came of the search for clips, and what was not taken, as tables and as sentences.

``missing.tsv`` of `lib.clips.collect` names each artist to whom a source gave too little. For music folders,
``left_out.tsv`` names the files and folders that no clip can be made of, with the reason; ``copies.tsv`` each
recording that is another clip once more. They are written where they have a row.
"""

from pathlib import Path

import pandas as pd

from lib.clips import music_files
from lib.listening import names

COPIES = ("artist_id", "artist", "source", "track", "same_as_artist", "same_as_source", "same_as_track")
LEFT_OUT = ("source", "path", "reason")
FILES = ("copies.tsv", "left_out.tsv")
NAMED = 10  # artists that a sentence names at most


def left_out(sources):
    """The files of music folders that were left out.

    Parameters
    ----------
    sources : sequence of lib.clips.sources.source.Source

    Returns
    -------
    pd.DataFrame
        Columns ``source``, ``path`` and ``reason``.

    Examples
    --------
    >>> import tempfile
    >>> from lib.clips.sources import registry
    >>> music = Path(tempfile.mkdtemp())
    >>> for path in ("Abba/SOS.mp3", "Abba/SOS.wma"):
    ...     (music / path).parent.mkdir(exist_ok=True)
    ...     (music / path).touch()
    >>> left_out(registry.connect(["folder"], music_folder=str(music)))[["path", "reason"]].values.tolist()
    [['Abba/SOS.wma', 'suffix .wma is not read']]
    """
    rows = [
        (source.name, music_files.written(row.path), row.reason)
        for source in sources
        for row in source.left_out.itertuples()
    ]
    return pd.DataFrame(rows, columns=LEFT_OUT, dtype="str")


def reasons(missing, clips):
    """Why sources gave artists fewer clips than wanted, counted, with the first artists by name.

    Parameters
    ----------
    missing, clips : pd.DataFrame
        From `collect`.

    Returns
    -------
    pd.DataFrame
        ``source, reason, artists, without any clip`` (from any source), ``such as``; every row of `missing`
        counts once.

    Examples
    --------
    >>> missing = pd.DataFrame({"artist_id": ["a", "b"], "artist": ["Abba", "Air"], "source": "itunes"})
    >>> missing["reason"] = ["1 of 3 clips; no further track", "0 of 3 clips; no further track"]
    >>> reasons(missing, pd.DataFrame({"artist_id": ["a"]})).to_numpy().tolist()
    [['itunes', 'no further track', 2, 1, 'Abba, Air']]
    """
    table = missing.assign(
        reason=missing["reason"].str.replace(r"^.* clips?; ", "", regex=True),
        without=~missing["artist_id"].isin(clips["artist_id"]),
    )
    grouped = table.groupby(["source", "reason"], sort=False)
    return pd.DataFrame({
        "artists": grouped.size(),
        "without any clip": grouped["without"].sum(),
        "such as": grouped["artist"].agg(lambda artists: ", ".join(artists.head(3))),
    }).reset_index()  # fmt: skip


def outcome(summary, clips, missing, artists):
    """How many artists have clips, and who has none.

    Parameters
    ----------
    summary : pd.DataFrame
        From `lib.clips.collect.summary`.
    clips, missing : pd.DataFrame
        From `collect`.
    artists : pd.DataFrame
        Those that clips were wanted for: ``artist_id, name, listeners``.

    Returns
    -------
    list of str

    Examples
    --------
    >>> quantities = {"artists": 1, "clips": 2, "missing_artists": 1, "disambiguated_artists": 0}
    >>> quantities["fallback_share"] = 0.5
    >>> summary = pd.DataFrame({"source": "all", "quantity": quantities.keys(), "value": quantities.values()})
    >>> clips = pd.DataFrame({"artist_id": ["a", "a"]})
    >>> missing = pd.DataFrame({"artist": ["Air"], "rejected_candidates": ["Air Supply (7)"]})
    >>> artists = pd.DataFrame({"artist_id": ["a", "b"], "name": ["Abba", "Air"], "listeners": [900, 20]})
    >>> for sentence in outcome(summary, clips, missing, artists):
    ...     print(sentence)
    1 of the 2 artists have clips, 2 in all; 1 of them have the most clips, 2.
    50 % of the clips are not from the first source.
    Where clips were missing, other names and namesakes were rejected for 1 of the artists: Air.
    1 of the artists have no clip, and nothing that follows includes them: Air.
    The median number of listeners is 20 for them and 900 for those with clips.
    """
    total = summary[summary["source"] == "all"].set_index("quantity")["value"]
    sizes = clips.groupby("artist_id").size()
    sentences = [
        f"{total['artists']:,.0f} of the {len(artists):,} artists have clips, {total['clips']:,.0f} in all;"
        f" {(sizes == sizes.max()).sum():,} of them have the most clips, {sizes.max()}.",
    ]
    if share := total["fallback_share"]:
        sentences.append(f"{100 * share:.0f} % of the clips are not from the first source.")
    if linked := total["disambiguated_artists"]:
        sentences.append(
            f"{linked:,.0f} of the artists share their name; MusicBrainz decided which one is meant."
        )
    rejected = missing.loc[missing["rejected_candidates"] != "", "artist"].drop_duplicates()
    if len(rejected):
        sentences.append(
            "Where clips were missing, other names and namesakes were rejected for"
            f" {len(rejected):,} of the artists: {_named(rejected)}."
        )
    without = ~artists["artist_id"].isin(clips["artist_id"])
    if without.any():
        none, some = (artists.loc[rows, "listeners"].median() for rows in (without, ~without))
        sentences += [
            f"{without.sum():,} of the artists have no clip, and nothing that follows includes them:"
            f" {_named(artists.loc[without, 'name'])}.",
            f"The median number of listeners is {none:,.0f} for them and {some:,.0f} for those with clips.",
        ]
    return sentences


def _named(artists):
    """The first names, and how many more ``missing.tsv`` has."""
    more = len(artists) - NAMED
    names_of = ", ".join(artists.head(NAMED))
    return f"{names_of} and {more:,} more (missing.tsv)" if more > 0 else names_of


def notes(folder, clips):
    """What to know of music folders: files left out, recordings twice, names joined although spelt otherwise.

    Parameters
    ----------
    folder : path
        Where `collect` wrote its tables.
    clips : pd.DataFrame
        From `collect`.

    Returns
    -------
    list of str
        Empty where there is nothing to say.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> row = {"source": "folder", "path": "a.wma", "reason": "suffix .wma is not read"}
    >>> pd.DataFrame([row]).to_csv(folder / "left_out.tsv", sep="\\t", index=False)
    >>> notes(folder, pd.DataFrame(columns=["artist", "matched_name", "accepted_because"]))
    ['1 file or folder is left out, suffix .wma is not read: such as a.wma']
    """
    copied, lost = (_read(Path(folder) / name) for name in FILES)
    sentences = []
    if len(lost):
        lost["path"] = lost["path"].map(music_files.restored)
        for row in music_files.reasons(lost).itertuples():
            what = "1 file or folder is" if row.files == 1 else f"{row.files:,} files or folders are"
            sentences.append(f"{what} left out, {row.reason}: such as {row.first}")
    for row in copied.itertuples():
        sentences.append(f"{row.track} is the same recording as {row.same_as_track} and counts once")
    joined = clips[clips["accepted_because"].isin((names.FOLDED, names.LOOSE))]
    for row in joined.drop_duplicates("artist").itertuples():
        sentences.append(f"{row.matched_name!r} is taken for {row.artist!r}: {row.accepted_because}")
    return sentences


def _read(path):
    """A table that `lib.clips.collect` wrote; without rows where there is none."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False) if path.exists() else pd.DataFrame()
