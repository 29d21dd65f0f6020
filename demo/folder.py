"""The simulated world as one's own files, for the `own` profile: music, a table of it, and the listeners.

Conventions
-----------
Below the chosen folder: ``music/Artist/Album/01 Title.mp3`` (or ``.m4a``); ``tracks.csv`` with the columns
``artist`` and ``file``, the latter relative to ``music``; ``plays.tsv`` and ``profile.tsv`` in the layout of
Last.fm-360K; ``traits.parquet``, which real files would not have.
"""

from pathlib import Path

import joblib
import pandas as pd
from tqdm import tqdm

from demo.apart import Apart
from demo.listeners import write_listening
from demo.synthesiser import render, usual_codec
from lib.workflow import artifacts

MUSIC, TABLE = "music", "tracks.csv"


def write_folder(world, folder, *, clips=3, n_jobs=2):
    """Write a world as files.

    Of two artists who share a name only the more popular one is in the music: folders cannot tell them apart.

    Parameters
    ----------
    world : demo.world.World
    folder : path
        Made where it is missing.
    clips : int
        Tracks of an artist, at most.
    n_jobs : int
        Worker processes.

    Returns
    -------
    pd.DataFrame
        ``artist``, ``file``: the table as written.
    """
    folder = Path(folder)
    write_listening(world, folder)
    by_name = {artist.name: artist for artist in reversed(world.artists)}
    chosen = [
        (artist, track) for artist in reversed(by_name.values()) for track in world.tracks(artist)[:clips]
    ]
    rows = [{"artist": artist.name, "file": _file(artist, track)} for artist, track in chosen]
    rendered = Apart(world, render)
    jobs = (
        joblib.delayed(_write)(rendered, track, folder / MUSIC / row["file"])
        for (_, track), row in zip(chosen, rows, strict=True)
    )
    written = joblib.Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")(jobs)
    for _ in tqdm(written, total=len(rows), desc="clips", unit="clip"):
        pass
    table = pd.DataFrame(rows)
    artifacts.write_csv(table, folder / TABLE)
    return table


def _file(artist, track):
    return f"{artist.name}/{track.album}/{track.n + 1:02d} {track.title}.{usual_codec(artist)}"


def _write(rendered, track, path):
    content, _ = rendered(track.track_id)
    with artifacts.replacing(path) as temporary:
        temporary.write_bytes(content)
