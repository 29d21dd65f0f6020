"""Every way in which Last.fm-360K bites, and the account of what became of each row."""

import io

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from lib import listening

USERS = [f"{n:040x}" for n in range(1, 9)]
MBIDS = [f"7d2cb6e8-5896-5646-8b45-{n:012x}" for n in range(9)]


def row(user=USERS[0], mbid=MBIDS[0], name="abba", plays="5"):
    return f"{user}\t{mbid}\t{name}\t{plays}"


def written(folder, *rows, end="\n", name="plays.tsv"):
    (folder / name).write_bytes((end.join(rows) + end).encode())
    return folder / name


def read(folder, *rows, **options):
    return listening.read_plays(written(folder, *rows), **options)


def outcomes(plays):
    return dict(zip(plays.summary["outcome"], plays.summary["rows"], strict=True))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(mbid=""), "artist has no MBID"),
        (row(mbid=" "), "artist has no MBID"),
        (row(mbid="", name=""), "artist name is empty"),
        (row(name=""), "artist name is empty"),
        (row(name=" \u3000"), "artist name is empty"),
        (row(name="[unknown]"), "artist is [unknown]"),
        (f"{USERS[0]}\t{MBIDS[0]}\tabba", "wrong number of fields"),
        (row() + "\tmore", "wrong number of fields"),
        (row(name="ab\tba"), "wrong number of fields"),
        ("", "wrong number of fields"),
        (row(plays="1.5"), "plays is not a whole number"),
        (row(plays="1e3"), "plays is not a whole number"),
        (row(plays="+7"), "plays is not a whole number"),
        (row(plays="nan"), "plays is not a whole number"),
        (row(plays=""), "plays is not a whole number"),
        (row(plays="٣"), "plays is not a whole number"),
        (row(plays="0"), "plays is not between 1 and 10,000,000"),
        (row(plays="-3"), "plays is not between 1 and 10,000,000"),
        (row(plays="10000001"), "plays is not between 1 and 10,000,000"),
        (row(plays="9" * 30), "plays is not between 1 and 10,000,000"),
        (row(user="sep 20, 2008"), "user is not a SHA-1"),
        (row(user=""), "user is not a SHA-1"),
        (row(user=USERS[0] + "0"), "user is not a SHA-1"),
    ],
)
def test_a_bad_row_is_rejected_with_file_line_reason_and_text(tmp_path, bad, reason):
    plays = read(tmp_path, row(), bad, row(user=USERS[1]))
    assert plays.rejects.rows() == [("plays.tsv", 2, reason, bad)]
    assert plays.rows["user"].to_list() == USERS[:2]
    assert outcomes(plays) == {"kept": 2, "merged into another row": 0, f"rejected: {reason}": 1}


@pytest.mark.parametrize(
    "name",
    [
        '"weird al" yankovic', '"', "'n sync", 'a "b" c', "one\rtwo", "one\u2028two", "one\u2029two",
        "one\x85two", "one\x0btwo", "one\x0ctwo", "one\x1etwo", "nan", "NaN", "null", "NULL", "NA", "N/A",
        "None", "#N/A", "-", "0", "!!!", "# hash", "1,234",
        "\\N", "日本", "e\u0301", "\x00", " padded ",
    ],
)  # fmt: skip
def test_an_odd_name_is_kept_as_it_is(tmp_path, name):
    plays = read(tmp_path, row(name=name), row(user=USERS[1]))
    assert plays.rejects.is_empty()
    assert plays.rows["user"].to_list() == USERS[:2]
    assert read(tmp_path, row(name=name)).rows["name"].to_list() == [name]


def test_the_largest_plays_are_kept(tmp_path):
    assert read(tmp_path, row(plays="10000000")).rows["plays"].to_list() == [10_000_000]


def test_bytes_that_are_not_utf_8_become_replacement_characters(tmp_path):
    path = tmp_path / "plays.tsv"
    path.write_bytes(
        row(name="bj?rk").encode().replace(b"?", b"\xf6") + b"\n" + row(mbid=MBIDS[1]).encode() + b"\n"
    )
    plays = listening.read_plays(path)
    assert plays.rows["name"].to_list() == ["bj\ufffdrk", "abba"]


def test_duplicates_are_merged_and_their_plays_added(tmp_path):
    plays = read(tmp_path, row(plays="5"), row(plays="2"), row(user=USERS[1], plays="1"), row(plays="1"))
    assert plays.rows.rows() == [(USERS[0], MBIDS[0], "abba", 8), (USERS[1], MBIDS[0], "abba", 1)]
    assert outcomes(plays) == {"kept": 2, "merged into another row": 2}


