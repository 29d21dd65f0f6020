"""A stand-in for each layout of plays, the same plays in all of them; and what is in none."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.listening import matrix, plays, text
from lib.listening.layouts import by_id, common, headed, listenbrainz, recognition

# Two users, three artists; the second artist's name has a comma, quotes and a letter beyond ASCII.
NAMES = ["Radiohead", 'Björk, "live"', "AC/DC"]
ROWS = [("ann", 0, 3), ("ann", 1, 1001), ("bob", 0, 1), ("bob", 2, 2)]
NAMED = [(user, NAMES[artist], n) for user, artist, n in ROWS]
WANTED = sorted(NAMED)
MBID = "a74b1b7f-71a5-4011-9441-d0b5e4122711"
EVENTS = [(user, artist) for user, artist, n in ROWS for _ in range(min(n, 4))]
WANTED_EVENTS = sorted((user, NAMES[artist], min(n, 4)) for user, artist, n in ROWS)


def read(path, **options):
    options = {"require_mbid": False, "registered_only": False} | options
    return plays.read(path, **options)


def good(clean):
    cells = clean.listening.plays.tocoo()
    names = clean.listening.artists["name"]
    rows = zip(clean.users.gather(cells.row), names.iloc[cells.col], cells.data.tolist(), strict=True)
    return sorted(rows)


def tab(rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zst(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def tar(members):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


def zipped(members):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


PACK = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zst}


# Last.fm-2K.

USER_ARTISTS = "userID\tartistID\tweight\n" + tab(ROWS)
ARTISTS = "id\tname\turl\tpictureURL\n" + tab((k, name, "http://x", "") for k, name in enumerate(NAMES))


@pytest.mark.parametrize("given_as", ["file", "folder", "zip"])
def test_lastfm_2k_is_read_from_its_file_folder_or_zip(tmp_path, given_as):
    inside = {"user_artists.dat": USER_ARTISTS, "artists.dat": ARTISTS, "tags.dat": "x", "readme.txt": "x"}
    if given_as == "zip":
        path = written(tmp_path / "hetrec2011-lastfm-2k.zip", zipped(inside))
    else:
        for name, content in inside.items():
            written(tmp_path / name, content)
        path = tmp_path / "user_artists.dat" if given_as == "file" else tmp_path
    assert good(read(path)) == WANTED


def test_an_id_without_an_artist_is_rejected_with_its_row(tmp_path):
    written(tmp_path / "artists.dat", ARTISTS)
    clean = read(written(tmp_path / "user_artists.dat", USER_ARTISTS + "cid\t99\t5\n"))
    assert clean.rejects.rows() == [("user_artists.dat", 6, "artist name is empty", "cid\t99\t5")]
    assert good(clean) == WANTED


def test_ids_without_their_table_are_refused_with_its_name(tmp_path):
    path = written(tmp_path / "user_artists.dat", USER_ARTISTS)
    message = (
        r"names artists by an id \(column 'artistID'\).*artists\.dat or .*-p 01_listening_data\.plays_file="
    )
    with pytest.raises(ValueError, match=message):
        read(path)
    written(tmp_path / "artists.dat", "id\turl\n0\tx\n")
    with pytest.raises(
        ValueError, match="table of artists beside .* has the columns 'id', 'url': expected id or"
    ):
        read(path)


# Music4All-Onion, LFM-2b.


@pytest.mark.parametrize(
    ("plays_name", "tracks_name", "header"),
    [
        ("userid_trackid_count.tsv", "id_information.csv", "id\tartist\tsong\talbum_name"),
        ("listening-counts.tsv", "tracks.tsv", "track_id\tartist_name\ttrack_name\tx"),
        ("mine.csv", "tracks.csv", "track_id\tartist\ttrack\tx"),
    ],
)
@pytest.mark.parametrize("packing", PACK)
def test_tracks_are_read_with_the_table_that_gives_their_artists(
    tmp_path, plays_name, tracks_name, header, packing
):
    tracks = (
        header + "\n" + tab((f"t{k}", name, "Song", "Album") for k, name in enumerate([*NAMES, NAMES[0]]))
    )
    rows = [(user, f"t{artist}", n) for user, artist, n in ROWS] + [("bob", "t3", 4)]
    written(tmp_path / (tracks_name + packing), PACK[packing](tracks.encode()))
    path = tmp_path / (plays_name + packing)
    written(path, PACK[packing](("user_id\ttrack_id\tcount\n" + tab(rows)).encode()))
    wanted = sorted({row[:2]: row for row in [*WANTED, ("bob", "Radiohead", 5)]}.values())
    assert good(read(path)) == wanted
    assert good(read(path, block_bytes=1)) == wanted
    if plays_name in recognition.MEMBERS:
        assert good(read(tmp_path)) == wanted


def test_events_of_tracks_are_one_play_each(tmp_path, capsys):
    written(tmp_path / "id_information.csv", "id\tartist\n" + tab(enumerate(NAMES)))
    rows = tab((user, artist, "2020-01-01 10:00") for user, artist in EVENTS)
    clean = read(written(tmp_path / "userid_trackid_timestamp.tsv", "user_id\ttrack_id\ttimestamp\n" + rows))
    assert good(clean) == WANTED_EVENTS
    assert "nothing is read from the column 'timestamp'" in capsys.readouterr().out


# Last.fm-1K.

LASTFM_1K = tab((user, "2009-05-04T23:08:57Z", "", NAMES[artist], "", "Track") for user, artist in EVENTS)


@pytest.mark.parametrize("packed", [False, True])
def test_lastfm_1k_is_read_plain_and_from_its_archive(tmp_path, packed):
    name = "userid-timestamp-artid-artname-traid-traname.tsv"
    content = LASTFM_1K + "ann\t2009\t\tRadiohead\n"
    path = written(tmp_path / name, content)
    if packed:
        members = {"lastfm-dataset-1K/README.txt": b"x", f"lastfm-dataset-1K/{name}": content.encode()}
        path = written(tmp_path / "lastfm-dataset-1K.tar.gz", gzip.compress(tar(members)))
    clean = read(path)
    assert good(clean) == WANTED_EVENTS
    assert clean.rejects.select("file", "line", "reason").rows() == [
        (name, len(EVENTS) + 1, "wrong number of fields")
    ]


# ListenBrainz.


def listen(user, artist, ids=None, mapped=None):
    track = {
        "artist_name": NAMES[artist],
        "track_name": "T",
        "additional_info": {"artist_mbids": ids, "x": {}},
    }
    track["mbid_mapping"] = None if mapped is None else {"artist_mbids": mapped, "recording_mbid": "y"}
    return json.dumps({"user_id": 7, "user_name": user, "timestamp": 1, "track_metadata": track}) + "\n"


LISTENS = "".join(listen(user, artist) for user, artist in EVENTS).encode()
HALVES = [b"".join(LISTENS.splitlines(True)[k::2]) for k in range(2)]
DUMP = {"dump/COPYING": b"x", "dump/listens/2005/1.listens": HALVES[0].removesuffix(b"\n"),
        "dump/listens/2005/2.listens": HALVES[1]}  # fmt: skip


@pytest.mark.parametrize("packing", PACK)
def test_a_listenbrainz_dump_is_read_as_lines_archive_or_folder(tmp_path, packing):
    assert good(read(written(tmp_path / f"1.listens{packing}", PACK[packing](LISTENS)))) == WANTED_EVENTS
    archive = written(tmp_path / f"dump.tar{packing}", PACK[packing](tar(DUMP)))
    if packing:
        assert good(read(archive)) == WANTED_EVENTS
    for name, content in DUMP.items():
        written(tmp_path / "unpacked" / name, content)
    assert good(read(tmp_path / "unpacked")) == WANTED_EVENTS


def test_the_first_mbid_of_a_listen_counts_and_the_mapping_before_the_player(tmp_path):
    lines = [
        listen("ann", 0, mapped=[MBID, "x"], ids=["y"]),
        listen("bob", 0, ids=[MBID.upper(), "y"]),
        listen("cid", 0, ids=[]),
        listen("dan", 0, ids="{" + MBID + "}"),
    ]
    clean = read(written(tmp_path / "3.listens", "".join(lines)))
    assert clean.listening.artists["artist_id"].tolist() == [MBID]
    assert clean.listening.plays.sum() == 4


def test_a_line_that_is_no_listen_is_rejected(tmp_path):
    odd = ["{broken", "[]", "7", "", '{"user_name": "x", "track_metadata": null}', "{}", '{"user_name": {}}']
    clean = read(written(tmp_path / "3.listens", LISTENS + "\n".join(odd).encode()))
    assert good(clean) == WANTED_EVENTS
    assert clean.rejects["text"].to_list() == odd
    assert clean.rejects["line"].to_list() == [len(EVENTS) + 1 + k for k in range(len(odd))]


@given(
    st.lists(st.tuples(st.sampled_from(["ann", "bob", 5, None]), st.sampled_from([None, [], [MBID], "x"])))
)
def test_listens_read_at_once_are_those_read_line_by_line(listens):
    block = (listen("z", 0) + "".join(listen(user, 1, ids, ids) for user, ids in listens)).encode()
    lines = common.lines(block)
    assert (
        listenbrainz.table(block)
        .select(common.FIELDS)
        .equals(listenbrainz._by_line(lines).select(common.FIELDS))
    )


# Headed text.

HEADED = "user,artist,plays\n" + "".join(
    f'{user},"{NAMES[artist].replace(chr(34), chr(34) * 2)}",{n}\n' for user, artist, n in ROWS
)


def excel(delimiter=",", encoding="utf-8", end="\r\n", before="", number=str):
    """The table as a spreadsheet writes it."""
    rows = [["user", "artist", "plays"], *([user, NAMES[artist], number(n)] for user, artist, n in ROWS)]

    def field(value):
        odd = delimiter in value or '"' in value
        return '"' + value.replace('"', '""') + '"' if odd else value

    return (before + "".join(delimiter.join(map(field, row)) + end for row in rows)).encode(encoding)


def numbered(header):
    """With an index, as pandas writes it."""
    numbers = [header, *map(str, range(len(ROWS)))]
    lines = zip(numbers, excel().decode().splitlines(True), strict=True)
    return "".join(f"{number},{line}" for number, line in lines).encode()


@pytest.mark.parametrize(
    "content",
    {
        "plain": excel(),
        "semicolons": excel(";"),
        "tabs, quoted by Excel": excel("\t"),
        "mark": excel(encoding="utf-8-sig"),
        "Unicode text": excel("\t", encoding="utf-16"),
        "big-endian without a mark": excel("\t", encoding="utf-16-be"),
        "Windows-1252": excel(";", encoding="cp1252"),
        "old Mac": excel(end="\r"),
        "old Mac, Windows-1252": excel(end="\r", encoding="cp1252"),
        "sep=": excel("|", before="sep=|\r\n"),
        "comments": excel(before="# my plays\r\n\r\n# of 2025\r\n"),
        "pandas' numbers": excel(number="{}.0".format),
        "thousands": excel(number="{:,}".format),
        "thousands by space": excel(number=lambda n: f"{n:,}".replace(",", "\u00a0")),
        "semicolons and a decimal comma": excel(";", number="{},0".format),
        "trailing commas": excel(end=",,\r\n"),
        "index": numbered(""),
        "unnamed index": numbered("Unnamed: 0"),
        "spaces": excel(", "),
        "HTML": excel(";").replace(b'""', b"&quot;"),
    }.items(),
    ids=lambda item: item[0],
)  # fmt: skip
@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_a_table_is_read_however_a_spreadsheet_wrote_it(tmp_path, content, block_bytes):
    clean = read(written(tmp_path / "plays.csv", content[1]), block_bytes=block_bytes)
    assert good(clean) == WANTED
    assert clean.rejects.is_empty()


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_table_is_read_whatever_its_name(tmp_path, packing):
    assert good(read(written(tmp_path / "plays", PACK[packing](HEADED.encode())))) == WANTED
    assert (
        good(read(written(tmp_path / "plays.zip", zipped({"a/my.csv": HEADED, "__MACOSX/a": "x"})))) == WANTED
    )


@pytest.mark.parametrize("packing", [name for name in PACK if name])
@pytest.mark.parametrize("cut", [-1, -20])
def test_a_packed_table_that_was_cut_short_is_an_error(tmp_path, packing, cut):
    content = PACK[packing]((HEADED * 200).encode())[:cut]
    with pytest.raises(ValueError, match="cannot be unpacked .*fetch it again"):
        read(written(tmp_path / "plays.csv", content))


@pytest.mark.parametrize(
    "header",
    [
        "user_id,artist_name,playcount", "UserID,ArtistName,listens", "username,artistname,scrobbles",
        "user name,artist.name,weight", "listener,band,play_count", "usersha1,artname,Count",
    ],
)  # fmt: skip
def test_columns_under_their_other_names_are_understood_and_said(tmp_path, capsys, header):
    content = HEADED.replace("user,artist,plays", header)
    assert good(read(written(tmp_path / "plays.csv", content))) == WANTED
    said = capsys.readouterr().out
    assert all(repr(column) in said for column in header.split(","))


def test_columns_that_nothing_is_read_from_are_named_once(tmp_path, capsys):
    content = "".join(f"{line},x,\n" for line in HEADED.splitlines()).replace("plays,x,", "plays,age,listens")
    assert good(read(written(tmp_path / "plays.csv", content))) == WANTED
    assert capsys.readouterr().out.count("nothing is read from the columns 'age', 'listens'") == 1


def test_a_plain_table_is_read_without_a_word_on_it(tmp_path, capsys):
    read(written(tmp_path / "plays.csv", HEADED + "".join(f"u{k},AC/DC,1\n" for k in range(100))))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("field", [
    MBID.upper(), "{" + MBID + "}", f"https://musicbrainz.org/artist/{MBID}", f"{MBID};x",
    f"['{MBID}', '87c5dedd-371d-4a53-9f7f-80522fb7f3cb']",
])  # fmt: skip
def test_an_mbid_is_one_id_however_it_is_written(tmp_path, field):
    content = f'user,artist,mbid\nann,Radiohead,{MBID}\nbob,Radiohead live,"{field}"\n'
    clean = read(written(tmp_path / "plays.csv", content), one_mbid_per_name=False)
    assert clean.listening.artists[["artist_id", "listeners"]].to_numpy().tolist() == [[MBID, 2]]


@pytest.mark.parametrize("number", ["1.5", "1.001", "1e3", "+7", "1,01", "0x1", "1.000", "١", "--"])
def test_plays_that_may_mean_something_else_are_rejected(tmp_path, number):
    clean = read(written(tmp_path / "plays.csv", f'{HEADED}cid,AC/DC,"{number}"\n'))
    assert clean.rejects.select("line", "reason").rows() == [(6, "plays is not a whole number")]


@pytest.mark.parametrize("number", ["1.001", "1,001"])
def test_three_digits_behind_a_point_or_comma_are_ambiguous_where_semicolons_delimit(tmp_path, number):
    clean = read(written(tmp_path / "plays.csv", excel(";") + f"cid;AC/DC;{number}\r\n".encode()))
    assert clean.rejects.select("line", "reason").rows() == [(6, "plays is not a whole number")]


def test_lines_before_the_header_count_as_lines(tmp_path):
    content = excel(before="sep=,\r\n# mine\r\n") + b"cid,AC/DC,x\r\n"
    assert read(written(tmp_path / "plays.csv", content)).rejects["line"].to_list() == [8]


def test_quotes_that_nobody_doubled_are_part_of_the_name(tmp_path):
    clean = read(written(tmp_path / "plays.csv", 'user,artist\nann,"Weird Al" Yankovic\nbob,"a" "b", c\n'))
    assert clean.listening.artists["name"].tolist() == ['"Weird Al" Yankovic']
    assert clean.rejects["line"].to_list() == [3]


def test_windows_1252_is_recognised_by_a_name_at_the_end_of_a_long_file(tmp_path, capsys):
    content = "user,artist\n" + "ann,Abba\n" * 300_000 + "bob,Björk\n"
    clean = read(written(tmp_path / "plays.csv", content.encode("cp1252")), block_bytes=100_000)
    assert clean.listening.artists["name"].tolist() == ["Abba", "Björk"]
    assert "is not UTF-8 and is read as Windows-1252" in capsys.readouterr().out


def test_bytes_in_no_encoding_are_replaced_and_counted(tmp_path, capsys):
    content = HEADED.encode() + "cid,Sigur Rós\n".encode() + b"dan,Bj\xf6rk,1\n"
    clean = read(written(tmp_path / "plays.csv", content))
    assert "Bj\ufffdrk" in clean.listening.artists["name"].tolist()
    said = capsys.readouterr().out
    assert "1 bytes of plays.csv are not UTF-8 and were replaced by U+FFFD, the first in line 7" in said
    assert "1 characters in the names of 1 artists are U+FFFD" in said


def test_bytes_in_no_encoding_are_counted_in_the_layout_of_lastfm_360k(tmp_path, capsys):
    rows = [f"{k:040x}\t\tBj?rk\t1\n".encode().replace(b"?", b"\xf6") for k in range(3)]
    read(written(tmp_path / "plays.tsv", b"".join(rows)))
    assert "1 characters in the names of 1 artists are U+FFFD" in capsys.readouterr().out


LINES = st.lists(
    st.sampled_from(['ann,Abba,1', 'bob,"a, b",2', 'cid,"x ""y""",3', 'd,"e" f,4', 'g,"h,5', "", ",,",
                     "a,b,1,,", "a,b,1,2", " a , b , 1.0 ", 'a, "b",1', "a\r,b,1", "a,b", '"a","b","1"',
                     "ä,ö,1"])
)  # fmt: skip


