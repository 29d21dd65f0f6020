"""Every way in which Last.fm-360K bites, and the account of what became of each row."""

import io
import tarfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.listening import plays
from lib.listening.layouts import common, lastfm_360k

USERS = [f"{n:040x}" for n in range(1, 9)]
MBIDS = [f"7d2cb6e8-5896-5646-8b45-{n:012x}" for n in range(9)]


def row(user=USERS[0], mbid=MBIDS[0], name="abba", plays="5"):
    return f"{user}\t{mbid}\t{name}\t{plays}"


def written(folder, *rows, end="\n", name="plays.tsv"):
    (folder / name).write_bytes((end.join(rows) + end).encode())
    return folder / name


def read_file(path, profile_file=None, **options):
    options = {"registered_only": profile_file is not None, "one_mbid_per_name": False} | options
    return plays.read(path, profile_file, **options)


def read(folder, *rows, **options):
    return read_file(written(folder, *rows), **options)


def outcomes(clean):
    return dict(zip(clean.summary["outcome"], clean.summary["rows"], strict=True))


def good(clean):
    """The good rows, by user and artist."""
    cells = clean.listening.plays.tocoo()
    artists = pl.from_pandas(clean.listening.artists)[cells.col]
    users = pl.DataFrame({"user": clean.users.gather(cells.row), "plays": cells.data})
    frame = pl.concat([users, artists.select("artist_id", "name")], how="horizontal")
    return frame.select("user", "artist_id", "name", "plays").sort("user", "artist_id")


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
    clean = read(tmp_path, row(), bad, row(user=USERS[1]))
    assert clean.rejects.rows() == [("plays.tsv", 2, reason, bad)]
    assert good(clean)["user"].to_list() == USERS[:2]
    assert outcomes(clean) == {"kept": 2, "merged into another row": 0, f"rejected: {reason}": 1}


@pytest.mark.parametrize(
    "name",
    [
        '"weird al" yankovic', '"', "'n sync", 'a "b" c', "one\rtwo", "one\u2028two", "one\u2029two",
        "one\x85two", "one\x0btwo", "one\x0ctwo", "one\x1etwo", "nan", "NaN", "null", "NULL", "NA", "N/A",
        "None", "#N/A", "one\r", "\rone", "-", "0", "!!!", "# hash", "1,234",
        "\\N", "日本", "e\u0301", "\x00", " padded ",
    ],
)  # fmt: skip
def test_an_odd_name_is_kept_as_it_is(tmp_path, name):
    clean = read(tmp_path, row(name=name), row(user=USERS[1]))
    assert clean.rejects.is_empty()
    assert good(clean)["user"].to_list() == USERS[:2]
    assert good(read(tmp_path, row(name=name)))["name"].to_list() == [name]


def test_the_largest_plays_are_kept(tmp_path):
    assert good(read(tmp_path, row(plays="10000000")))["plays"].to_list() == [10_000_000]


def test_bytes_that_are_not_utf_8_become_replacement_characters(tmp_path):
    path = tmp_path / "plays.tsv"
    path.write_bytes(
        row(name="bj?rk").encode().replace(b"?", b"\xf6") + b"\n" + row(mbid=MBIDS[1]).encode() + b"\n"
    )
    clean = read_file(path)
    assert good(clean)["name"].to_list() == ["bj\ufffdrk", "abba"]


def test_duplicates_are_merged_and_their_plays_added(tmp_path):
    clean = read(tmp_path, row(plays="5"), row(plays="2"), row(user=USERS[1], plays="1"), row(plays="1"))
    assert good(clean).rows() == [(USERS[0], MBIDS[0], "abba", 8), (USERS[1], MBIDS[0], "abba", 1)]
    assert outcomes(clean) == {"kept": 2, "merged into another row": 2}


def test_one_mbid_has_one_name_the_most_played_then_the_first(tmp_path):
    clean = read(
        tmp_path, row(name="the beatles", plays="3"), row(user=USERS[1], name="beatles", plays="2"),
        row(user=USERS[2], name="beatles", plays="2"), row(mbid=MBIDS[1], name="b"),
        row(user=USERS[1], mbid=MBIDS[1], name="a"),
    )  # fmt: skip
    assert dict(good(clean).select("artist_id", "name").rows()) == {MBIDS[0]: "beatles", MBIDS[1]: "a"}


def test_two_mbids_of_one_name_stay_two_artists(tmp_path):
    clean = read(tmp_path, row(name="nirvana"), row(mbid=MBIDS[1], name="nirvana"))
    assert good(clean)["artist_id"].to_list() == MBIDS[:2]