def test_one_mbid_has_one_name_the_most_played_then_the_first(tmp_path):
    plays = read(
        tmp_path, row(name="the beatles", plays="3"), row(user=USERS[1], name="beatles", plays="2"),
        row(user=USERS[2], name="beatles", plays="2"), row(mbid=MBIDS[1], name="b"),
        row(user=USERS[1], mbid=MBIDS[1], name="a"),
    )  # fmt: skip
    assert dict(plays.rows.select("artist_id", "name").rows()) == {MBIDS[0]: "beatles", MBIDS[1]: "a"}


def test_two_mbids_of_one_name_stay_two_artists(tmp_path):
    plays = read(tmp_path, row(name="nirvana"), row(mbid=MBIDS[1], name="nirvana"))
    assert plays.rows["artist_id"].to_list() == MBIDS[:2]


def test_an_artist_without_mbid_is_known_by_its_folded_name_if_that_is_allowed(tmp_path):
    plays = read(tmp_path, row(mbid="", name="ABBA "), row(mbid=" ", name="abba"), require_mbid=False)
    assert plays.rows.rows() == [(USERS[0], "name:abba", "ABBA ", 10)]


def test_a_row_without_mbid_joins_the_artist_of_its_name_that_has_most_plays_under_any_spelling(tmp_path):
    plays = read(
        tmp_path,
        row(mbid=MBIDS[0], name="Nirvana", plays="5"),
        row(USERS[1], MBIDS[0], "nirvana", "5"),
        row(USERS[1], MBIDS[1], "nirvana", "7"),
        row(USERS[2], "", "NIRVANA", "2"),
        row(USERS[3], "", "nobody else", "2"),
        require_mbid=False,
    )
    assert dict(plays.rows.filter(user=USERS[2]).select("artist_id", "plays").rows()) == {MBIDS[0]: 2}
    assert plays.rows.filter(user=USERS[3])["artist_id"].to_list() == ["name:nobody else"]
    tie = [row(mbid=mbid, name="nirvana") for mbid in (MBIDS[2], MBIDS[1], MBIDS[3])]
    plays = read(tmp_path, *tie, row(USERS[2], "", "nirvana"), require_mbid=False)
    assert plays.rows.filter(user=USERS[2])["artist_id"].to_list() == [MBIDS[1]]


def test_line_ends_of_windows_and_a_missing_last_one_change_nothing(tmp_path):
    rows = [row(), row(mbid=MBIDS[1], name="one\rtwo"), row(user=USERS[1])]
    plain = read(tmp_path, *rows).rows
    assert plain.equals(listening.read_plays(written(tmp_path, *rows, end="\r\n")).rows)
    (tmp_path / "plays.tsv").write_text("\n".join(rows), newline="")
    assert plain.equals(listening.read_plays(tmp_path / "plays.tsv").rows)


def test_a_byte_order_mark_is_no_part_of_the_first_user(tmp_path):
    assert read(tmp_path, "\ufeff" + row()).rows["user"].to_list() == USERS[:1]


def test_the_order_of_rows_does_not_matter(tmp_path, rng):
    rows = [
        row(user, mbid, f"name {k % 5}", str(k + 1))
        for k, (user, mbid) in enumerate(zip(USERS * 9, MBIDS * 8, strict=True))
    ]
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    assert read(tmp_path, *rows).rows.equals(read(tmp_path, *shuffled).rows)