@given(LINES, st.booleans())
def test_fields_read_at_once_are_those_of_each_line(lines, ended):
    block = ("\n".join(["u,n,1", *lines]) + "\n" * ended).encode()
    form = text.Form(("user", "artist", "plays"), ",", True, 0)
    where = headed.places(form.columns)
    rows = headed.fields(block, form, where)
    assert len(rows) == common.n_lines(block)
    for row, line in zip(rows.to_dicts(), block.decode().split("\n"), strict=False):
        fields = form.fields(line)
        assert row.get("whole", True) == (len(fields) == 3)
        if row.get("whole", True):
            assert [(row[name] or "").strip() for name in form.columns] == fields


# Parquet.


def test_parquet_is_read_by_its_columns_in_batches(tmp_path, capsys):
    table = pl.DataFrame(NAMED, schema=["user_id", "artist_name", "listens"], orient="row")
    table = table.with_columns(
        pl.col("listens").cast(pl.Float64),
        artist_mbids=pl.Series([[MBID, "x"], [], [MBID], None]),
        age=pl.lit(1),
    )
    table.write_parquet(tmp_path / "plays.parquet", row_group_size=3)
    clean = read(tmp_path / "plays.parquet")
    assert good(clean) == WANTED
    assert clean.listening.artists["artist_id"].tolist()[0] == MBID
    assert good(read(tmp_path / "plays.parquet", block_bytes=1)) == WANTED
    assert "nothing is read from the column 'age'" in capsys.readouterr().out


