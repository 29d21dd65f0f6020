"""What was not taken of a person's music, as files and as sentences.

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
