"""``run_all.py --library MUSIC``: the neighbours of each track and artist, a map, and playlists.

Results are in ``data/library/``, a folder for each music folder: its name and eight digits of its path.
"""

import hashlib
import os
import re
import sys
import unicodedata
import warnings
from functools import partial
from pathlib import Path, PurePosixPath

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lib import maps, registry
from lib.audio import sandbox
from lib.clips import music_files, tags
from lib.library import describe, features, playlists, tracks
from lib.library.neighbours import Neighbours, of_artists
from lib.plots import library as plots
from lib.workflow import artifacts, figures, paths

NEAREST = 10  # tracks and artists of each list
SHORT, BRIEF = 20, 5  # artists and neighbours in the Markdown
MADE_FROM = "results.sha256"  # of the table of tracks that what is written comes from
SPELLINGS = "spellings.tsv"
WRITTEN = ("nearest_tracks.csv", "nearest_artists.csv", "nearest_artists.md", "map.csv", "map.png")
UNNAMED = (music_files.LOOSE, music_files.NOBODY)  # reasons that leave out no track here


def main(options):
    """Bring the library up to date; write a playlist if one is wanted.

    Parameters
    ----------
    options : argparse.Namespace
        As ``run_all.py`` reads it: ``library``, ``playlist``, ``length``, ``model``, ``excerpts``, ``dask``.

    Returns
    -------
    int
        Exit code.
    """
    music = Path(options.library)
    length = playlists.LENGTH if options.length is None else options.length
    try:
        if not str(options.library).strip() or not music.is_dir():
            raise ValueError(
                f"--library is a music folder, and {music_files.written(str(options.library))!r} is none"
            )
        if options.playlist is not None:
            playlists.check(options.playlist, length)
        folder = results(music)
        refusal = ValueError(f"Another run is at work in {paths.place(folder)}. Wait for it, or stop it.")
        with artifacts.locked(folder, refusal):
            stored = (folder / tracks.TRACKS).exists() and options.model is None and options.excerpts is None
            if options.playlist is not None and stored:
                library = _as_stored(music, folder)
            else:
                library = refresh(music, folder, options)
            if options.playlist is not None:
                write_playlist(library, options.playlist, length, music, folder / "playlists")
    except (ValueError, OSError, sandbox.Stopped) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    return 0


def results(music):
    """Folder with the results of a music folder.

    Parameters
    ----------
    music : Path

    Returns
    -------
    Path
    """
    whole = str(music.resolve())
    digest = hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:8]
    return paths.data("library") / f"{_plain(Path(whole).name)}-{digest}"


def refresh(music, folder, options):
    """Describe what is new and write everything that follows from it.

    Parameters
    ----------
    music, folder : Path
    options : argparse.Namespace

    Returns
    -------
    lib.library.tracks.Library
    """
    excerpts = describe.EXCERPTS if options.excerpts is None else options.excerpts
    if options.model is not None and not Path(options.model).is_file():
        raise ValueError(f"--model is a file that notebook 07 wrote, and {options.model!r} is none")
    model = str(Path(options.model).resolve()) if options.model else ""
    description = describe.Description(model, excerpts)
    print(reached(description))
    files, left_out = listed(music)
    artifacts.write_csv(left_out, folder / "left_out.tsv")
    if files.empty:
        why = _counted(left_out, folder / "left_out.tsv") or "it is empty"
        raise ValueError(f"{music_files.written(str(music))} holds no music file: {why}")
    n_jobs = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count())
    files, spelt = with_one_spelling(files)
    to_do = tracks.plan(music, files, folder, description)
    library, failures = tracks.update(
        music,
        to_do,
        folder,
        description,
        n_jobs=n_jobs,
        dask=options.dask or "",
        say=partial(print, flush=True),
    )
    artifacts.write_csv(spelt, folder / SPELLINGS)
    whole = all((folder / name).exists() for name in WRITTEN)
    made_from = artifacts.sha256(folder / tracks.TRACKS)
    if whole and (folder / MADE_FROM).exists() and (folder / MADE_FROM).read_text() == made_from:
        print("Nothing has changed.")
    else:
        write(library, folder)
        artifacts.write_text(made_from, folder / MADE_FROM)
    if len(spelt):
        n_artists, first = spelt["artist"].nunique(), spelt.iloc[0]
        print(
            f"{_number(n_artists, 'artist is', 'artists are')} spelt in several ways, each taken for one"
            f" artist: such as {first['spelling']!r} for {first['artist']!r}"
            f" ({paths.place(folder / SPELLINGS)})"
        )
    for name, table in (("left_out.tsv", left_out), (tracks.FAILURES, failures)):
        if len(table):
            print(f"{len(table):,} {'left out' if name == 'left_out.tsv' else 'unreadable'}:", end=" ")
            print(_counted(table, folder / name))
    print(f"{_number(len(library.tracks), 'track')}; all results are in {paths.place(folder)}")
    return library