def test_an_artist_without_mbid_is_known_by_its_folded_name_if_that_is_allowed(tmp_path):
    clean = read(tmp_path, row(mbid="", name="ABBA "), row(mbid=" ", name="abba"), require_mbid=False)
    assert good(clean).rows() == [(USERS[0], "name:abba", "ABBA ", 10)]


def test_a_row_without_mbid_joins_the_artist_of_its_name_that_has_most_plays_under_any_spelling(tmp_path):
    clean = read(
        tmp_path,
        row(mbid=MBIDS[0], name="Nirvana", plays="5"),
        row(USERS[1], MBIDS[0], "nirvana", "5"),
        row(USERS[1], MBIDS[1], "nirvana", "7"),
        row(USERS[2], "", "NIRVANA", "2"),
        row(USERS[3], "", "nobody else", "2"),
        require_mbid=False,
    )
    assert dict(good(clean).filter(user=USERS[2]).select("artist_id", "plays").rows()) == {MBIDS[0]: 2}
    assert good(clean).filter(user=USERS[3])["artist_id"].to_list() == ["name:nobody else"]
    tie = [row(mbid=mbid, name="nirvana") for mbid in (MBIDS[2], MBIDS[1], MBIDS[3])]
    clean = read(tmp_path, *tie, row(USERS[2], "", "nirvana"), require_mbid=False)
    assert good(clean).filter(user=USERS[2])["artist_id"].to_list() == [MBIDS[1]]


def test_line_ends_of_windows_and_a_missing_last_one_change_nothing(tmp_path):
    rows = [row(), row(mbid=MBIDS[1], name="one\rtwo"), row(user=USERS[1])]
    plain = good(read(tmp_path, *rows))
    assert plain.equals(good(read_file(written(tmp_path, *rows, end="\r\n"))))
    (tmp_path / "plays.tsv").write_text("\n".join(rows), newline="")
    assert plain.equals(good(read_file(tmp_path / "plays.tsv")))


def test_a_byte_order_mark_is_no_part_of_the_first_user(tmp_path):
    assert good(read(tmp_path, "\ufeff" + row()))["user"].to_list() == USERS[:1]


def test_the_order_of_rows_does_not_matter(tmp_path, rng):
    rows = [
        row(user, mbid, f"name {k % 5}", str(k + 1))
        for k, (user, mbid) in enumerate(zip(USERS * 9, MBIDS * 8, strict=True))
    ]
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    assert good(read(tmp_path, *rows)).equals(good(read(tmp_path, *shuffled)))


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
    clean = read_file(path)
    assert clean.summary["rows"].sum() == data.count(b"\n") + (not data.endswith(b"\n"))
    assert clean.summary["rows"].iloc[2:].sum() == len(clean.rejects)


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
    clean = read(tmp_path, *rows, profile_file=profile)
    assert good(clean)["user"].to_list() == USERS[:1]
    assert outcomes(clean)["rejected: user without a sign-up date"] == 3
    assert len(good(read(tmp_path, *rows, profile_file=profile, registered_only=False))) == 4


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
    clean = read_file(tmp_path / "plays.csv", require_mbid=False)
    assert good(clean).rows() == [("ann", "name:abba", "abba", 3), ("bob", "name:ac/dc", "AC/DC", 4)]
    assert clean.rejects.is_empty()


def test_without_a_column_of_plays_each_row_is_one_play(tmp_path):
    clean = read(tmp_path, "user,artist", "ann,abba", "ann,ABBA", "bob,abba", require_mbid=False)
    assert good(clean)["plays"].to_list() == [2, 1]


def test_headed_csv_keeps_quoted_commas_and_odd_names_and_rejects_the_rest(tmp_path):
    clean = read(
        tmp_path, "user,artist,plays", 'ann,"Crosby, Stills",1', 'ann,"the ""x""",1', 'ann,a "b" c,1',
        "ann,nan,1", "ann,NA,1", "ann,,1", "ann,abba", "ann,abba,1,1", "", 'ann,"unfinished,1', ",abba,1",
        "ann,abba,x", require_mbid=False,
    )  # fmt: skip
    assert good(clean)["name"].to_list() == ['a "b" c', "Crosby, Stills", "NA", "nan", 'the "x"']
    assert clean.rejects.select("line", "reason").rows() == [
        (7, "artist name is empty"), (8, "wrong number of fields"), (9, "wrong number of fields"),
        (10, "wrong number of fields"),
        (11, "wrong number of fields"), (12, "user is empty"), (13, "plays is not a whole number"),
    ]  # fmt: skip


