"""The MERGE archive: read out of the zip, from a download to clips, and none of its tricks believed."""

import hashlib
import struct
import threading
import types
import zipfile

import pandas as pd
import pytest
from hostile_server import HostileServer, reply
from tiny_world import collected, sound

from lib.clips import available
from lib.clips.sources import faults, http, registry
from lib.clips.sources import merge as module
from lib.clips.sources.source import Track
from lib.workflow import downloads, profiles

ROOT = "MERGE_Audio_Complete/"
TABLE = ROOT + module.TABLE
HEADER = "Song,Quadrant,Artist,Title,Moods\n"
ROWS = (
    "A1,Q1,Abba,Waterloo,Happy\n"
    "A2,Q2,abba ,SOS,Sad\n"
    'A3,Q1,"Weird, Al",Eat It,"Silly,Fun"\n'
    "A4,Q4,NA,,Calm\n"
    "A5,Q4,Nobody Asked,Quiet,Calm\n"
)
SOUNDS = {
    f"{ROOT}Q{quadrant}/A{number}.mp3": sound(100 + 100 * number, format="MP3")
    for number, quadrant in ((1, 1), (2, 2), (3, 1), (4, 4), (5, 4))
}
ARTISTS = pd.DataFrame(
    {"artist_id": ["id-0", "id-1", "id-2", "id-3"], "name": ["ABBA", "weird, al", "NA", "Cher"]}
)


def archive(path, members=(), *, table=HEADER + ROWS, method=zipfile.ZIP_DEFLATED):
    """A miniature of the archive; `members` replace its own, None leaves one out."""
    members = {TABLE: table} | SOUNDS | dict(members)
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            if content is not None:
                file.writestr(name, content)
    return path


def merge(path, **settings):
    return registry.connect(["merge"], merge_file=str(path), **settings)[0]


def collect(source, folder, **options):
    return collected(ARTISTS, [source], folder, **({"clips_per_artist": 2, "n_jobs": 4} | options))


def test_a_comma_more_behind_each_row_shifts_no_column(tmp_path):
    rows = "".join(f"{row},\n" for row in ROWS.splitlines())
    source = merge(archive(tmp_path / "merge.zip", {}, table=HEADER + rows))
    assert source.offers() == merge(archive(tmp_path / "other.zip")).offers()


def artist(name):
    return types.SimpleNamespace(artist_id="id", name=name)


def tracks_of(source, name):
    (candidate,) = source.candidates(artist(name))
    return source.tracks(candidate)