def _as_stored(music, folder):
    """The library of the last run, without the files that are gone since."""
    table, vectors = tracks.load(folder)
    there = np.array([os.path.exists(music / music_files.restored(path)) for path in table["path"]])
    n_gone = int((~there).sum())
    if not there.any():
        raise ValueError(
            f"none of the {n_gone:,} files of the last run is in {music_files.written(str(music))}"
        )
    gone = f" ({n_gone:,} of its files are gone and left out)" if n_gone else ""
    print(f"The library as the last run read it{gone}; without --playlist, new and changed files are read.")
    return tracks.Library(table[there].reset_index(drop=True), vectors[there])


def with_one_spelling(files):
    """Files with one spelling of each artist, the most frequent one, and the other spellings.

    Parameters
    ----------
    files : pd.DataFrame
        As `listed`.

    Returns
    -------
    files : pd.DataFrame
    others : pd.DataFrame
        ``artist``, ``spelling``, ``files``: each other spelling that was taken for the artist.

    Examples
    --------
    >>> files, others = with_one_spelling(pd.DataFrame({"artist": ["AC_DC", "AC/DC", "AC/DC", "Air", ""]}))
    >>> files["artist"].tolist(), others.to_numpy().tolist()
    (['AC/DC', 'AC/DC', 'AC/DC', 'Air', ''], [['AC/DC', 'AC_DC', 1]])
    """
    counts = files["artist"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    first, rows = {}, []
    for spelling, n_files in counts.items():
        artist = first.setdefault(playlists.key_of(spelling), spelling)
        if artist != spelling:
            rows.append((artist, spelling, n_files))
    chosen = {spelling: first[playlists.key_of(spelling)] for spelling in counts.index}
    others = pd.DataFrame(sorted(rows), columns=["artist", "spelling", "files"])
    return files.assign(artist=files["artist"].map(chosen)), others


def listed(music):
    """The tracks of a music folder, with or without an artist, and the files that are none.

    Parameters
    ----------
    music : Path

    Returns
    -------
    files : pd.DataFrame
        ``path``, ``artist`` (may be empty), ``title`` (else the name of the file), ``album``.
    left_out : pd.DataFrame
        ``path``, ``reason``.
    """
    scanned = music_files.scan(music)
    unnamed = scanned.left_out["reason"].isin(UNNAMED)
    loose = scanned.left_out.loc[unnamed, ["path"]].assign(artist="")
    of_files = tags.read([music / path for path in loose["path"]])
    for column in ("title", "album"):
        loose[column] = [of_file[column] for of_file in of_files]
    files = pd.concat([scanned.files[["path", "artist", "title", "album"]], loose], ignore_index=True)
    files = files.sort_values("path", ignore_index=True)
    stems = files["path"].map(lambda path: music_files.written(PurePosixPath(path).stem))
    files["title"] = files["title"].where(files["title"].fillna("") != "", stems)
    for column in ("artist", "title", "album"):
        files[column] = [_in_one_line(name) for name in files[column].fillna("")]
    left_out = scanned.left_out[~unnamed].reset_index(drop=True)
    return files, left_out.assign(path=left_out["path"].map(music_files.written))


def write(library, folder):
    """Neighbours and map.

    Parameters
    ----------
    library : lib.library.tracks.Library
    folder : Path
    """
    table, vectors = library
    artifacts.write_csv(nearest_tracks(library), folder / "nearest_tracks.csv", float_format="%.4f")
    near = nearest_artists(library)
    artifacts.write_csv(near, folder / "nearest_artists.csv", float_format="%.4f")
    artifacts.write_text(short_list(near), folder / "nearest_artists.md")
    points = table[["path", "artist", "title"]].copy()
    points[["x", "y"]] = maps.coordinates(vectors)
    artifacts.write_csv(points, folder / "map.csv", float_format="%.4f")
    figures.use_style()
    figure = plots.map_of(points)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box instead: the CSV has the name
        figures.save(figure, folder / "map.png")
    plt.close(figure)


def nearest_tracks(library):
    """The nearest tracks of each track: one row a pair, the nearest first."""
    table, vectors = library
    places, scores = Neighbours(vectors).of_tracks(np.arange(len(table)), NEAREST)
    n = places.shape[1]
    own, other = table.iloc[np.repeat(np.arange(len(table)), n)], table.iloc[places.ravel()]
    columns = {name: own[name].to_numpy() for name in ("path", "artist", "title")}
    columns |= {"rank": np.tile(np.arange(1, n + 1), len(table)), "similarity": scores.ravel()}
    columns |= {f"near_{name}": other[name].to_numpy() for name in ("path", "artist", "title")}
    return pd.DataFrame(columns)


def nearest_artists(library):
    """The nearest artists of each artist, by the means of their tracks: one row a pair."""
    table, vectors = library
    keys = table["artist"].map(playlists.key_of)
    numbers, unique = pd.factorize(keys.where(keys != ""), sort=True)
    spelt = table.groupby(numbers)["artist"].first()
    counts = np.bincount(numbers[numbers >= 0], minlength=len(unique))
    means = of_artists(vectors, numbers)
    places, scores = Neighbours(means).of_tracks(np.arange(len(unique)), NEAREST) if len(unique) else ([], [])
    rows = [
        (spelt[artist], counts[artist], rank, score, spelt[other])
        for artist in range(len(unique))
        for rank, (other, score) in enumerate(zip(places[artist], scores[artist]), start=1)
    ]
    return pd.DataFrame(rows, columns=["artist", "tracks", "rank", "similarity", "near_artist"])


def short_list(near):
    """The largest artists with their nearest ones, as Markdown."""
    largest = near.drop_duplicates("artist").sort_values("tracks", ascending=False, kind="stable")
    brief = near[near["rank"] <= BRIEF].groupby("artist", sort=False)["near_artist"].agg(", ".join)
    table = largest.head(SHORT)[["artist", "tracks"]].assign(nearest=lambda rows: rows["artist"].map(brief))
    if table.empty:
        return "Fewer than two artists are named: there is no nearest one.\n"
    return f"The nearest of the artists with the most tracks.\n\n{artifacts.markdown(table)}"


def write_playlist(library, wanted, length, music, folder):
    """A playlist as m3u8 and CSV.

    Parameters
    ----------
    library : lib.library.tracks.Library
    wanted : str
        A track or an artist.
    length : int
    music, folder : Path

    Returns
    -------
    Path
        Of the m3u8.
    """
    seed = playlists.find(wanted, library.tracks)
    chosen = playlists.choose(library, seed, length=length)
    file = folder / f"{_file_of(seed, library.tracks)}.m3u8"
    folder.mkdir(parents=True, exist_ok=True)
    artifacts.write_text(playlists.m3u8(chosen, music, folder), file)
    columns = ["artist", "title", "album", "seconds", "similarity", "path"]
    artifacts.write_csv(chosen[columns], file.with_suffix(".csv"), float_format="%.4f")
    fewer = f" of {length}: no more fit (each recording once, {playlists.OF_ONE} of another artist at most)"
    print(
        f"{seed.kind} {seed.name!r}: {_number(len(chosen), 'track')}{fewer if len(chosen) < length else ''},"
        f" in {paths.place(file)}"
    )
    return file


def reached(description):
    """Which vectors are used, and what they reached on real dev data, in words.

    Parameters
    ----------
    description : lib.library.describe.Description

    Returns
    -------
    str
    """
    if not description.model:
        vectors = "Vectors: statistics of spectrograms, nothing trained"
        return f"{vectors}. {_measured('library_features', features.NAME, 'They')}"
    finder = description.finder
    method, simulated = finder.method.name, finder.provenance.get("simulated")
    of = {True: "the simulated world", False: "real listening"}.get(simulated, "data that it does not name")
    vectors = f"Vectors: {registry.label(method)}, fitted on {of} ({Path(description.model).name})"
    measured = _measured("beyond_ranking", method, "The method, fitted on real listening,")
    return f"{vectors}. {measured}"


def _measured(table, method, subject):
    """What a method reached on real dev data, from a stored table."""
    file = paths.real(table)
    stored = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["method", "fold", "metric", "n"])
    own = stored[(stored["method"] == method) & stored["fold"].isna()].set_index("metric")
    if not {"ndcg", "matched_concordance"} <= set(own.index):
        return f"{subject} has no value on real dev data in {paths.place(file)}."
    ndcg, concordance = own.loc["ndcg"], own.loc["matched_concordance"]
    if isinstance(ndcg, pd.DataFrame):
        ndcg = ndcg[ndcg["n"] == NEAREST].iloc[0]
    return (
        f"{subject} reached nDCG@{int(ndcg['n'])} {_interval(ndcg)} (chance {ndcg['chance']:.3f}) and"
        f" popularity-matched concordance {_interval(concordance)} (chance {concordance['chance']:.1f}) on"
        f" real dev data: {int(ndcg['n_queries'])} artists, by shared listeners ({paths.place(file)})."
    )


