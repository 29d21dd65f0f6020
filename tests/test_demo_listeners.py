"""The simulated listeners: two files in the layout of Last.fm-360K, their dirt, and the confound."""

import re

import numpy as np
import pandas as pd
import pytest

import demo
from demo import constants, listeners
from lib.listening import matrix as listening_matrix
from lib.listening import metrics, plays


@pytest.fixture(scope="module")
def world():
    return demo.World(60, 2000)


@pytest.fixture(scope="module")
def files(world, tmp_path_factory):
    return demo.write_listening(world, tmp_path_factory.mktemp("listening"))


@pytest.fixture(scope="module")
def rows(files):
    """Fields of each line; only a line feed ends a line."""
    text = files[0].read_bytes().decode()
    assert text.endswith("\n")
    return [line.split("\t") for line in text[:-1].split("\n")]


def four(row):
    return len(row) == 4


def has_name(row, pattern):
    return four(row) and bool(re.search(pattern, row[2], re.DOTALL))


# How each kind of dirt is told from outside, knowing the true names.
TOLD_BY = {
    "blank MBID": lambda row, names: four(row) and row[0] != "" and row[1] == "",
    "another spelling of the name": lambda row, names: (
        four(row) and row[2] not in names and row[2].strip().casefold() in {name.casefold() for name in names}
    ),
    "another MBID for the name": lambda row, names: four(row) and row[1].endswith("0bad"),
    "name begins with a quote": lambda row, names: has_name(row, '^"'),
    "quotes inside the name": lambda row, names: has_name(row, '.".*"'),
    "carriage return in the name": lambda row, names: has_name(row, ".\r."),
    "line separator in the name": lambda row, names: has_name(row, ".\u2028."),
    "empty name": lambda row, names: four(row) and row[0] != "" and row[2] == "",
    "[unknown] artist": lambda row, names: has_name(row, r"^\[unknown\]$"),
    "an act called nan, null or NA": lambda row, names: has_name(row, "^(nan|null|NA)$"),
    "three fields": lambda row, names: len(row) == 3,
    "five fields": lambda row, names: len(row) == 5,
    "plays that are no whole number": lambda row, names: (
        four(row) and row[0] != "" and not row[3].isdecimal()
    ),
    "zero plays": lambda row, names: four(row) and row[3] == "0",
    "huge plays": lambda row, names: four(row) and row[3].isdecimal() and int(row[3]) > 10**9,
    "date for a user": lambda row, names: row[0] == "sep 20, 2008",
}


@pytest.mark.parametrize("kind", TOLD_BY)
def test_the_plays_hold_each_kind_of_dirt_in_its_documented_dose(kind, world, rows):
    names = {artist.name for artist in world.artists}
    n_clean = len(listeners.listen(world)[0])
    told = sum(TOLD_BY[kind](row, names) for row in rows)
    assert told == max(1, round(constants.DIRT[kind] * n_clean))


def test_rows_given_twice_and_the_row_without_identity_are_there(world, rows):
    n_clean = len(listeners.listen(world)[0])
    twice = max(1, round(constants.DIRT["twice the same row"] * n_clean))
    assert len(rows) - len({tuple(row) for row in rows}) == twice
    assert len(rows) == n_clean + twice + 1
    assert rows[-1] == ["", "", "", ""]
    assert {*TOLD_BY, "twice the same row"} == set(constants.DIRT)


def test_the_profile_has_five_fields_and_its_documented_dirt_and_lacks_its_last_line_end(world, files):
    text = files[1].read_text(encoding="utf-8")
    assert not text.endswith("\n")
    table = pd.DataFrame([line.split("\t") for line in text.split("\n")])
    share = constants.PROFILE_DIRT
    assert table.shape == (world.n_listeners - round(share["no row at all"] * world.n_listeners), 5)
    assert table[0].str.fullmatch("[0-9a-f]{40}").all() and table[0].is_unique
    for column, value, kind in ((1, "", "no gender"), (2, "-1337", "age -1337"), (4, "", "no sign-up date")):
        assert (table[column] == value).sum() == pytest.approx(share[kind] * world.n_listeners, abs=3)
    assert table[4].str.fullmatch(r"([A-Z][a-z]{2} \d{1,2}, 20\d\d)?").all()


def test_writing_twice_gives_the_same_bytes(world, files, tmp_path):
    again = demo.write_listening(demo.World(60, 2000), tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files]


def test_the_projects_reader_recovers_who_listens_to_whom_but_for_the_dirt(world, files):
    clean = plays.read(files[0], files[1], one_mbid_per_name=False)
    cells, ids = clean.listening.plays.tocoo(), clean.listening.artists["artist_id"]
    pairs = zip(clean.users.gather(cells.row), ids[cells.col], strict=True)
    kept = dict(zip(pairs, cells.data.tolist(), strict=True))
    users = listeners._users(world)
    who, what, often = listeners.listen(world)
    true = {(users[u], world.artists[a].mbid): p for u, a, p in zip(who, what, often, strict=True)}
    common = kept.keys() & true.keys()
    assert len(common) > 0.97 * len(true) and len(kept) - len(common) < 0.01 * len(true)
    twice = sum(kept[pair] != true[pair] for pair in common)
    assert twice == pytest.approx(constants.DIRT["twice the same row"] * len(true), abs=3)


def test_an_artist_has_listeners_in_proportion_to_its_popularity(world):
    _, artist, often = listeners.listen(world)
    counts = np.bincount(artist, minlength=world.n_artists)
    weights = [each.weight for each in world.artists]
    assert pd.Series(counts).corr(pd.Series(weights), method="spearman") > 0.7
    assert often.min() >= 1


def test_artists_of_one_style_share_listeners_and_so_do_popular_ones_of_different_styles(world, files):
    matrix = listening_matrix.top(plays.read(files[0], files[1], one_mbid_per_name=False).listening, 50)
    target = metrics.min_conditional(matrix)
    main = np.array([np.argmax(world.artist(mbid).style) for mbid in target.index])
    upper = np.triu_indices(len(main), 1)
    same, truth = (main[:, None] == main)[upper], target.to_numpy()[upper]
    assert truth[same].mean() > 3 * truth[~same].mean()
    fame = np.log(matrix.artists["listeners"].to_numpy())
    both = (fame[:, None] + fame)[upper]
    assert pd.Series(truth[~same]).corr(pd.Series(both[~same]), method="spearman") > 0.2
