"""One person's history: each export is read, refused as plays, and weighs the person's artists."""

import json
import zipfile

import pandas as pd
import pytest

from lib.listening import history, plays

NAMES = ["Radiohead", "Björk", '"Weird Al" Yankovic', "Radiohead"]
WANTED = {"Radiohead": 2, "Björk": 1, '"Weird Al" Yankovic': 1}
MBID = "a74b1b7f-71a5-4011-9441-d0b5e4122711"


def listen(name, **ids):
    return {
        "listened_at": 1,
        "track_metadata": {"artist_name": name, "track_name": "T", "mbid_mapping": None} | ids,
    }


def extended(name):
    return {"ts": "2021", "ms_played": 1, "master_metadata_album_artist_name": name, "episode_name": None}


SPOTIFY = json.dumps([{"endTime": "2021-10-13 23:02", "artistName": name, "msPlayed": 4} for name in NAMES])
EXTENDED = json.dumps([extended(name) for name in [*NAMES, None]])
LISTENS = "".join(json.dumps(listen(name)) + "\n" for name in NAMES)
LASTFM = "".join(f"{name},Album,Track,01 Oct 2010 02:05\n" for name in NAMES)
GHAN = "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n" + "".join(
    '"1","22 Oct 2010, 02:05","' + name.replace('"', '""') + '","","A","","T",""\n' for name in NAMES
)
EXPORTS = {
    "StreamingHistory0.json": (SPOTIFY, history.SPOTIFY),
    "endsong_0.json": (EXTENDED, history.EXTENDED),
    "3.jsonl": (LISTENS, history.LISTENBRAINZ),
    "old.json": (json.dumps([listen(name) for name in NAMES]), history.LISTENBRAINZ),
    "someone.csv": (LASTFM, history.LASTFM),
    "recenttracks.csv": (GHAN, history.GHAN),
}
ZIPS = {
    "my_spotify_data.zip": ("MyData/Streaming_History_Audio_2021_0.json", EXTENDED, history.EXTENDED),
    "account.zip": ("Spotify Account Data/StreamingHistory_music_0.json", SPOTIFY, history.SPOTIFY),
    "listenbrainz_me_1.zip": ("listens/2025/3.jsonl", LISTENS, history.LISTENBRAINZ),
}


def counted(own):
    return dict(zip(own.plays["name"], own.plays["plays"], strict=True))


def zipped(path, name, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_export_is_read_and_refused_as_plays(tmp_path, name, encoding):
    content, kind = EXPORTS[name]
    (tmp_path / name).write_bytes(content.encode(encoding))
    own = history.read(tmp_path / name)
    assert own.kind == kind
    assert counted(own) == WANTED
    assert own.left_out == ({history.NO_ARTIST: 1} if kind == history.EXTENDED else {})
    with pytest.raises(ValueError, match="similarity needs several listeners, this file has one") as error:
        plays.read(tmp_path / name, registered_only=False)
    assert kind in str(error.value)
    assert f"-p 08_artist_explorer.history_file={tmp_path / name}" in str(error.value)


@pytest.mark.parametrize("name", ZIPS)
def test_an_export_is_read_in_its_zip_and_folder(tmp_path, name):
    inside, content, kind = ZIPS[name]
    path = zipped(tmp_path / name, inside, content)
    assert counted(history.read(path)) == WANTED
    with pytest.raises(ValueError, match=f"is {kind}: similarity needs several listeners"):
        plays.read(path, registered_only=False)
    (tmp_path / "unpacked" / inside).parent.mkdir(parents=True)
    (tmp_path / "unpacked" / inside).write_text(content)
    assert counted(history.read(tmp_path / "unpacked")) == WANTED


def test_a_history_in_several_files_is_one(tmp_path):
    for number in range(2):
        (tmp_path / f"StreamingHistory{number}.json").write_text(SPOTIFY)
    assert counted(history.read(tmp_path)) == {name: 2 * n for name, n in WANTED.items()}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Activity.csv", "Album Name,Event Type,Play Duration Milliseconds,Song Name\nA,P,1,S\n",
         "is an Apple Music play activity, which names no artists"),
        ("x.csv", "a,b\n1,2\n", r"begins with 'a,b.*expected a listening history of Last.fm"),
        ("x.json", '[{"a": 1}]', "expected a listening history"),
        ("x.json", '[{"artistName": "x"', "is no JSON .*cut short"),
        ("x.json", '[{"artistName": ""}, {"artistName": null}]', "names no artist in any of its 2 entries"),
        ("x.zip", b"PK", "cannot be unpacked"),
        ("x.txt", "", "expected a listening history"),
    ],
)  # fmt: skip
def test_what_is_no_history_is_explained(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        history.read(tmp_path / name)


def test_apples_activity_is_refused_as_plays(tmp_path):
    path = tmp_path / "Apple Music Play Activity.csv"
    path.write_text("Album Name,Event Type,Play Duration Milliseconds,Song Name\nA,P,1,S\n")
    with pytest.raises(ValueError, match="names no artists: similarity needs several listeners"):
        plays.read(path, registered_only=False)


def test_a_missing_history_and_a_folder_without_one_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="set 08_artist_explorer.history_file"):
        history.read(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no listening history among its 0 files"):
        history.read(tmp_path)


def test_weights_go_by_mbid_then_by_name_and_to_the_first_of_a_name(tmp_path):
    artists = pd.DataFrame({"name": ["Nirvana", "NIRVANA", "Air"]}, index=["n1", MBID.upper(), "x"])
    listens = [listen("nirvana"), listen("another", mbid_mapping={"artist_mbids": [MBID]}), listen("Nobody")]
    listens += [listen("Air", additional_info={"artist_mbids": ["unknown"]})]
    (tmp_path / "3.jsonl").write_text("".join(json.dumps(each) + "\n" for each in listens))
    assert history.weights(history.read(tmp_path / "3.jsonl"), artists).tolist() == [1, 1, 1]