def _interval(row):
    return f"{row['value']:.3f} ({row['ci_low']:.3f} – {row['ci_high']:.3f})"


def _counted(table, file):
    """Files by reason, the most frequent first, and where they are listed."""
    if not len(table):
        return ""
    counts = table["reason"].str.replace(r"\(.*", "", regex=True).str.strip().value_counts()
    some = ", ".join(f"{number:,} {reason}" for reason, number in counts.head(4).items())
    return f"{some}{' and others' if len(counts) > 4 else ''} ({paths.place(file)})"


def _plain(name):
    """A name as it can be part of a file's name anywhere."""
    plain = re.sub(r"[^\w.,&'()-]+", "_", music_files.written(name)).strip("._")[:80]
    return plain or "library"


def _file_of(seed, table):
    """Name of a playlist's file: no two tracks or artists of a library share one."""
    plain, shown = _plain(seed.name), [playlists.shown(row) for row in table.itertuples()]
    alone = shown.count(seed.name) == (seed.kind == "track")
    if alone and plain == "_".join(seed.name.split()):
        return plain
    which = table["path"].iloc[seed.places[0]] if seed.kind == "track" else playlists.key_of(seed.name)
    digest = hashlib.sha256(f"{seed.kind} {which}".encode()).hexdigest()[:8]
    return f"{plain}-{digest}"


def _in_one_line(name):
    """A name composed as most files have it, without line breaks and other control characters."""
    return " ".join(
        re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", unicodedata.normalize("NFC", name)).split()
    )


def _number(number, noun, plural=""):
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