def test_a_csv_name_whose_quotes_do_not_end_on_its_line_is_rejected(tmp_path):
    clean = read(tmp_path, "user,artist", 'ann,"one', 'two"', "bob,abba", require_mbid=False)
    assert good(clean)["user"].to_list() == ["bob"]
    assert clean.rejects["line"].to_list() == [2, 3]


def test_quotes_mean_nothing_in_headed_tsv(tmp_path):
    clean = read(tmp_path, "user\tartist", 'ann\t"weird al', 'bob\t"abba"', require_mbid=False)
    assert good(clean)["name"].to_list() == ['"weird al', '"abba"']


# Bad files.


@pytest.mark.parametrize(("text", "message"), [
    ("", "plays.tsv is empty"),
    ("a\tb\tc\n" * 3, "no layout this project reads.*\n  line 1: a\tb\tc"),
    ("some,comma,separated\n1,2,3\n", "no layout this project reads"),
    (row(user="nobody") + "\n", "all 1 rows of .* were rejected.*\n  line 1: user is not a SHA-1"),
    ("user,artist,,\nann,,,\n", "all 1 rows .*\n  line 2: artist name is empty"),
    ("user,artist,plays\n", "has a header and no rows below it"),
    ("user,artist,plays\nann,abba,-\n", "all 1 rows .*rejected.*\n  line 2: plays is not a whole number"),
    ("user,artist,Artist\nann,abba,x\n", "names a column twice: user, artist, artist"),
])  # fmt: skip
def test_a_bad_file_is_an_error_that_shows_its_lines(tmp_path, text, message):
    (tmp_path / "plays.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_file(tmp_path / "plays.tsv")


def test_a_missing_file_and_a_folder_are_errors_that_name_the_parameter(tmp_path):
    for path in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(FileNotFoundError, match="no plays file at .*01_listening_data.plays_file"):
            read_file(path)


def test_a_file_that_is_rejected_from_its_beginning_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(plays, "HOPELESS", 150)
    rows = [row(plays=f"{n}.0") for n in range(1, 1000)]
    with pytest.raises(ValueError, match="the first [0-9]{3} rows .*\n  line 1: plays is not a whole number"):
        read(tmp_path, *rows, row(), block_bytes=10_000)
    assert len(read(tmp_path, row(), *rows).rejects) == 999


def test_registered_users_without_a_profile_to_go_by_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="profile_file, or set registered_only to false"):
        read(tmp_path, row(), registered_only=True)


# Blocks.

PIECES = [
    row().encode(), row(plays="").encode(), row(user="", mbid="", name="", plays="").encode(), b"", b"\r",
    row(name="one\rtwo").encode(), row(plays="7\r").encode(), row(plays="7\r\r").encode(), b"\t\t\t", b"abc",
    row(name="x\ty").encode(), row(name='"').encode(), row(name="\ufeff").encode(), b"\x00",
    b"\xef\xbb\xbf" + row().encode(), row(name="b?").encode().replace(b"?", b"\xf6"),
    row(plays="1\t").encode(), row(plays="+7").encode(), row(user=USERS[1], name="null").encode(),
    b"#" + row().encode(), row().encode()[:50], row(name="one\r").encode(), row(mbid="\r").encode(),
    row(user=USERS[0] + "\r").encode(),
]  # fmt: skip


@given(st.lists(st.binary(max_size=20) | st.sampled_from(PIECES), min_size=1), st.booleans())
def test_four_fields_read_at_once_are_those_read_line_by_line(lines, ended):
    block = b"\n".join(lines) + b"\n" * ended
    if not block:
        return
    wanted = common.by_line(block, common.FIELDS)
    table = lastfm_360k.table(block)
    assert len(table) == len(wanted) == block.count(b"\n") + (not block.endswith(b"\n"))
    if "whole" not in table.columns:
        assert wanted["whole"].all()
        assert table.equals(wanted.select(common.FIELDS))
        text = table.select(pl.concat_str(common.FIELDS, separator="\t")).to_series()
        assert text.to_list() == wanted["text"].to_list()


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=300), st.integers(1, 500))
def test_the_size_of_a_block_changes_nothing(tmp_path_factory, lines, block_bytes):
    path = tmp_path_factory.getbasetemp() / "blocks.tsv"
    path.write_bytes(b"\n".join([*lines, row(USERS[7]).encode(), *reversed(lines)]))
    once, often = read_file(path), read_file(path, block_bytes=block_bytes)
    assert often.rejects.equals(once.rejects)
    assert good(often).equals(good(once))
    assert outcomes(often) == outcomes(once)


