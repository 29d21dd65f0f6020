"""Tags: every row accounted for, factors by hand, and deaf to what held-out artists are called."""

import last_fm_2k
import numpy as np
import pandas as pd
import pytest

from lib.beyond import tags
from lib.workflow import paths

ARTISTS = pd.DataFrame({"artist_id": ["m1", "m2", "m3", "m4"], "name": ["Abba", "Air", "ABBA", "Can"]})


def table(rows):
    return pd.DataFrame(rows, columns=["artist_id", "tag", "count"])


@pytest.fixture
def written(tmp_path):
    def write(text, name="tags.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_artists_are_known_by_id_and_by_name_and_equal_rows_are_added(written):
    text = "Artist,Tag,Count\nM1,Pop,2\n  abba ,pop,3\nAir,french,1\nm3,Pop,\n"
    found = tags.read(written(text), ARTISTS)
    wanted = [["m1", "pop", 5.0], ["m2", "french", 1.0], ["m3", "pop", 1.0]]
    assert found.counts.to_numpy().tolist() == wanted
    assert found.summary["rows"].tolist() == [4, 0]


@pytest.mark.parametrize("name, text", [
    ("tags.tsv", "tag\tartist\n\"pop\tAbba\nkraut, rock\tCan\n"),
    ("tags.csv", "\ufefftag,artist\r\n\"\"\"pop\",Abba\r\n\"kraut, rock\",Can\r\n"),
])  # fmt: skip
def test_without_a_count_each_row_counts_once_in_either_layout(written, name, text):
    found = tags.read(written(text, name), ARTISTS).counts
    assert found.to_numpy().tolist() == [["m1", '"pop', 1.0], ["m4", "kraut, rock", 1.0]]


def test_bad_rows_are_rejected_with_line_and_reason_and_no_good_one_is_lost(written):
    bad = ["Abba", " ,pop,1", "Abba, ,1", "Abba,pop,many", "Abba,pop,-1", "Abba,pop,inf", 'Abba,"pop,1', ""]
    text = "\n".join(["artist,tag,count", "Abba,pop,1", *bad, "Can,rock,2", "Nobody,pop,1", "NOBODY,x,1"])
    found = tags.read(written(text), ARTISTS)
    assert found.counts["artist_id"].tolist() == ["m1", "m4"]
    assert found.rejects["text"].tolist() == bad
    assert found.rejects["line"].tolist() == list(range(3, 11))
    assert set(found.rejects["file"]) == {"tags.csv"}
    fields, count = "wrong number of fields", "count is not positive and finite"
    assert found.rejects["reason"].tolist() == [
        fields, "artist is empty", "tag is empty", "count is not a number", count, count, fields, fields,
    ]  # fmt: skip
    of = found.summary.set_index("outcome")["rows"]
    assert of["kept"] == 2
    assert of["of 1 artists who are not in the plays"] == 2
    assert of.sum() == 12


@pytest.mark.parametrize("text, said", [
    ("", "names the columns artist, tag and perhaps count"),
    ("Abba,pop,1\nCan,rock,1\n", "first line of .* reads 'Abba,pop,1'"),
    ("artist,tag,tag\nAbba,pop,x\n", "each once"),
    ("artist,tag\n", "a header and no rows"),
    ("artist,tag\nAbba\nCan\n", "all 2 rows .* line 2: wrong number of fields: 'Abba'"),
    ("artist,tag\nNobody,pop\n", "none of the 1 artists .* is among the 4 .* 'Nobody'"),
    (bytes(range(256)), "expected a CSV or TSV"),
])  # fmt: skip
def test_a_hopeless_file_is_an_error_that_says_what_is_expected(written, text, said):
    with pytest.raises(ValueError, match=said):
        tags.read(written(text), ARTISTS)


@pytest.mark.parametrize("text", [
    "sep=;\r\nArtist;Tag;Count;\r\nabba;Größe;3;\r\n".encode("cp1252"),
    "artist\ttag\tcount\nabba\tGröße\t3\n".encode("utf-16"),
    "# mine\n,artist_name,tag name,weight\n0, abba, Größe, 3\n".encode("utf-8-sig"),
    "artist,tag,count\rabba,Größe,3\r".encode(),
], ids=["Excel", "Unicode text", "pandas", "old Mac"])  # fmt: skip
def test_tags_are_read_however_a_spreadsheet_wrote_them(written, text):
    assert tags.read(written(text), ARTISTS).counts.to_numpy().tolist() == [["m1", "grösse", 3.0]]


def test_columns_and_bytes_that_are_not_read_are_said(written, capsys):
    text = "artist,tag,weight,user\nabba,böse,1,x\nabba,b?d,2,x\n".encode().replace(b"?", b"\xf6")
    assert set(tags.read(written(text), ARTISTS).counts["tag"]) == {"böse", "b\ufffdd"}
    said = capsys.readouterr().out
    assert "1 bytes of tags.csv are not UTF-8 and were replaced by U+FFFD, the first in line 3" in said
    assert "count is read from the column 'weight'; nothing is read from the column 'user'" in said


def test_an_mbid_in_braces_or_capitals_is_the_same_id(written):
    mbid = "a74b1b7f-71a5-4011-9441-d0b5e4122711"
    artists = pd.DataFrame({"artist_id": [mbid], "name": ["Radiohead"]})
    text = f"artist,tag\n{{{mbid.upper()}}},rock\nhttps://musicbrainz.org/artist/{mbid},rock\n"
    assert tags.read(written(text), artists).counts.to_numpy().tolist() == [[mbid, "rock", 2.0]]


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no table of tags at"):
        tags.read(tmp_path / "absent.csv", ARTISTS)


def test_cosines_of_factors_by_hand():
    """Tag x is with a and b, y with b and c, of three artists: both weigh the same."""
    counts = table([("a", "x", 1), ("b", "x", 1), ("b", "y", 3), ("c", "y", 1), ("c", "all", 1)])
    counts = pd.concat([counts, table([("a", "all", 9), ("b", "all", 2)])])
    found = tags.tag_factors(counts, ["c", "a", "b"])
    assert found.index.tolist() == ["c", "a", "b"]
    cosine = (found @ found.T).loc
    assert cosine["a", "c"] == pytest.approx(0)  # what all have tells nothing apart
    assert cosine["a", "b"] == pytest.approx(1 / np.sqrt(5))  # log 2 to log 4
    assert cosine["b", "c"] == pytest.approx(2 / np.sqrt(5))


def test_factors_are_no_more_than_asked_for_and_of_length_1(rng):
    every = [(f"a{k}", f"t{tag}", 1) for k in range(20) for tag in rng.choice(12, 4, replace=False)]
    found = tags.tag_factors(table(every), [f"a{k}" for k in range(20)], n_factors=5)
    assert found.shape == (20, 5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)


def test_tags_of_held_out_artists_cannot_reach_the_factors(rng):
    train = [f"a{k}" for k in range(8)]
    own = table([(artist, f"t{tag}", 1 + tag) for artist in train for tag in rng.choice(6, 3, replace=False)])
    before = tags.tag_factors(own, train)
    for others in ([("z", "t0", 1000)], [(f"z{k}", f"t{k % 6}", 7) for k in range(50)], [("z", "new", 1)]):
        after = tags.tag_factors(pd.concat([table(others), own]), train)
        pd.testing.assert_frame_equal(after, before, check_exact=True)
    changed = own.assign(count=own["count"].where(own["artist_id"] != "a0", 1000))
    assert not np.allclose(tags.tag_factors(changed, train) @ before.T, before @ before.T)


def test_artists_without_tags_are_left_out_and_too_few_are_an_error():
    counts = table([("a", "x", 1), ("b", "y", 1), ("c", "z", 1), ("d", "x", 1)])
    assert tags.tag_factors(counts, ["a", "silent", "b", "c"]).index.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="2 of 3 training artists have tags"):
        tags.tag_factors(counts, ["a", "b", "silent"])