@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([row().encode(), row(plays="0").encode(), row(name="x").encode(), b"\t\t\t"])
    )
)
def test_rows_in_are_rows_kept_merged_or_rejected_whatever_the_bytes(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "bytes.tsv"
    data = b"\n".join([row(user=USERS[7]).encode(), *lines])
    path.write_bytes(data)
    plays = listening.read_plays(path)
    assert plays.summary["rows"].sum() == data.count(b"\n") + (not data.endswith(b"\n"))
    assert plays.summary["rows"].iloc[2:].sum() == len(plays.rejects)


# Profiles.


def test_users_without_a_sign_up_date_are_rejected_when_a_profile_is_given(tmp_path):
    profile = tmp_path / "profile.tsv"
    lines = [
        f"{USERS[0]}\tm\t-1337\tGermany\tFeb 1, 2007\r",
        f"{USERS[1]}\t\t\tChina\t ",
        f"{USERS[2]}\tf\t20\t\xdcberall",
    ]
    profile.write_bytes("\n".join(lines).encode("latin-1"))
    rows = [row(user=user) for user in USERS[:4]]
    plays = read(tmp_path, *rows, profile_file=profile)
    assert plays.rows["user"].to_list() == USERS[:1]
    assert outcomes(plays)["rejected: user without a sign-up date"] == 3
    assert len(read(tmp_path, *rows, profile_file=profile, registered_only=False).rows) == 4


def test_a_bad_profile_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no profile file at .*registered_only"):
        read(tmp_path, row(), profile_file=tmp_path / "none.tsv")
    (tmp_path / "profile.tsv").write_text(f"{USERS[0]},m,20,Germany,2007\n")
    with pytest.raises(ValueError, match="no line of five tab-separated fields"):
        read(tmp_path, row(), profile_file=tmp_path / "profile.tsv")


# Headed files.


@pytest.mark.parametrize("text", [
    "user,artist,mbid,plays\nann,abba,,3\nbob,AC/DC,,4\n",
    "\ufeffUser\tPlays\tArtist\nann\t3\tabba\nbob\t4\tAC/DC\n",
    '"user","artist","plays"\r\n"ann","abba","3"\r\n"bob","AC/DC","4"\r\n',
    "country,plays,user,artist\nde,3,ann,abba\nau,4,bob,AC/DC",
])  # fmt: skip
def test_a_headed_file_is_read_by_its_column_names(tmp_path, text):
    (tmp_path / "plays.csv").write_bytes(text.encode())
    plays = listening.read_plays(tmp_path / "plays.csv", require_mbid=False)
    assert plays.rows.rows() == [("ann", "name:abba", "abba", 3), ("bob", "name:ac/dc", "AC/DC", 4)]
    assert plays.rejects.is_empty()


def test_without_a_column_of_plays_each_row_is_one_play(tmp_path):
    plays = read(tmp_path, "user,artist", "ann,abba", "ann,ABBA", "bob,abba", require_mbid=False)
    assert plays.rows["plays"].to_list() == [2, 1]


def test_headed_csv_keeps_quoted_commas_and_odd_names_and_rejects_the_rest(tmp_path):
    plays = read(
        tmp_path, "user,artist,plays", 'ann,"Crosby, Stills",1', 'ann,"the ""x""",1', 'ann,a "b" c,1',
        "ann,nan,1", "ann,NA,1", "ann,,1", "ann,abba", "ann,abba,1,1", "", 'ann,"unfinished,1', ",abba,1",
        "ann,abba,x", require_mbid=False,
    )  # fmt: skip
    assert plays.rows["name"].to_list() == ['a "b" c', "Crosby, Stills", "NA", "nan", 'the "x"']
    assert plays.rejects.select("line", "reason").rows() == [
        (7, "artist name is empty"), (8, "wrong number of fields"), (9, "wrong number of fields"),
        (10, "wrong number of fields"),
        (11, "wrong number of fields"), (12, "user is empty"), (13, "plays is not a whole number"),
    ]  # fmt: skip


def test_a_csv_name_whose_quotes_do_not_end_on_its_line_is_rejected(tmp_path):
    plays = read(tmp_path, "user,artist", 'ann,"one', 'two"', "bob,abba", require_mbid=False)
    assert plays.rows["user"].to_list() == ["bob"]
    assert plays.rejects["line"].to_list() == [2, 3]


def test_quotes_mean_nothing_in_headed_tsv(tmp_path):
    plays = read(tmp_path, "user\tartist", 'ann\t"weird al', 'bob\t"abba"', require_mbid=False)
    assert plays.rows["name"].to_list() == ['"weird al', '"abba"']


# Bad files.


@pytest.mark.parametrize(("text", "message"), [
    ("", "plays.tsv is empty"),
    ("a\tb\tc\n" * 3, "no layout this project reads.*\n  line 1: a\tb\tc"),
    ("some,comma,separated\n1,2,3\n", "no layout this project reads"),
    (row(user="nobody") + "\n", "all 1 rows of .* were rejected.*\n  line 1: user is not a SHA-1"),
    ("user,artist,plays\n", "has a header and no rows below it"),
    ("user,artist,plays\nann,abba,-\n", "all 1 rows .*rejected.*\n  line 2: plays is not a whole number"),
    ("user,artist,Artist\nann,abba,x\n", "names a column twice: user, artist, artist"),
])  # fmt: skip
def test_a_bad_file_is_an_error_that_shows_its_lines(tmp_path, text, message):
    (tmp_path / "plays.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        listening.read_plays(tmp_path / "plays.tsv")


def test_a_missing_file_and_a_folder_are_errors_that_name_the_parameter(tmp_path):
    for path in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(FileNotFoundError, match="no plays file at .*01_listening_data.plays_file"):
            listening.read_plays(path)


# The matrix.


def test_the_matrix_holds_the_artists_with_most_listeners_ties_by_id(tmp_path):
    heard = {0: [0, 1], 1: [2, 1], 2: [0, 1, 2], 3: [3]}  # artist: users
    plays = read(
        tmp_path,
        *(
            row(USERS[user], MBIDS[artist], f"n{artist}", str(10 * artist + user + 1))
            for artist in heard
            for user in heard[artist]
        ),
    )
    matrix = listening.matrix(plays, 3)
    assert matrix.artists.to_dict("list") == {
        "artist_id": [MBIDS[2], MBIDS[0], MBIDS[1]], "name": ["n2", "n0", "n1"],
        "listeners": [3, 2, 2], "plays": [66, 3, 25],
    }  # fmt: skip
    assert matrix.plays.toarray().tolist() == [
        [21, 1, 0],
        [22, 2, 12],
        [23, 0, 13],
    ]  # the fourth user heard none of them
    assert matrix.listened.toarray().tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 1]]
    with pytest.raises(ValueError, match="5 artists were asked for, the plays hold 4"):
        listening.matrix(plays, 5)


