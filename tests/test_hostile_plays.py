"""Files of plays as nobody should send them: each ends in an account of all rows, or in one sentence."""

import gzip
import io
import json
import tarfile
import warnings
import zipfile

import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.listening import history, plays, zips
from lib.listening.layouts import common, files

USERS = [f"{n:040x}" for n in range(1, 4)]
LISTEN = '{"user_name": "%s", "track_metadata": {"artist_name": "%s"}}'
TABLE = "user,artist,plays\nann,Abba,3\nbob,Air,4\n"


def read(path, **options):
    return plays.read(path, require_mbid=False, registered_only=False, **options)


def tar_of(*members):
    """A tar.gz of (name, content, type)."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        for name, content, kind in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(content), "/etc/passwd"
            archive.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


def zip_of(*members):
    sink = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for name, content in members:
            archive.writestr(name, content)
    return bytearray(sink.getvalue())


def set_in_zip(content, place, in_directory, value):
    """A zip with a 16-bit field of its last entry changed, where the entry is and in the directory."""
    local, listed = content.rindex(b"PK\x03\x04"), content.rindex(b"PK\x01\x02")
    content[local + place : local + place + 2] = value
    content[listed + in_directory : listed + in_directory + 2] = value
    return bytes(content)


def refused(path, message, read=read):
    """Reading is refused by one sentence that names the file and is not endless."""
    with pytest.raises(ValueError, match=message) as error:
        read(path)
    assert type(error.value) is ValueError
    assert path.name in str(error.value)
    assert len(str(error.value)) < 3_000
    assert not set(str(error.value)) & set("\x00\x07\x1b\x7f\u202e")


# Rows. Each of them is kept, merged or rejected, and a bad row takes no neighbour with it.

ODD = st.one_of(
    st.text(max_size=12),
    st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape")),
    st.sampled_from(
        ["", " ", "\0", '"', '""', "'", "=1+1", "@SUM(A1)", "$x_1$", "|", "\\", "../../etc/passwd", "CON",
         "\u202eabc", "🎵" * 3, "a" * 300, "é" * 255, "9" * 400, "1e999", "NaN", "-1", "<b>", "{}", "[",
         "\x1b[31m", "\ud800"]
    ),
)  # fmt: skip
LAYOUTS = {
    "plays.csv": ("user,artist,plays\n", "{0},Abba,1\n", "{0},{1},{2}\n"),
    "plays.tsv": ("user\tartist\tplays\n", "{0}\tAbba\t1\n", "{0}\t{1}\t{2}\n"),
    "usersha1-artmbid-artname-plays.tsv": ("", "{0}\t\tAbba\t1\n", "{0}\t\t{1}\t{2}\n"),
    "userid-timestamp-artid-artname-traid-traname.tsv": (
        "", "{0}\t2009-05-04T23:08:57Z\t\tAbba\t\tx\n", "{0}\t{2}\t\t{1}\t\tx\n",
    ),
    "1.listens": (
        "",
        '{{"user_name": "{0}", "track_metadata": {{"artist_name": "Abba"}}}}\n',
        '{{"user_name": "{0}", "track_metadata": {{"artist_name": "{1}"}}}}\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ODD, ODD, ODD), max_size=8), st.randoms(use_true_random=False))
def test_a_bad_row_is_counted_and_harms_no_neighbour(tmp_path, name, odd, random):
    head, plain, pattern = LAYOUTS[name]
    good = [plain.format(user) for user in USERS]
    bad = [pattern.format(*(field.replace("\n", "") for field in fields)) for fields in odd]
    lines = [*bad, *good[1:]]
    random.shuffle(lines)
    text = head + good[0] + "".join(lines)
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape"))
    clean = read(path)
    assert clean.summary["rows"].sum() == len(good) + len(bad)
    assert clean.summary["rows"].iloc[2:].sum() == len(clean.rejects)
    assert set(USERS) <= set(clean.users)
    abba = clean.listening.artists["name"].tolist().index("Abba")
    row = [clean.users.to_list().index(user) for user in USERS]
    assert (clean.listening.plays.tocsr()[row, abba].toarray() >= 1).all()


# Bytes. A damaged file is read, with an account, or refused; nothing else happens.

SEEDS = {
    "plays.csv": TABLE.encode(),
    "plays16.csv": TABLE.encode("utf-16"),
    "1.listens": (LISTEN % ("ann", "Abba") + "\n" + LISTEN % ("bob", "Air") + "\n").encode(),
    "plays.zip": bytes(zip_of(("a/my.csv", TABLE))),
    "2k.zip": bytes(
        zip_of(
            ("user_artists.dat", "userID\tartistID\tweight\n1\t2\t3\n"), ("artists.dat", "id\tname\n2\tA\n")
        )
    ),
    "x.tar.gz": tar_of((files.PLAYS_MEMBER, f"{USERS[0]}\t\tAbba\t1\n".encode(), tarfile.REGTYPE)),
    "plays.csv.gz": gzip.compress(TABLE.encode(), mtime=0),
}
SINK = io.BytesIO()
pl.DataFrame({"user": ["ann", "bob"], "artist": ["Abba", "Air"], "plays": [3, 4]}).write_parquet(SINK)
SEEDS["plays.parquet"] = SINK.getvalue()
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=9) | st.just(b"\xff\xff\xff\x7f")),
    min_size=1,
    max_size=3,
)


def damaged(content, changes):
    """Content with bytes at some places replaced by others."""
    for where, removed, inserted in changes:
        place = int(where * len(content))
        content = content[:place] + inserted + content[place + removed :]
    return content


@pytest.mark.parametrize("name", SEEDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_a_damaged_file_is_read_or_refused_by_one_sentence(tmp_path, name, changes):
    path = tmp_path / name
    path.write_bytes(damaged(SEEDS[name], changes))
    try:
        clean = read(path)
    except (ValueError, FileNotFoundError) as error:
        assert type(error) in (ValueError, FileNotFoundError)
        assert name in str(error)
        assert len(str(error)) < 4_000
    else:
        assert clean.summary["rows"].iloc[2:].sum() == len(clean.rejects)


# Archives.

ROWS = "".join(f"{user}\t\tAbba\t1\n" for user in USERS).encode()
OF = {user: (LISTEN % (user, "Abba") + "\n").encode() for user in ("ann", "bob", "cid")}
FILE, FOLDER = tarfile.REGTYPE, tarfile.DIRTYPE


@pytest.mark.parametrize("name", [f"../../{files.PLAYS_MEMBER}", f"/{files.PLAYS_MEMBER}",
                                  f"a\x1b[31m\n/{files.PLAYS_MEMBER}"])  # fmt: skip
def test_a_name_in_a_tar_is_no_path(tmp_path, name):
    path = tmp_path / "in" / "plays.tar.gz"
    path.parent.mkdir()
    path.write_bytes(tar_of((name, ROWS, FILE)))
    assert read(path).users.to_list() == USERS
    assert [file.name for file in tmp_path.rglob("*")] == ["in", "plays.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_in_a_tar_is_refused_and_not_followed(tmp_path, kind):
    path = tmp_path / "plays.tar.gz"
    path.write_bytes(tar_of((files.PLAYS_MEMBER, b"", kind)))
    refused(path, "holds no file usersha1")
    path.write_bytes(
        tar_of(("1.listens", OF["ann"], FILE), ("2.listens", b"", kind), ("3.listens", OF["bob"], FILE))
    )
    refused(path, "2.listens in .* is a link or a device")


def test_a_folder_between_files_of_listens_does_not_end_the_reading(tmp_path):
    path = tmp_path / "plays.tar.gz"
    path.write_bytes(
        tar_of(("1.listens", OF["ann"], FILE), ("x.listens", b"", FOLDER), ("2.listens", OF["bob"], FILE))
    )
    assert read(path).users.to_list() == ["ann", "bob"]


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "plays.tar.gz"
    path.write_bytes(tar_of(("1.listens", OF["ann"], FILE), ("1.listens", OF["bob"], FILE)))
    refused(path, "holds 1.listens twice")
    path = tmp_path / "plays.zip"
    path.write_bytes(zip_of(("p.csv", TABLE), ("p.csv", TABLE)))
    refused(path, r"holds 2 files \(p.csv, p.csv\)")
    plays_of = ("user_artists.dat", "userID\tartistID\tweight\n1\t2\t3\n")
    names = ("artists.dat", "id\tname\n2\tAbba\n")
    path.write_bytes(zip_of(plays_of, names, ("x/user_artists.dat", plays_of[1])))
    refused(path, r"holds 2 files \(user_artists.dat, x/user_artists.dat\)")
    path.write_bytes(zip_of(plays_of, names, ("x/artists.dat", "id\tname\n2\tZappa\n")))
    refused(path, "holds 2 files artists.dat, expected one")
    path.write_bytes(zip_of(("1.listens", OF["ann"]), ("1.listens", OF["bob"])))
    refused(path, r"holds 2 files \(1.listens, 1.listens\)")


def test_all_listens_of_a_zip_are_read(tmp_path):
    path = tmp_path / "dump.zip"
    path.write_bytes(zip_of(*((f"listens/{user}.listens", line) for user, line in OF.items())))
    assert read(path).users.to_list() == ["ann", "bob", "cid"]


@pytest.mark.parametrize("name", ["../../p.csv", "/etc/p.csv", "p\x1b[31m.csv", "C:\\p.csv"])
def test_a_name_in_a_zip_is_no_path_and_reaches_no_screen_as_it_is(tmp_path, name, capfd):
    path = tmp_path / "plays.zip"
    path.write_bytes(zip_of((name, TABLE)))
    assert read(path).users.to_list() == ["ann", "bob"]
    assert "\x1b[31m" not in "".join(capfd.readouterr())
    path.write_bytes(zip_of((name, TABLE), ("b.csv", TABLE)))
    refused(path, "holds 2 files")


@pytest.mark.parametrize("members", [[("p.csv", TABLE)], [
    ("user_artists.dat", "userID\tartistID\tweight\n1\t2\t3\n"), ("artists.dat", "id\tname\n2\tAbba\n")
]])  # fmt: skip
def test_an_encrypted_or_oddly_packed_entry_is_refused(tmp_path, members):
    path, last = tmp_path / "plays.zip", members[-1][0]
    path.write_bytes(set_in_zip(zip_of(*members), 6, 8, b"\x01\x00"))
    refused(path, f"{last} in .* is encrypted")
    path.write_bytes(set_in_zip(zip_of(*members), 8, 10, b"\x63\x00"))
    refused(path, f"{last} in .* is packed by the method 99")
    path.write_bytes(set_in_zip(zip_of(*members), 4, 6, b"\xff\x00"))
    refused(path, "cannot be unpacked .zip file version")


# Bombs.


def test_a_line_without_end_is_refused_before_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "LONGEST_LINE", 1_000)
    path = tmp_path / "plays.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode() + b"a" * 10_000_000))
    refused(path, "line 4 of .* has more than 1,000 bytes", lambda path: read(path, block_bytes=100))


@pytest.mark.parametrize("name", ["plays.csv.gz", "plays.zip", "artists.dat.gz"])
def test_what_unpacks_far_beyond_its_size_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "FREE_BYTES", 100_000)
    long = "id\tname\n2\tAbba\n" if name.startswith("artists") else TABLE
    long += "\n" * 5_000_000
    path = tmp_path / name
    path.write_bytes(zip_of(("p.csv", long)) if name.endswith("zip") else gzip.compress(long.encode()))
    (tmp_path / "user_artists.dat").write_text("userID\tartistID\tweight\n1\t2\t3\n")
    given = {"artists.dat.gz": tmp_path / "user_artists.dat"}.get(name, path)
    with pytest.raises(ValueError, match=f"{name} unpacks to more than [0-9,]+ bytes"):
        read(given)


def test_more_rejected_rows_than_kept_ones_are_held_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(plays, "MOST_REJECTS", 1_000)
    path = tmp_path / "plays.csv"
    path.write_text(TABLE + "\n" * 100_000)
    refused(path, "of the first [0-9,]+ rows of .* were rejected", lambda path: read(path, block_bytes=1_000))
    path.write_text(TABLE + "\n" * 1_000)
    assert len(read(path, block_bytes=100).rejects) == 1_000


def test_a_block_of_many_short_lines_is_read_in_parts(tmp_path, monkeypatch):
    rows = [f"u{k},Abba,1" for k in range(1_000)]
    path = tmp_path / "plays.csv"
    path.write_text("user,artist,plays\n" + "\n".join([*rows, "", "x,,"]))
    whole = read(path)
    monkeypatch.setattr(common, "MOST_LINES", 50)
    parts = read(path)
    assert parts.rejects.equals(whole.rejects)
    assert parts.users.equals(whole.users)


# Parquet.


@pytest.mark.parametrize(("column", "values"), [
    ("artist", [{"a": 1}, {"a": 2}]), ("artist", [[["Abba"]], [["Air"]]]), ("artist", [[{"a": 1}], []]),
])  # fmt: skip
def test_a_parquet_column_of_something_else_is_named(tmp_path, column, values):
    columns = {"user": ["ann", "bob"], "artist": ["Abba", "Air"], "plays": [1, 2]} | {column: values}
    pa.parquet.write_table(pa.table(columns), tmp_path / "plays.parquet")
    refused(tmp_path / "plays.parquet", f"the column '{column}' of .* holds .*: expected text or numbers")


def test_bytes_in_a_parquet_file_are_text_and_neighbours_stay(tmp_path):
    table = pa.table({"user": [b"ann", b"b\xff"], "artist": [b"Bj\xc3\xb6rk", b"Bj\xf6rk"], "plays": [1, 2]})
    pa.parquet.write_table(table, tmp_path / "plays.parquet")
    clean = read(tmp_path / "plays.parquet")
    assert sorted(clean.listening.artists["name"]) == ["Björk", "Bj\ufffdrk"]
    assert clean.users.to_list() == ["ann", "b\ufffd"]


def test_a_parquet_file_with_a_column_twice_or_without_rows_is_refused(tmp_path):
    path = tmp_path / "plays.parquet"
    twice = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["user", "artist", "artist"])
    pa.parquet.write_table(twice, path)
    refused(path, "names a column twice")
    pa.parquet.write_table(twice.select([0, 1]).slice(0, 0), path)
    refused(path, "has a header and no rows below it")


# ListenBrainz.


@pytest.mark.parametrize("odd", ["[" * 100_000, '{"a":' * 100_000, '{"user_name": "x", "z": ' + "[" * 50_000])
def test_a_line_nested_without_end_is_one_rejected_row(tmp_path, odd):
    path = tmp_path / "1.listens"
    path.write_bytes(OF["ann"] + odd.encode() + b"\n" + OF["bob"])
    clean = read(path)
    assert clean.users.to_list() == ["ann", "bob"]
    assert clean.rejects["line"].to_list() == [2]


@pytest.mark.parametrize("other", ["", "no listen\n"])
def test_half_a_character_is_u_fffd_however_its_block_is_read(tmp_path, other):
    path = tmp_path / "1.listens"
    whole = LISTEN % ("eve", "\\ud83c\\udfb5")
    path.write_text(LISTEN % ("dan", "x\\ud800") + "\n" + whole + "\n" + other)
    assert sorted(read(path).listening.artists["name"]) == ["x\ufffd", "\U0001f3b5"]


# One person's history.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["artist_name", "artist_mbids", "mbid_mapping", "additional_info", "x"]
    ), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
HISTORIES = {
    "StreamingHistory0.json": "artistName",
    "endsong_0.json": "master_metadata_album_artist_name",
    "3.jsonl": "track_metadata",
}


@pytest.mark.parametrize("name", HISTORIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, max_size=6))
def test_each_entry_of_a_history_is_a_play_or_left_out(tmp_path, name, odd):
    key = HISTORIES[name]
    good = {key: {"artist_name": "Abba"} if key == "track_metadata" else "Abba"}
    odd = [{key: value} if k % 2 else value for k, value in enumerate(odd)]
    lines = [json.dumps(entry) for entry in [good, *odd, good]]
    text = "\n".join(lines) if key == "track_metadata" else f"[{', '.join(lines)}]"
    (tmp_path / name).write_text(text)
    read = history.read(tmp_path / name)
    assert read.plays["plays"].sum() + sum(read.left_out.values()) == len(lines)
    assert read.plays.set_index("name")["plays"]["Abba"] >= 2


@pytest.mark.parametrize(("content", "message"), [
    ('[{"artistName": ' + "[" * 100_000, "is no JSON"),
    ('[{"artistName": ' + "9" * 5_000 + "}]", "is no JSON"),
    ('[{"artistName": 5}]', "names no artist in any of its 1 entries"),
])  # fmt: skip
def test_a_hopeless_history_is_one_sentence(tmp_path, content, message):
    path = tmp_path / "StreamingHistory0.json"
    path.write_text(content)
    refused(path, message, history.read)


def test_a_history_in_a_bad_zip_is_one_sentence(tmp_path, monkeypatch):
    path, member = tmp_path / "my.zip", ("StreamingHistory0.json", '[{"artistName": "Abba"}]')
    path.write_bytes(set_in_zip(zip_of(member), 6, 8, b"\x01\x00"))
    refused(path, "is encrypted", history.read)
    path.write_bytes(zip_of(member)[:-30])
    refused(path, "cannot be unpacked", history.read)
    path.write_bytes(zip_of(member, member))
    refused(path, "holds two files of one name", history.read)
    monkeypatch.setattr(history, "MOST_BYTES", 10)
    path.write_bytes(zip_of(member))
    refused(path, "has more than 10 bytes", history.read)


def test_an_entry_that_says_less_than_it_holds_is_refused(tmp_path):
    content = zip_of(("StreamingHistory0.json", '[{"artistName": "Abba"}]' * 10))
    listed = content.rindex(b"PK\x01\x02")
    content[listed + 24 : listed + 28] = (10).to_bytes(4, "little")
    (tmp_path / "my.zip").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be unpacked|is no JSON"):
        history.read(tmp_path / "my.zip")


def test_what_a_file_system_hides_is_no_entry_and_a_path_that_climbs_is_one():
    with zipfile.ZipFile(
        io.BytesIO(zip_of(("../p.csv", "x"), (".x/p.csv", "x"), ("__MACOSX/p", "x")))
    ) as archive:
        assert [entry.filename for entry in zips.entries(archive)] == ["../p.csv"]