# The zip of Last.fm-2K

GIVEN = [
    ("u1", "ABBA", "pop"),
    ("u2", "ABBA", "pop"),
    ("u2", "ABBA", "Pop "),  # another tag to the data set, the same to a reader
    ("u1", "Air", "french"),
    ("u1", "Nobody", "pop"),
    ("u3", "Can", "kraut"),
]


def test_of_last_fm_2k_a_tag_counts_the_listeners_who_gave_it(tmp_path):
    for folder in ("", "hetrec2011-lastfm-2k/"):
        path = last_fm_2k.write(tmp_path / "2k.zip", last_fm_2k.members([], GIVEN), folder)
        read = tags.read(path, ARTISTS)
        assert read.counts.to_numpy().tolist() == [
            ["m1", "pop", 2.0], ["m2", "french", 1.0], ["m4", "kraut", 1.0]
        ]  # fmt: skip
        assert read.summary.to_numpy().tolist() == [
            ["kept", 4],
            ["of 1 artists who are not in the plays", 1],
            ["the same listener, artist and tag again", 1],
        ]
        assert read.rejects.empty


def test_rows_of_last_fm_2k_without_an_artist_or_a_tag_are_rejected_with_their_line(tmp_path, capsys):
    files = last_fm_2k.members([], GIVEN[:2])
    files["user_taggedartists.dat"] += (
        b"2\t99\t1\t1\t4\t2009\r\n2\t1\t99\t1\t4\t2009\r\n2\t1\t1\r\n2\t1\t7\t1\t1\t1\r\n"
    )
    files["tags.dat"] += b"6\ttoo\tmany\r\n7\t \r\n8\tdeutsch \xfc\r\n"
    files["artists.dat"] += "7\tSigur Rós\tx\ty\r\n".encode()
    read = tags.read(last_fm_2k.write(tmp_path / "2k.zip", files), ARTISTS)
    assert read.rejects[["line", "reason"]].to_numpy().tolist() == [
        [4, "artistID is not in artists.dat"],
        [5, "tagID is not in tags.dat"],
        [6, "wrong number of fields"],
        [7, "tag is empty"],
    ]
    assert read.rejects["text"][2] == "2\t1\t1"
    assert read.summary["rows"].sum() == 6
    assert capsys.readouterr().out == "1 lines of tags.dat are not UTF-8 and are read as Windows-1252\n"