def patched(path, member, *, flag=None, size=None, begin=None, content=None):
    """Change what an archive says of a member in its directory, or the bytes of a member that is stored."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(member.encode()))
    if flag is not None:
        data[at + 8] |= flag
    if size is not None:
        data[at + 24 : at + 28] = struct.pack("<I", size)
    if begin is not None:
        data[at + 42 : at + 46] = struct.pack("<I", begin)
    if content is not None:
        data[data.index(content) + 500] ^= 0xFF
    path.write_bytes(data)
    return path


# The way from the archive to clips


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_clips_come_out_of_the_archive_and_nothing_else_does(tmp_path, method):
    source = merge(archive(tmp_path / "merge.zip", method=method))
    found = collect(source, tmp_path / "out")
    assert found.clips.groupby("artist")["title"].agg(set).to_dict() == {
        "ABBA": {"Waterloo", "SOS"},
        "weird, al": {"Eat It"},
        "NA": {"Q4/A4"},  # it has no title
    }
    assert set(found.clips["codec"]) == {"mp3"} and set(found.clips["source"]) == {"merge"}
    for clip in found.clips.itertuples():
        content = SOUNDS[f"{ROOT}{clip.source_track_id}.mp3"]
        assert (tmp_path / "out" / clip.file).read_bytes() == content
        assert clip.sha256 == hashlib.sha256(content).hexdigest()
    assert found.missing.set_index("artist")["reason"]["Cher"] == "0 of 2 clips; no artist of this name"
    assert set(found.retrievals["host"]) == {"merge.zip"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "clips",
        "clips.parquet",
        "missing.tsv",
        "retrievals.tsv",
    ]
    assert len(list((tmp_path / "out/clips").iterdir())) == 4


def test_the_result_does_not_depend_on_the_number_of_threads(tmp_path):
    source = merge(archive(tmp_path / "merge.zip"))
    one, many = (collect(source, tmp_path / str(n), n_jobs=n).clips for n in (1, 8))
    pd.testing.assert_frame_equal(one, many)


def test_names_that_lead_nowhere_are_written_down(tmp_path):
    source = merge(archive(tmp_path / "merge.zip"))
    assert sorted(source.offers()) == ["Abba", "NA", "Nobody Asked", "Weird, Al", "abba"]
    unresolved = available.of_plays(ARTISTS, {"merge": source.offers()}).unresolved
    assert unresolved[["source", "side", "problem", "name"]].to_numpy().tolist() == [
        ["merge", "music", "ambiguous", "Abba"],
        ["merge", "music", "unmatched", "Nobody Asked"],
    ]


def test_the_order_of_an_artist_is_the_same_whatever_that_of_the_table(tmp_path):
    rows = [f"S{number},Q{number % 4 + 1},Abba,Song {number},\n" for number in range(40)]
    member = {f"{ROOT}Q1/S0.mp3": b"sound"}
    orders = [
        [
            track.id
            for track in tracks_of(
                merge(archive(tmp_path / "merge.zip", member, table=HEADER + "".join(table))), "Abba"
            )
        ]
        for table in (rows, rows[::-1], rows + rows[:5])
    ]
    assert orders[0] == orders[1] == orders[2]
    assert sorted(orders[0]) != orders[0] and len(set(orders[0])) == 40
    assert orders[0][:3] == ["Q3/S14", "Q3/S38", "Q4/S19"]  # on every machine


def test_the_folder_of_the_table_may_be_another_or_none(tmp_path):
    for root in ("", "x/y/"):
        members = dict.fromkeys((TABLE, *SOUNDS))
        members |= {root + name.removeprefix(ROOT): content for name, content in SOUNDS.items()}
        members |= {root + module.TABLE: HEADER + ROWS, f"__MACOSX/._{module.TABLE}": b"rubbish"}
        source = merge(archive(tmp_path / "merge.zip", members))
        assert {source.fetch(track).content for track in tracks_of(source, "Abba")} == {
            SOUNDS[f"{ROOT}Q1/A1.mp3"],
            SOUNDS[f"{ROOT}Q2/A2.mp3"],
        }


def test_many_threads_read_at_once_and_each_gets_what_it_asked_for(tmp_path):
    source = merge(archive(tmp_path / "merge.zip"))
    tracks = [track for name in ("Abba", "Weird, Al", "NA") for track in tracks_of(source, name)]
    wrong, start = [], threading.Barrier(8)

    def read():
        start.wait()
        for _ in range(25):
            for track in tracks:
                if source.fetch(track).content != SOUNDS[f"{ROOT}{track.id}.mp3"]:
                    wrong.append(track.id)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_archive_is_fetched_verified_and_not_fetched_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads.paths, "downloads", lambda: tmp_path / "downloads")
    content = archive(tmp_path / "merge.zip").read_bytes()
    checksum = f"md5:{hashlib.md5(content).hexdigest()}"
    record = {"files": [{"key": "MERGE_Audio_Complete.zip", "size": len(content), "checksum": checksum}]}
    with HostileServer() as zenodo:
        zenodo.script = {
            "/api/records/13939205": [reply(record)],
            "/records/13939205/files/MERGE_Audio_Complete.zip": [reply(content)],
        }
        found = collect(merge("", zenodo=zenodo.address), tmp_path / "out")
        assert len(found.clips) == 4
        assert set(found.retrievals["host"]) == {"MERGE_Audio_Complete.zip"}
        assert len(zenodo.requests) == 2
    again = collect(merge("", zenodo=zenodo.address), tmp_path / "out")  # nobody listens there any more
    pd.testing.assert_frame_equal(found.clips, again.clips)


def test_without_a_network_the_message_says_what_a_person_can_do(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads.paths, "downloads", lambda: tmp_path)
    with HostileServer() as zenodo, pytest.raises(downloads.DatasetError) as caught:
        merge("", zenodo=zenodo.address)
    assert "By hand: fetch MERGE_Audio_Complete.zip" in str(caught.value)
    assert "Or set `-p 02_preview_clips.merge_file=...`" in str(caught.value)


# Archives that are not what they should be


@pytest.mark.parametrize(
    ("members", "table", "message"),
    [
        ({TABLE: None}, "", r"holds 0 tables merge_audio_complete_metadata\.csv, expected is one"),
        ({f"copy/{module.TABLE}": HEADER}, HEADER + ROWS, "holds 2 tables"),
        ({}, "", "its table cannot be read"),
        ({}, HEADER, "a header but no rows"),
        ({}, "Song,Artist\nA1,Abba\n", "lacks Quadrant, Title; it has 'Song', 'Artist'"),
        ({}, HEADER + "A1,Q1,Abba,,\nA2,Q2,Abba,,,x\n", "line 3 of its table has 6 fields, its header 5"),
        ({}, HEADER + 'A1,Q1,"Abba\n', "its table cannot be read"),
        ({}, (HEADER + "A1,Q1,Bj\xf6rk,\n").encode("latin-1"), "its table cannot be read: 'utf-8' codec"),
        ({}, HEADER + "Z1,Q1,Abba,,\nZ2,Q1,Abba,,\n", "none of the 2 excerpts .*Complete/Q1/Z1.mp3"),
    ],
)
def test_an_archive_that_is_not_built_as_expected_is_explained(tmp_path, members, table, message):
    members = {TABLE: table} | members
    with pytest.raises(ValueError, match=message):
        merge(archive(tmp_path / "merge.zip", members))


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", b"half"])
def test_a_file_that_is_no_archive_or_half_of_one_is_named(tmp_path, content):
    path = archive(tmp_path / "merge.zip")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == b"half" else content)
    with pytest.raises(ValueError, match=r"merge\.zip is no zip archive, or only a part of one"):
        merge(path)


def test_an_archive_whose_directory_would_begin_before_the_file_is_named(tmp_path):
    path = archive(tmp_path / "merge.zip")
    data = bytearray(path.read_bytes())
    data[-10:-6] = struct.pack("<I", 2 * len(data))  # its size, in the last 22 bytes
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"MERGE archive .*merge\.zip"):
        merge(path)


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(
        ValueError, match=r"nowhere\.zip is missing: set `-p 02_preview_clips\.merge_file=\.\.\.`"
    ):
        merge(tmp_path / "nowhere.zip")


def test_a_table_of_too_many_bytes_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TABLE_BYTES", 100)
    with pytest.raises(ValueError, match=r"has \d+ bytes, at most 100 are taken"):
        merge(archive(tmp_path / "merge.zip"))


@pytest.mark.parametrize(
    "table",
    [
        f"\ufeff{HEADER}A1,Q1,Abba\nA2,Q2,Abba,SOS,\n",
        "Title,Year,Artist,Song,Quadrant\r\n,1974,Abba,A1,Q1\r\nSOS,1975,Abba,A2,Q2",
    ],
    ids=["mark and short rows", "other order"],
)
def test_a_table_that_is_written_somewhat_differently_is_read(tmp_path, table):
    source = merge(archive(tmp_path / "merge.zip", table=table))
    assert {(track.id, track.title) for track in tracks_of(source, "Abba")} == {
        ("Q1/A1", "Q1/A1"),
        ("Q2/A2", "SOS"),
    }


# Members that are not what they should be: the clip is missing with its reason, the others are there

TARGET = f"{ROOT}Q1/A1.mp3"
DUPLICATE = pytest.mark.filterwarnings("ignore:Duplicate name")


def missing_from(path, folder):
    """Why Waterloo is missing; all else has to be there."""
    found = collect(merge(path), folder)
    assert sorted(found.clips["title"]) == ["Eat It", "Q4/A4", "SOS"]
    return found.missing.set_index("artist")["reason"]["ABBA"]


def stored(path, **options):
    return archive(path, method=zipfile.ZIP_STORED, **options)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: archive(path, {TARGET: None}), f"'{TARGET}' is not in the archive"),
        (lambda path: patched(stored(path), TARGET, content=SOUNDS[TARGET]), "Bad CRC-32"),
        (lambda path: patched(stored(path), TARGET, flag=0x1), f"'{TARGET}' is encrypted"),
        (lambda path: patched(archive(path), TARGET, flag=0x20), "compressed patched data"),
        (lambda path: patched(archive(path), TARGET, size=3_000_000_000), "has 3,000,000,000 bytes, at most"),
        (lambda path: patched(archive(path), TARGET, size=100), "Bad CRC-32"),
        (lambda path: patched(archive(path), TARGET, begin=2**30), "damaged in the archive"),
        (lambda path: patched(archive(path), TARGET, begin=7), "Bad magic number"),
        (
            lambda path: patched(archive(path), TARGET, size=1_000_000),
            r"holds [\d,]+ bytes, announced are 1,000,000",
        ),
        (lambda path: archive(path, {TARGET: bytes(http.CLIP_BYTES + 1)}), "has 10,000,001 bytes, at most"),
        (lambda path: archive(path, {TARGET: b"<html>"}), "this is no sound file"),
        (lambda path: archive(path, {TARGET: b""}), "is empty"),
        (lambda path: archive(path, {TARGET: sound(440, seconds=9)}), "9.0 s long"),
    ],
    ids=[
        "gone",
        "crc",
        "locked",
        "patched",
        "huge",
        "short",
        "behind the end",
        "beside",
        "long",
        "bomb",
        "html",
        "empty",
        "brief",
    ],
)
def test_a_member_that_cannot_be_used_is_listed_and_the_others_count(tmp_path, spoil, reason):
    told = missing_from(spoil(tmp_path / "merge.zip"), tmp_path / "out")
    assert pd.Series([told]).str.contains(rf"^1 of 2 clips; 'Waterloo': .*(?:{reason})").all(), told


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_that_zipfile_unpacks_without_bound_is_not_touched(tmp_path, method):
    path = archive(tmp_path / "merge.zip", {TARGET: None})
    with zipfile.ZipFile(path, "a", method) as file:
        file.writestr(TARGET, SOUNDS[TARGET])
    assert f"packed by method {method}" in missing_from(path, tmp_path / "out")


@DUPLICATE
def test_a_member_that_is_there_twice_is_neither(tmp_path):
    path = archive(tmp_path / "merge.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(TARGET, sound(440))
    assert f"'{TARGET}' is in the archive 2 times" in missing_from(path, tmp_path / "out")


@DUPLICATE
def test_a_table_that_is_there_twice_is_neither(tmp_path):
    path = archive(tmp_path / "merge.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(TABLE, HEADER + ROWS)
    with pytest.raises(ValueError, match="holds 2 tables"):
        merge(path)


@pytest.mark.parametrize(
    ("quadrant", "song"),
    [
        ("Q1", "../../secret"),
        ("..", "secret"),
        ("Q1", "/etc/secret"),
        ("", "secret"),
        (".", "A1"),
        ("Q1", "..\\A1"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_even_if_the_archive_holds_it(tmp_path, quadrant, song):
    row = f"{song},{quadrant},Abba,Waterloo,\n"
    member = {f"{ROOT}{quadrant}/{song}.mp3": SOUNDS[TARGET]}
    path = archive(tmp_path / "merge.zip", member, table=HEADER + ROWS.replace(ROWS.splitlines(True)[0], row))
    assert "is no <Quadrant>/<Song> of the archive" in missing_from(path, tmp_path / "out")
    assert not [path for path in tmp_path.rglob("*") if "secret" in path.name]


def test_names_of_artists_touch_no_file(tmp_path):
    wild = ["../../x", "a/b\\c", "🎸\u202eאבג", "x" * 300, "nul\0"]
    table = pd.DataFrame({"Song": "A1", "Quadrant": "Q1", "Artist": wild, "Title": "", "Moods": ""})
    source = merge(archive(tmp_path / "merge.zip", table=table.to_csv(index=False)))
    for name in wild:
        assert source.fetch(tracks_of(source, name)[0]).content == SOUNDS[TARGET]
    assert [path.name for path in tmp_path.iterdir()] == ["merge.zip"]


def test_two_artists_do_not_share_an_excerpt(tmp_path):
    source = merge(archive(tmp_path / "merge.zip", table=HEADER + ROWS + "A1,Q1,Cher,Believe,\n"))
    found = collect(source, tmp_path / "out")
    assert "Cher" not in set(found.clips["artist"])
    assert "the same sound as a clip of ABBA" in found.missing.set_index("artist")["reason"]["Cher"]


def test_an_archive_that_is_taken_away_meanwhile_is_no_verdict_on_its_clips(tmp_path):
    source = merge(archive(tmp_path / "merge.zip"))
    (tmp_path / "merge.zip").unlink()
    with pytest.raises(faults.Unavailable, match=r"merge\.zip cannot be read \(FileNotFoundError\)"):
        source.fetch(Track("Q1/A1", "Waterloo"))


def test_it_needs_neither_contact_nor_statement_and_states_its_terms():
    terms = registry.terms(["merge"]).iloc[0]
    assert "Non Commercial 4.0" in terms["licence"] and "Non-commercial" in terms["terms"]
    assert "Louro" in terms["citation"] and "10.5281/zenodo.13939205" in terms["citation"]
    assert not module.NEEDS_STATEMENT and not module.ADDRESSES


def test_its_messages_name_a_parameter_that_a_person_can_set():
    stage, name = module.FILE.split(".")
    assert name in profiles.parameters_of(stage)