def test_a_block_without_a_byte_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="block_bytes must be at least 1, got 0"):
        read(tmp_path, row(), block_bytes=0)


def test_a_user_without_a_good_row_has_no_row_in_the_matrix(tmp_path):
    clean = read(tmp_path, row(), row(USERS[1], plays="0"), row(USERS[2]))
    assert clean.users.to_list() == [USERS[0], USERS[2]]
    assert clean.listening.plays.shape == (2, 1)


# The archive.


def archive(folder, *, profile=None, members=(), order=1, name="lastfm.tar.gz"):
    """The archive of Last.fm-360K with these plays and profile."""
    inside = [("lastfm/usersha1-artmbid-artname-plays.tsv", text) for text in members]
    inside += [("lastfm/usersha1-profile.tsv", text) for text in ([] if profile is None else [profile])]
    with tarfile.open(folder / name, "w:gz") as file:
        for path, text in [
            ("lastfm/README.txt", "read me"),
            *inside[::order],
            ("lastfm/last.txt", "x" * 5000),
        ]:
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            file.addfile(entry, io.BytesIO(text.encode()))
    return folder / name


PLAYS = "\n".join([row(), row(USERS[1], name="the other"), row(USERS[2], mbid="")]) + "\n"
PROFILE = f"{USERS[0]}\tm\t30\tChile\tFeb 1, 2007\n{USERS[1]}\tf\t\tChina\t\n"


@pytest.mark.parametrize("order", [1, -1])
def test_the_downloaded_archive_is_read_as_it_is(tmp_path, order):
    path = archive(tmp_path, members=[PLAYS], profile=PROFILE, order=order)
    clean = plays.read(path)
    assert good(clean).rows() == [(USERS[0], MBIDS[0], "abba", 5)]
    assert clean.rejects.select("file", "line", "reason").rows() == [
        ("usersha1-artmbid-artname-plays.tsv", 2, "user without a sign-up date"),
        ("usersha1-artmbid-artname-plays.tsv", 3, "artist has no MBID"),
    ]
    assert [found.name for found in tmp_path.iterdir()] == ["lastfm.tar.gz"]


def test_a_profile_beside_the_archive_goes_before_the_one_inside(tmp_path):
    (tmp_path / "profile.tsv").write_text(PROFILE.replace("China\t", "China\tMay 9, 2008"))
    clean = plays.read(archive(tmp_path, members=[PLAYS], profile=PROFILE), tmp_path / "profile.tsv")
    assert clean.users.to_list() == USERS[:2]


@pytest.mark.parametrize("cut", [-1, -8, -200, 300, 40, 5])
def test_an_archive_that_was_cut_short_is_an_error(tmp_path, cut):
    path = archive(tmp_path, members=[PLAYS * 500], profile=PROFILE)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="lastfm.tar.gz cannot be unpacked .*fetch it again"):
        plays.read(path)


def test_an_archive_with_a_flipped_bit_is_an_error(tmp_path):
    path = archive(tmp_path, members=[PLAYS * 500], profile=PROFILE)
    damaged = bytearray(path.read_bytes())
    damaged[-6] ^= 1  # of the checksum
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="cannot be unpacked .*CRC.*fetch it again"):
        plays.read(path)


@pytest.mark.parametrize(
    ("members", "profile", "message"),
    [
        ([], PROFILE, "holds no file usersha1-artmbid-artname-plays.tsv"),
        ([PLAYS], None, "holds no file usersha1-profile.tsv"),
        ([PLAYS, PLAYS], PROFILE, "holds usersha1-artmbid-artname-plays.tsv twice"),
        ([""], PROFILE, "is empty"),
    ],
)
def test_another_archive_is_an_error_that_names_what_is_missing(tmp_path, members, profile, message):
    with pytest.raises(ValueError, match=message):
        plays.read(archive(tmp_path, members=members, profile=profile))


def test_a_file_that_is_no_archive_but_is_called_so_is_an_error(tmp_path):
    (tmp_path / "plays.tar.gz").write_text(PLAYS)
    with pytest.raises(ValueError, match="cannot be unpacked"):
        plays.read(tmp_path / "plays.tar.gz")