def test_parquet_without_users_or_packed_is_an_error(tmp_path):
    pl.DataFrame({"artist": ["x"], "n": [1]}).write_parquet(tmp_path / "plays.parquet")
    with pytest.raises(ValueError, match="has the columns 'artist', 'n' and misses user .*several listeners"):
        read(tmp_path / "plays.parquet")
    content = gzip.compress((tmp_path / "plays.parquet").read_bytes())
    with pytest.raises(ValueError, match="holds a Parquet file: unpack it first"):
        read(written(tmp_path / "plays.gz", content))


# Several listeners.


def test_one_listener_is_told_that_similarity_needs_several(tmp_path, capsys):
    content = "user,artist,plays\n" + "".join(f"me,Artist {k},{k + 1}\n" for k in range(30))
    clean = read(written(tmp_path / "plays.csv", content))
    assert "similarity needs several listeners, this file has one" in capsys.readouterr().out
    with pytest.raises(ValueError, match="similarity needs several listeners, this file has one: give -p 01"):
        matrix.top(clean.listening, 10)


@pytest.mark.parametrize(("n", "warned"), [(2, True), (99, True), (100, False)])
def test_few_listeners_are_a_warning(tmp_path, capsys, n, warned):
    read(written(tmp_path / "plays.csv", "user,artist\n" + "".join(f"u{k},Abba\n" for k in range(n))))
    assert (f"has {n} listeners: below 100" in capsys.readouterr().out) == warned