def test_the_halves_share_the_artists_and_part_the_users(miniature):
    first, second = listening.halves(miniature, seed=3)
    assert [half.plays.shape for half in (first, second)] == [(30, 12), (30, 12)]
    for column in ("listeners", "plays"):
        assert (first.artists[column] + second.artists[column]).tolist() == miniature.artists[column].tolist()
    together = np.concatenate([first.plays.toarray(), second.plays.toarray()])
    assert sorted(map(tuple, together)) == sorted(map(tuple, miniature.plays.toarray()))
    assert (listening.halves(miniature, seed=3)[0].plays != first.plays).nnz == 0
    assert (listening.halves(miniature, seed=4)[0].plays != first.plays).nnz > 0


def test_what_is_saved_is_loaded_and_twice_the_same_bytes(tmp_path, miniature):
    for folder in ("a", "b"):
        listening.save(miniature, tmp_path / folder)
    for file in ("listening.npz", "artists.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    loaded = listening.load(tmp_path / "a")
    assert (loaded.plays != miniature.plays).nnz == 0
    pd.testing.assert_frame_equal(loaded.artists, miniature.artists)


def test_labels_and_matrix_of_different_lengths_are_an_error(tmp_path, miniature):
    listening.save(miniature, tmp_path)
    miniature.artists.head(3).to_parquet(tmp_path / "artists.parquet")
    with pytest.raises(ValueError, match="12 artists, artists.parquet 3: run 01 again"):
        listening.load(tmp_path)


def test_the_sparse_matrix_is_what_a_pivot_of_the_rows_gives(tmp_path, rng):
    rows = [
        row(USERS[u], MBIDS[a], f"n{a}", str(rng.integers(1, 99)))
        for u in range(8)
        for a in range(9)
        if rng.random() < 0.5
    ]
    plays = read(tmp_path, *rows)
    matrix = listening.matrix(plays, 6)
    pivot = pd.read_csv(io.StringIO("\n".join(rows)), sep="\t", header=None).pivot(
        index=0, columns=1, values=3
    )
    wanted = pivot[matrix.artists["artist_id"]].dropna(how="all").fillna(0).to_numpy()
    np.testing.assert_array_equal(matrix.plays.toarray(), wanted)
    assert isinstance(matrix.plays, scipy.sparse.csr_array)


def test_a_row_without_mbid_belongs_to_the_artist_of_that_name_with_the_most_plays(tmp_path):
    rows = [
        row(plays="5"),
        row(mbid=MBIDS[1], plays="9"),
        row(user=USERS[1], mbid="", name="ABBA", plays="2"),
    ]
    plays = read(tmp_path, *rows, require_mbid=False)
    assert (USERS[1], MBIDS[1], "abba", 2) in plays.rows.rows()
