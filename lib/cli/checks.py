"""What is checked before the first notebook starts: files, sources, tables, sizes, disk and cluster.

Conventions
-----------
Only what the stages that are about to run will read is checked, and nothing that takes longer than reading a
small table. A message names the parameter as it is typed.
"""

import os
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from lib.audio import sandbox
from lib.cli import collection
from lib.clips.sources import registry
from lib.listening import history
from lib.listening.layouts import recognition as layouts
from lib.workflow import datasets, paths, profiles, sizes

LISTENING, CLIPS, TRAINING = collection.LISTENING, collection.CLIPS, "04_siamese_training"
CLUSTER_SECONDS = 3.0  # until a scheduler has to accept a connection
CLIP_BYTES, PICTURE_BYTES = 600_000, 33_000  # of a fetched clip, and of a spectrogram
RESULT_BYTES = 300_000_000  # models, tables, pictures and kept results
LEAST = {  # that these parameters may be
    LISTENING: {"n_artists": 2},
    CLIPS: {"clips_per_artist": 1},
    TRAINING: {"n_dev": 2, "n_test": 2, "n_folds": 1, "search_list_length": 1},
    "05_ranking_evaluation": {"list_lengths": 1},
    "07_beyond_the_paper": {"n_folds": 1},
}
ZERO = {"n_artists": "takes all"} | dict.fromkeys(LEAST[TRAINING], "computes it")
DOWNLOAD_BYTES = {"lastfm-2k": 2_600_000, "lastfm-360k": 569_202_935, "merge": 1_500_000_000}


def check(profile, parameters, todo):
    """Refuse what cannot run, before anything runs.

    Parameters
    ----------
    profile : str
    parameters : dict of str to dict
        Of all stages.
    todo : collection of str
        Stages that are about to run.

    Returns
    -------
    lib.cli.collection.Count or None
        How many artists there are, see `lib.cli.collection.counted`.

    Raises
    ------
    ProfileError
        With one line for each thing that is wrong; and if the machine stops the reading of music files.
    """
    problems = [*_paths(parameters, todo), *_sources(parameters, todo), *_tables(parameters, todo)]
    problems += [*_cluster(parameters, todo), *_batches(parameters, todo)]
    problems += _numbers(parameters, todo)
    if problems:
        raise profiles.ProfileError("\n".join(dict.fromkeys(problems)))
    try:
        count = collection.counted(profile, parameters, todo)
    except sandbox.Stopped as problem:
        raise profiles.ProfileError(str(problem)) from problem
    misfit = count is not None and TRAINING in todo and sizes.given(count.n_artists, parameters).misfit()
    if misfit:
        raise profiles.ProfileError(f"The sizes do not fit {count}: {misfit}.")
    _disk(profile, parameters, todo, count)
    return count


def outlook(parameters, todo):
    """What cannot work though the parameters are right, see `lib.clips.sources.registry.outlook`.

    Parameters
    ----------
    parameters : dict of str to dict
        Of all stages, as `check` has let them pass.
    todo : collection of str
        Stages that are about to run.

    Returns
    -------
    list of str
    """
    of_clips = parameters[CLIPS]
    simulated = parameters[LISTENING]["simulate"] and not of_clips["addresses"]
    if CLIPS not in todo or simulated:
        return []
    return registry.outlook(of_clips["sources"], of_clips["addresses"])


def typed(stage, parameter, value):
    """A parameter as it is typed.

    Examples
    --------
    >>> typed("01_listening_data", "n_artists", 9)
    '-p 01_listening_data.n_artists=9'
    """
    return f"-p {stage}.{parameter}={value}"


def _paths(parameters, todo):
    """Files and folders that are given and are not there, or cannot be read."""
    seen = set()
    for stage in todo:
        for name, value in parameters[stage].items():
            shared = name in profiles.SHARED and name in seen
            seen.add(name)
            if not name.endswith(profiles.PATHS) or not value or shared:
                continue
            path, option = Path(value).expanduser(), typed(stage, name, value)
            if not path.exists():
                yield f"{option}: there is no such {'folder' if name.endswith('_folder') else 'file'}."
            elif name.endswith("_folder") and not path.is_dir():
                yield f"{option}: this is a file, expected is a folder."
            elif not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
                yield f"{option}: you may not read it."
            elif name == "plays_file" and not layouts.is_there(path):
                yield f"{option}: there are no plays in this folder."