def test_users_that_differ_in_capitals_only_are_counted_apart_and_named(tmp_path, capsys):
    clean = read(written(tmp_path / "plays.csv", "USER,ARTIST\nann,Abba\nAnn,Abba\nann ,Blur\n"))
    assert clean.users.to_list() == ["Ann", "ann"]
    assert "2 users differ from another in capitals only" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        "Various Artists",
        "various artists",
        " VARIOUS  ARTISTS",
        "V.A.",
        "Various",
        "<unknown>",
        "Vari artisti",
    ],
)
def test_various_artists_is_nobody(tmp_path, name):
    clean = read(written(tmp_path / "plays.csv", f"{HEADED}cid,{name},9\n"))
    assert clean.rejects["reason"].to_list() == ["artist is nobody, as Various Artists or Unknown Artist"]
    assert good(clean) == WANTED


# What is in no layout.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user,song,plays\nann,x,1\n", "table that gives each id its artist is needed"),
        ("user,title,plays\nann,x,1\n", r"'user', 'title', 'plays' and misses artist \(or artistname"),
        ("artist,plays\nx,1\n", "columns 'artist', 'plays' and misses user .*similarity needs several"),
        ("ann,Abba,3\nbob,Air,4\n", "in no layout .*a header would help: user,artist,plays"),
        ("user1\t\tAbba\t3\n" * 3, "user is not a SHA-1.*a header would help: user\tmbid\tartist\tplays"),
        ("0" * 40 + "\tSOAKIMP12A8C130000\t1\n", "triplets of the taste profile .*which name no artists"),
        ("<!DOCTYPE html><html>", "is a web page"),
        ('{"a": 1}\n', "in no layout"),
        ("user,artist,userid\n", "has a header and no rows below it"),
        ("sep=;\n# nothing\n", "in no layout"),
    ],
)  # fmt: skip
def test_what_is_in_no_layout_is_told_what_was_there_and_what_to_type(tmp_path, content, message):
    path = written(tmp_path / "plays.csv", content)
    with pytest.raises(ValueError, match=f"(?s){message}") as error:
        read(path)
    if "no rows" not in message and "SHA-1" not in message:
        assert f"-p 01_listening_data.plays_file={path}" in str(error.value)


