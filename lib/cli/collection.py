"""How many artists a person's plays and music have in common, and what is therefore run: the plan.

Conventions
-----------
The number is exact once notebook 03 has run. Before, it is at most so many, because files may turn out to be
no music: those chosen by 01, those with clips of 02, or the artists of the plays whose name the music has.
"""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib.clips import available
from lib.clips.sources import registry
from lib.listening import plays
from lib.workflow import datasets, paths, profiles, sizes

LISTENING, CLIPS, PICTURES = "01_listening_data", "02_preview_clips", "03_spectrograms"
MUSIC = ("music_folder", "table_file", "artist_column", "path_template", "merge_file", "zenodo")
QUICK = 100_000_000  # bytes of plays that are read twice, once beforehand: about two seconds
REASONS = ("left_out.tsv", "names.tsv", "missing.tsv", "failures.tsv")  # of 01 to 03


@dataclass(frozen=True)
class Count:
    """A number of artists.

    Attributes
    ----------
    n_artists : int
    where : str
        What these artists have, such as ``with music and plays``.
    exact : bool
        Whether it is that of notebook 04; if not, it is the most that there can be.
    """

    n_artists: int
    where: str
    exact: bool = False

    def __str__(self):
        noun = "artist" if self.n_artists == 1 else "artists"
        return f"{'' if self.exact else 'at most '}{self.n_artists:,} {noun} {self.where}"


def counted(profile, parameters, stale=()):
    """The artists that there are, as exactly as they can be counted before notebook 04.

    Parameters
    ----------
    profile : str
    parameters : dict of str to dict
    stale : collection of str
        Stages whose results are not those of these parameters.

    Returns
    -------
    Count or None
        None where it cannot be counted beforehand: music that can only be searched, data not yet fetched.

    Raises
    ------
    ProfileError
        If plays or music cannot be read, or fewer artists have both than `n_artists` asks for.
    """
    given = parameters[LISTENING]
    if not {LISTENING, CLIPS, PICTURES} & set(stale) and (count := exact(profile)):
        return count
    for stage, file, where in (
        (CLIPS, "clips.parquet", "with clips and plays"),
        (LISTENING, "artists.parquet", f"chosen by {LISTENING}"),
    ):
        if not {LISTENING, stage} & set(stale) and (n_artists := _written(profile, stage, file)):
            return Count(n_artists, where)
    if given["simulate"]:
        return Count(given["n_artists"] or given["world_artists"], "in the simulated world")
    count = _joined(given)
    if count and given["n_artists"] > count.n_artists:
        raise profiles.ProfileError(
            f"-p {LISTENING}.n_artists={given['n_artists']}: there are {count}; give at most"
            f" {count.n_artists}, or 0 for all of them. The others are listed in names.tsv when 01 has run."
        )
    return Count(given["n_artists"], count.where) if count and given["n_artists"] else count


def exact(profile):
    """The artists that notebook 04 gets, from what 03 wrote; None where it has not run."""
    n_artists = _written(profile, PICTURES, "spectrograms.parquet")
    return Count(n_artists, "with music and plays", exact=True) if n_artists else None


def described(count, parameters):
    """The plan: what is run with so many artists, and what is not and why.

    Parameters
    ----------
    count : Count
    parameters : dict of str to dict

    Returns
    -------
    list of str
        One sentence on the whole, then one for each notebook that is left out or shortened.

    Examples
    --------
    >>> parameters = profiles.resolve("own")[1]
    >>> described(Count(31, "with music and plays", exact=True), parameters)[0].partition(";")[0]
    '31 artists with music and plays: 5 folds, lists of 3 and 5'
    >>> for line in described(Count(8, "with music", exact=True), parameters)[1:]:
    ...     print(line.strip().partition(":")[0])
    04_siamese_training runs without the grid search
    05_ranking_evaluation will not run
    05b_other_explanations will not run
    06_first_layer_filters runs without reordering frames, and the claims
    06b_more_on_filters runs without silencing filters
    07_beyond_the_paper will not run
    07b_hubs_and_ablation will not run
    """
    size = sizes.given(count.n_artists, parameters)
    left_out, shortened = size.left_out(), size.shortened()
    lines = [f"{count}: {size.in_words()}"]
    for stage in sizes.TRAINING:
        if stage in left_out:
            lines.append(f"  {stage} will not run: {left_out[stage]}")
        elif stage in shortened:
            lines.append(f"  {stage} runs without {shortened[stage]}")
    if size.evaluated and not count.exact and not parameters["05_ranking_evaluation"]["list_lengths"]:
        lines.append(f"  should fewer than {sizes.EVALUATED_FROM} remain, no ranking is evaluated")
    elif size.trained and not size.evaluated and not count.exact:
        lines.append(f"  should fewer than {sizes.TRAINED_FROM} remain, nothing is trained")
    return lines


def reasons(profile):
    """The files of the profile's data that say why artists or files have been left out; those with rows."""
    files = [paths.data(profile) / name for name in REASONS]
    return [paths.place(file) for file in files if file.exists() and len(file.read_bytes().splitlines()) > 1]


def _written(profile, stage, file):
    """The number of artists in a table of a stage; 0 where it has not run."""
    if not paths.manifest(profile, stage).exists():
        return 0
    return pd.read_parquet(paths.data(profile) / file, columns=["artist_id"])["artist_id"].nunique()


def _joined(given):
    """How many artists of the plays have music, from the parameters of notebook 01; None if nobody knows."""
    sources = [name for name in given["sources"] if name in registry.SOURCES]
    absent = datasets.MERGE_AUDIO.file if "merge" in sources and not given["merge_file"] else ""
    if absent and not (paths.downloads() / absent).exists():
        return None
    with silent():
        try:
            offers = registry.offers(sources, **{name: given[name] for name in MUSIC})
        except (ValueError, OSError) as problem:
            raise profiles.ProfileError(f"{LISTENING}: {problem}") from None
        artists = _artists(given)
        listed = [spellings for spellings in offers.values() if spellings is not None]
        if len(listed) < len(offers):
            return None if artists is None else Count(len(artists), "with plays; who has music is searched")
        if artists is None:
            n_spellings = len({name for spellings in listed for name in spellings})
            return Count(
                n_spellings, f"in the music ({', '.join(offers)}); the plays are read by {LISTENING}"
            )
        try:
            music = available.of_plays(artists, offers)
        except ValueError as problem:
            raise profiles.ProfileError(f"{LISTENING}: {problem}") from None
    return Count(len(music.artist_ids), "with music and plays")


def _artists(given):
    """The artists of the plays, or None where reading them would take long."""
    file = given["plays_file"]
    if given["download"]:
        file = paths.downloads() / datasets.LISTENING[given["download"]].file
    if not Path(file).is_file() or Path(file).stat().st_size > QUICK:
        return None
    rules = {name: given[name] for name in ("require_mbid", "registered_only", "one_mbid_per_name")}
    profile_file = None if given["download"] else given["profile_file"] or None
    try:
        return plays.read(file, profile_file, **rules).listening.artists
    except (ValueError, OSError) as problem:
        raise profiles.ProfileError(f"{LISTENING}: {problem}") from None


@contextlib.contextmanager
def silent():
    """Let nothing be printed: what is read here is read again by the notebooks, which print it."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