@pytest.mark.parametrize("spoil, said", [
    (lambda files: files.pop("tags.dat"), "holds 0 files tags.dat, expected is one"),
    (lambda files: files.update({"x/tags.dat": b""}), "holds 2 files tags.dat"),
    (lambda files: files.update({"artists.dat": b"id,name\n"}), "artists.dat in .* lacks the column id: its"),
    (lambda files: files.update({"artists.dat": b""}), "lacks the column id: its first line reads ''"),
    (lambda files: files.update({"artists.dat": b"id\tname\n"}), "no row of user_taggedartists.dat in .*"),
])  # fmt: skip
def test_a_zip_that_is_not_last_fm_2k_is_one_sentence(tmp_path, spoil, said):
    files = last_fm_2k.members([], GIVEN)
    spoil(files)
    with pytest.raises(ValueError, match=said) as error:
        tags.read(last_fm_2k.write(tmp_path / "2k.zip", files), ARTISTS)
    assert "\n" not in str(error.value)


def test_a_damaged_zip_of_last_fm_2k_is_told(tmp_path):
    path = last_fm_2k.write(tmp_path / "2k.zip", last_fm_2k.members([], GIVEN * 50))
    content = bytearray(path.read_bytes())
    content[content.index(b"artists.dat") + 20] ^= 0xFF  # in what is packed, not in the list of names
    path.write_bytes(content)
    with pytest.raises(ValueError, match="artists.dat in .* cannot be unpacked"):
        tags.read(path, ARTISTS)


def test_the_tags_that_come_with_the_listening_data_are_taken_where_none_are_given(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.MOVABLE["data"], str(tmp_path))
    listening = {"simulate": False, "download": "lastfm-2k"}
    assert tags.file_of("", listening) == str(tmp_path / "downloads" / "hetrec2011-lastfm-2k.zip")
    assert tags.file_of("mine.tsv", listening) == "mine.tsv"
    for other in ({"simulate": True}, {"download": ""}, {"download": "lastfm-360k"}):
        assert tags.file_of("", listening | other) == ""