def test_every_layout_is_named_where_nothing_fits(tmp_path):
    with pytest.raises(ValueError) as error:
        read(written(tmp_path / "plays.csv", "nothing"))
    assert all(layout in str(error.value) for layout in recognition.LAYOUTS)
    named = " ".join(recognition.LAYOUTS)
    for layout in ("360K", "2K", "1K", "CSV", "Parquet", "ListenBrainz", "Music4All-Onion", "LFM-2b"):
        assert layout in named


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.csv": "x", "b.csv": "y"}, r"holds 2 files \(a.csv, b.csv\): expected the plays of a data set"),
        ({"[Content_Types].xml": "x", "xl/workbook.xml": "y"}, "is a workbook: .* save its sheet as CSV"),
    ],
)
def test_another_zip_is_explained(tmp_path, members, message):
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path / "plays.zip", zipped(members)))


def test_artists_are_looked_up_by_the_hash_of_their_id():
    ids, names = pl.Series(["a", "b"]), pl.Series(["Abba", "Blur"])
    hashes = ids.hash(seed=0).to_numpy()
    order = hashes.argsort()
    artists = by_id.Artists(hashes[order], names.gather(order))
    assert artists.of(pl.Series(["b", "x", "a", "b"])).to_series().to_list() == ["Blur", "", "Abba", "Blur"]