def _sources(parameters, todo):
    """Where plays and music come from: nothing given, unknown, or not allowed."""
    given = parameters[LISTENING]
    real = not given["simulate"]
    if LISTENING in todo and real and not given["download"] and not given["plays_file"]:
        yield f"{typed(LISTENING, 'plays_file', '')}: it is empty; give the file of your plays."
    if not {LISTENING, CLIPS} & set(todo):
        return
    of_clips = parameters[CLIPS]
    unknown = [name for name in of_clips["sources"] if name not in registry.SOURCES]
    if unknown or not of_clips["sources"]:
        value = f"[{', '.join(map(str, of_clips['sources']))}]"
        yield f"{typed(CLIPS, 'sources', value)}: known sources are {', '.join(registry.SOURCES)}."
        return
    if "folder" in of_clips["sources"] and not of_clips["music_folder"] and not of_clips["table_file"]:
        yield f"{typed(CLIPS, 'music_folder', '')}: it is empty; give the folder of your music."
    services = [name for name in of_clips["sources"] if registry.SOURCES[name].ADDRESSES]
    if CLIPS in todo and services and (real or of_clips["addresses"]):
        names = ("addresses", "contact", "i_may_use", "country")
        try:
            registry.connect(services, **{name: of_clips[name] for name in names})
        except ValueError as problem:
            yield f"{CLIPS}: {problem}"


def _tables(parameters, todo):
    """Tables in no known layout; the rows are read where they are few (`lib.cli.collection.counted`)."""
    file = parameters[LISTENING].get("plays_file")
    if LISTENING in todo and file and not parameters[LISTENING]["download"] and layouts.is_there(Path(file)):
        with collection.silent():
            try:
                with layouts.opened(Path(file), layouts.PLAYS_MEMBER, to_the_end=False) as (stream, _, _):
                    layouts.layout(Path(file), stream, layouts.BLOCK_BYTES)
                problem = ""
            except (ValueError, OSError) as error:
                problem = f"{typed(LISTENING, 'plays_file', file)}: {error}"
        if problem:
            yield problem
    own = parameters["08_artist_explorer"]["history_file"]
    if "08_artist_explorer" in todo and own and Path(own).exists():
        try:
            history.read(own)
        except (ValueError, OSError) as error:
            yield f"{typed('08_artist_explorer', 'history_file', own)}: {error}"


def _cluster(parameters, todo):
    """Schedulers that accept no connection."""
    for stage in todo:
        if address := parameters[stage].get("dask"):
            parts = urlsplit(address if "//" in address else f"//{address}")
            try:
                with socket.create_connection((parts.hostname, parts.port), timeout=CLUSTER_SECONDS):
                    pass
            except (OSError, ValueError, TypeError) as error:
                yield f"{typed(stage, 'dask', address)}: no Dask scheduler answers there ({error})."


def _numbers(parameters, todo):
    """Numbers that are too small to mean anything."""
    for stage, of_stage in LEAST.items():
        for name, least in of_stage.items() if stage in todo else ():
            value = parameters[stage][name]
            zero = ZERO.get(name, "") if stage in (LISTENING, TRAINING) else ""
            values = value if isinstance(value, list) else [value]
            if all(isinstance(each, int) and (each >= least or (zero and each == 0)) for each in values):
                continue
            yield f"{typed(stage, name, value)}: expected is {least} or more{f'; 0 {zero}' if zero else ''}."


def _batches(parameters, todo):
    """Sizes of batches that no tile has, and trainings without a seed."""
    if TRAINING not in todo:
        return
    given = parameters[TRAINING]
    for name, values in (
        ("batch_size", [given["batch_size"]]),
        ("search_batch_sizes", given["search_batch_sizes"]),
    ):
        for value in values:
            if not isinstance(value, int) or value < 4 or value & (value - 1):
                yield f"{typed(TRAINING, name, value)}: expected is a power of two from 4 on."
    if not given["seeds"]:
        yield f"{typed(TRAINING, 'seeds', [])}: give at least one seed."


def _disk(profile, parameters, todo, count):
    """Refuse a disk on which downloads, clips and results have no room."""
    folder = paths.data(profile)
    given, of_clips = parameters[LISTENING], parameters[CLIPS]
    needed = RESULT_BYTES if TRAINING in todo else 0
    if LISTENING in todo and not given["simulate"] and given["download"]:
        needed += _missing(datasets.LISTENING[given["download"]].file, given["download"])
    if CLIPS in todo and "merge" in of_clips["sources"] and not of_clips["merge_file"]:
        needed += _missing(datasets.MERGE_AUDIO.file, "merge")
    listed = count.n_artists if count and set(of_clips["sources"]) <= {"folder", "merge"} else 0
    if CLIPS in todo and (n_artists := given["n_artists"] or listed):
        each = PICTURE_BYTES + (CLIP_BYTES if set(of_clips["sources"]) != {"folder"} else 0)
        needed += n_artists * of_clips["clips_per_artist"] * each
    free = shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.exists())).free
    if free < needed:
        raise profiles.ProfileError(
            f"This run needs about {needed / 1e9:.1f} GB of disk at {folder}, but {free / 1e9:.1f} GB are"
            " free: make room, or set MUSIC_SIMILARITY_DATA to a folder on another disk."
        )


def _missing(file, name):
    return 0 if (paths.downloads() / file).exists() else DOWNLOAD_BYTES[name]
