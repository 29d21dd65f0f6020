"""Catalogues: what each source makes of the answers that the real services give, and what it remembers."""

import base64
import re
import types

import pytest
from hostile_server import NAMES, Clock, HostileServer, redirect, reply

from lib.clips.sources import deezer, faults, http, itunes, limits, musicbrainz, registry, spotify
from lib.clips.sources.source import Answers, Candidate, Track

MBID = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d"


@pytest.fixture
def host():
    with HostileServer() as server:
        yield server


@pytest.fixture
def connect(host, tmp_path):
    """One source, all of whose addresses lead to the hostile server."""

    def connect(name, **settings):
        clock = Clock()
        addresses = {key: f"{host.address}/{key}" for key in registry.ADDRESSES}
        limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
        settings = {"cache": tmp_path, "addresses": addresses, "http": {"limiter": limiter}} | settings
        return registry.connect([name], **settings)[0]

    return connect


def artist(name, artist_id=MBID):
    return types.SimpleNamespace(name=name, artist_id=artist_id)


def spotify_track(number, preview, artist_id="A"):
    track = {"id": f"t{number}", "name": f"Song {number}", "preview_url": preview, "album": {"name": "One"}}
    return track | {"artists": [{"id": artist_id, "name": "Abba"}, {"id": "guest", "name": "Guest"}]}


def deezer_track(number, preview, artist_id=7):
    return {
        "id": number,
        "title": f"Song {number}",
        "preview": preview,
        "artist": {"id": artist_id},
        "album": {"title": "B"},
    }


def itunes_song(number, preview, artist_id=9, name="Abba"):
    song = {
        "wrapperType": "track",
        "kind": "song",
        "artistId": artist_id,
        "artistName": name,
        "trackId": number,
    }
    return song | {"trackName": f"Song {number}"} | ({"previewUrl": preview} if preview else {})


def login(host):
    host.script["/spotify_accounts"] = [
        reply({"access_token": "token-1"}),
        reply({"access_token": "token-2"}),
    ]


# Spotify


def test_spotify_logs_in_once_and_searches(host, connect):
    login(host)
    host.script["/spotify/search"] = [
        reply({"artists": {"items": [{"id": "A", "name": "Abba", "popularity": 80}]}})
    ]
    source = connect("spotify")
    assert source.candidates(artist("Abba")) == [Candidate("A", "Abba")]
    source.candidates(artist("Blondie"))
    assert host.paths.count("/spotify_accounts") == 1
    assert host.requests[0][1]["Authorization"] == "Basic " + base64.b64encode(b"demo:demo").decode()
    assert host.requests[1][1]["Authorization"] == "Bearer token-1"


def test_spotify_tracks_without_a_preview_or_as_a_guest_are_left_out(host, connect):
    login(host)
    tracks = [
        spotify_track(1, None),
        spotify_track(2, "p"),
        spotify_track(3, "p", "other"),
        spotify_track(4, ""),
    ]
    host.script["/spotify/artists/A/top-tracks"] = [reply({"tracks": tracks})]
    assert connect("spotify").tracks(Candidate("A", "Abba")) == [Track("t2", "Song 2", "One")]


def test_spotify_renews_a_token_that_has_expired(host, connect):
    login(host)
    host.script["/spotify/search"] = [reply(status=401), reply({"artists": {"items": []}})]
    assert connect("spotify").candidates(artist("Abba")) == []
    assert host.requests[-1][1]["Authorization"] == "Bearer token-2"


def test_spotify_says_what_a_403_means(host, connect):
    login(host)
    host.script["/spotify/artists/A/top-tracks"] = [reply(status=403)]
    with pytest.raises(faults.Unavailable, match="development mode"):
        connect("spotify").tracks(Candidate("A", "Abba"))


def test_spotify_says_that_credentials_are_wrong(host, connect):
    host.script["/spotify_accounts"] = [reply({"error": "invalid_client"}, status=400)]
    with pytest.raises(faults.Unavailable, match="SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET"):
        connect("spotify").candidates(artist("Abba"))


def test_spotify_outside_needs_credentials_and_keeps_them_from_the_loopback(host, connect, monkeypatch):
    monkeypatch.delenv("SPOTIFY_CLIENT_ID", raising=False)
    with pytest.raises(ValueError, match="SPOTIFY_CLIENT_ID"):
        registry.connect(["spotify"], contact="me@example.org", i_may_use=["spotify"])
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", "mine")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", "secret")
    login(host)
    host.script["/spotify/search"] = [reply({"artists": {"items": []}})]
    connect("spotify").candidates(artist("Abba"))
    assert "demo" in base64.b64decode(host.requests[0][1]["Authorization"].split()[1]).decode()


# iTunes


def test_itunes_finds_artists_by_their_songs(host, connect):
    songs = [
        itunes_song(1, "p1"),
        itunes_song(2, None),
        itunes_song(3, "p3", 10, "Abba Karaoke"),
        itunes_song(4, "p4"),
    ]
    host.script["/itunes/search"] = [reply({"resultCount": 4, "results": songs})]
    first, second = connect("itunes").candidates(artist("Abba"))
    assert first == Candidate("9", "Abba", (Track("1", "Song 1"), Track("4", "Song 4")))
    assert (second.id, second.name) == ("10", "Abba Karaoke")


def test_itunes_looks_up_an_artist_by_id(host, connect):
    rows = [{"wrapperType": "artist", "artistId": 9}, itunes_song(1, "p"), itunes_song(2, "p", 10)]
    host.script["/itunes/lookup"] = [reply({"resultCount": 3, "results": rows})]
    assert connect("itunes").tracks(Candidate("9", "Abba")) == [Track("1", "Song 1")]


def test_itunes_403_with_an_empty_body_is_a_throttle_and_not_an_answer(host, connect):
    host.script["/itunes/search"] = [reply(status=403), reply({"resultCount": 0, "results": []})]
    assert connect("itunes").candidates(artist("Abba")) == []
    assert len(host.requests) == 2


# Deezer


def test_deezer_lists_own_tracks_with_a_preview(host, connect):
    tracks = [deezer_track(1, "http://x"), deezer_track(2, ""), deezer_track(3, "http://x", 8)]
    host.script["/deezer/artist/7/top"] = [reply({"data": tracks, "total": 3})]
    assert connect("deezer").tracks(Candidate("7", "Abba")) == [Track("1", "Song 1", "B")]


def deezer_error(code):
    return reply({"error": {"type": "Exception", "message": "no", "code": code}})


def test_deezer_quota_error_with_http_200_is_a_throttle(host, connect):
    host.script["/deezer/search/artist"] = [
        deezer_error(4),
        deezer_error(700),
        reply({"data": [{"id": 7, "name": "Abba"}]}),
    ]
    assert connect("deezer").candidates(artist("Abba")) == [Candidate("7", "Abba")]


def test_deezer_no_data_is_an_answer_and_other_errors_are_none(host, connect):
    host.script["/deezer/artist/7/top"] = [deezer_error(800)]
    host.script["/deezer/artist/8/top"] = [deezer_error(300)]
    source = connect("deezer")
    assert source.tracks(Candidate("7", "Abba")) == []
    with pytest.raises(faults.Unavailable, match="error 300"):
        source.tracks(Candidate("8", "Abba"))


def test_deezer_previews_are_resolved_before_the_download_and_again_when_they_have_expired(
    host, connect, tmp_path
):
    track = Track("1", "Song 1")
    host.script["/deezer/track/1"] = [
        reply(deezer_track(1, f"{host.address}/clip?signed=expired")),
        reply(deezer_track(1, f"{host.address}/clip?signed=fresh")),
    ]
    host.script["/clip"] = [lambda address: reply(b"sound") if "fresh" in address else reply(status=403)]
    fetched = connect("deezer").fetch(track)
    assert fetched.content == b"sound"
    assert fetched.host == "127.0.0.1"
    assert host.paths == ["/deezer/track/1", "/clip?signed=expired", "/deezer/track/1", "/clip?signed=fresh"]


@pytest.mark.parametrize("preview", ["", None])
def test_a_preview_that_has_gone_is_said(host, connect, preview):
    host.script["/deezer/track/1"] = [reply(deezer_track(1, preview))]
    with pytest.raises(faults.Unavailable, match="no preview of it any more"):
        connect("deezer").fetch(Track("1", "Song 1"))


@pytest.mark.parametrize("preview", ["file:///etc/hostname", "https://example.org/x.mp3", "not an address"])
def test_a_preview_elsewhere_is_not_fetched(host, connect, preview):
    host.script["/deezer/track/1"] = [reply(deezer_track(1, preview))]
    with pytest.raises(faults.Unavailable):
        connect("deezer").fetch(Track("1", "Song 1"))
    assert set(host.paths) == {"/deezer/track/1"}


# MusicBrainz


def relations(*pages):
    return reply(
        {
            "id": MBID,
            "relations": [{"type": "x", "url": {"resource": page}} for page in pages] + [{"type": "y"}],
        }
    )


@pytest.mark.parametrize(
    ("catalogue", "page", "found"),
    [
        ("spotify", "https://open.spotify.com/artist/6liAMWkVf5LH7YR9yfFy1Y", "6liAMWkVf5LH7YR9yfFy1Y"),
        ("itunes", "https://music.apple.com/gb/artist/portishead/118853", "118853"),
        ("itunes", "https://music.apple.com/us/artist/118853", "118853"),
        ("itunes", "https://itunes.apple.com/us/artist/portishead/id118853", "118853"),
        ("itunes", "https://itunes.apple.com/us/artist/id118853", "118853"),
        ("deezer", "https://www.deezer.com/artist/1069", "1069"),
        ("deezer", "https://www.deezer.com/en/artist/1069", "1069"),
        ("deezer", "https://example.org/https://www.deezer.com/artist/1069", None),
        ("spotify", "https://open.spotify.com/album/6liAMWkVf5LH7YR9yfFy1Y", None),
    ],
)
def test_ids_are_read_from_the_pages_that_musicbrainz_links(host, connect, catalogue, page, found):
    host.script[f"/musicbrainz/artist/{MBID}"] = [relations("https://example.org", page, page)]
    assert connect(catalogue).linked(MBID) == ([found] if found else [])


def test_musicbrainz_is_asked_only_for_mbids_and_only_once(host, connect):
    host.script[f"/musicbrainz/artist/{MBID}"] = [reply(status=503), relations()]
    for name in ("spotify", "deezer"):
        assert connect(name).linked("name:abba") == []
        assert connect(name).linked(MBID) == []
    assert len(host.requests) == 2


@pytest.mark.parametrize(
    ("module", "host", "calls", "seconds"),
    [
        (spotify, "api.spotify.com", 90, 30),
        (itunes, "itunes.apple.com", 20, 60),
        (deezer, "api.deezer.com", 50, 5),
        (musicbrainz, "musicbrainz.org", 1, 1),
    ],
)
def test_a_service_gets_no_more_calls_than_its_terms_allow(monkeypatch, module, host, calls, seconds):
    clock = Clock()
    monkeypatch.setattr(module.LIMITER, "clock", clock)
    monkeypatch.setattr(module.LIMITER, "sleep", clock.sleep)
    began = clock.now
    for _ in range(calls):
        module.LIMITER.wait(host, patience=0)
    assert clock.now == began
    module.LIMITER.wait(host, patience=0)
    assert clock.now == began + seconds


@pytest.mark.parametrize("name", ["spotify", "itunes", "deezer"])
def test_a_service_and_musicbrainz_are_called_as_their_own_limiters_allow(monkeypatch, name):
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", "mine")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", "secret")
    module = registry.SOURCES[name]
    for one in (module, musicbrainz):
        limiter = limits.Limiter({})
        for address in one.ADDRESSES.values():
            limiter.close(http.host_of(address), 1_000_000)
        monkeypatch.setattr(one, "LIMITER", limiter)
    (source,) = registry.connect([name], contact="me@example.org", i_may_use=[name])
    with pytest.raises(faults.Unavailable, match="left alone"):
        source.candidates(artist("Abba"))
    with pytest.raises(faults.Unavailable, match="musicbrainz.org is left alone"):
        source.linked(MBID)


# What all have in common


@pytest.mark.parametrize("name", NAMES)
def test_any_name_arrives_as_it_is_and_touches_no_file(host, connect, tmp_path, name):
    rows = [{"id": 7, "name": name}]
    host.script["/deezer/search/artist"] = [reply({"data": rows})]
    source = connect("deezer")
    assert source.candidates(artist(name)) == source.candidates(artist(name)) == [Candidate("7", name)]
    assert len(host.requests) == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [
        re.fullmatch(r"deezer/[0-9a-f]{40}\.json", path.relative_to(tmp_path).as_posix()) is None
        for path in files
    ] == [False]


@pytest.mark.parametrize("track_id", ["../../artist/7", "1?x=y", "1#x", "a b"])
def test_an_id_from_outside_cannot_lead_elsewhere(host, connect, track_id):
    with pytest.raises(faults.Unavailable):
        connect("deezer").fetch(Track(track_id, "Song"))
    assert re.fullmatch(r"/deezer/track/[^/?#]+", host.paths[0])


def test_what_was_answered_is_not_asked_again_and_faults_are_not_remembered(host, connect):
    host.script["/deezer/search/artist"] = [reply(status=403), reply({"data": []})]
    with pytest.raises(faults.Unavailable):
        connect("deezer").candidates(artist("Abba"))
    assert connect("deezer").candidates(artist("Abba")) == []
    assert connect("deezer").candidates(artist("Abba")) == []
    assert len(host.requests) == 2


@pytest.mark.parametrize("name", ["spotify", "itunes", "deezer"])
def test_a_search_that_is_not_there_is_a_fault_and_an_artist_that_is_not_there_an_answer(host, connect, name):
    login(host)
    for _ in range(2):
        with pytest.raises(faults.Unavailable, match=f"{name} has no search at its address"):
            connect(name).candidates(artist("Abba"))
    assert sum("search" in path for path in host.paths) == 2
    assert connect(name).tracks(Candidate("7", "Abba")) == []


@pytest.mark.parametrize("empty", [{}, ""])
@pytest.mark.parametrize(
    ("name", "path", "shape"),
    [
        ("spotify", "search", lambda rows: {"artists": {"items": rows}}),
        ("itunes", "search", lambda rows: {"results": rows}),
        ("deezer", "search/artist", lambda rows: {"data": rows}),
    ],
)
def test_an_empty_something_is_not_an_empty_list(host, connect, name, path, shape, empty):
    login(host)
    host.script[f"/{name}/{path}"] = [reply(shape(empty)), reply(shape([]))]
    assert connect(name).candidates(artist("Abba")) == []
    assert sum("search" in path for path in host.paths) == 2


def test_a_damaged_memory_is_asked_again(host, connect, tmp_path):
    host.script["/deezer/search/artist"] = [reply({"data": [{"id": 7, "name": "Abba"}]})]
    connect("deezer").candidates(artist("Abba"))
    (path,) = (tmp_path / "deezer").glob("*.json")
    path.write_bytes(path.read_bytes()[:-9])
    assert connect("deezer").candidates(artist("Abba")) == [Candidate("7", "Abba")]
    assert len(host.requests) == 2


def test_no_address_of_a_preview_and_no_key_is_stored(host, connect, tmp_path):
    login(host)
    host.script["/spotify/artists/A/top-tracks"] = [
        reply({"tracks": [spotify_track(1, f"{host.address}/c?cid=KEY")]})
    ]
    host.script["/deezer/artist/7/top"] = [
        reply({"data": [deezer_track(1, "https://x.dzcdn.net/y?hdnea=KEY")]})
    ]
    connect("spotify").tracks(Candidate("A", "Abba"))
    connect("deezer").tracks(Candidate("7", "Abba"))
    kept = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert "Song 1" in kept
    assert not any(secret in kept for secret in ("KEY", "token-1", "demo", "c?", "dzcdn"))


def test_after_a_restart_the_preview_is_asked_for_by_track(host, connect):
    login(host)
    previews = f"{host.address}/clip?cid=1"
    host.script["/spotify/artists/A/top-tracks"] = [reply({"tracks": [spotify_track(1, previews)]})]
    host.script["/spotify/tracks/t1"] = [reply(spotify_track(1, previews))]
    host.script["/itunes/search"] = [reply({"results": [itunes_song(1, previews)]})]
    host.script["/itunes/lookup"] = [reply({"results": [itunes_song(1, previews)]})]
    host.script["/clip"] = [redirect("/clip2")]
    host.script["/clip2"] = [reply(b"sound")]
    connect("spotify").tracks(Candidate("A", "Abba"))
    connect("itunes").candidates(artist("Abba"))
    for name, number in (("spotify", "t1"), ("itunes", "1")):
        assert connect(name).fetch(Track(number, "Song 1")).content == b"sound"


def test_a_source_whose_terms_forbid_needs_a_statement():
    with pytest.raises(ValueError, match=r"policy forbids.*`i_may_use`: \[spotify\]"):
        registry.connect(["deezer", "spotify"], contact="me@example.org")
    with pytest.raises(ValueError, match=r"may not be kept.*`i_may_use`: \[itunes\]"):
        registry.connect(["itunes"], contact="me@example.org", i_may_use=["spotify"])
    assert registry.connect(["itunes"], contact="me@example.org", i_may_use=["itunes"])[0].name == "itunes"


def test_services_outside_want_a_contact():
    with pytest.raises(ValueError, match="`contact`"):
        registry.connect(["deezer"])
    assert registry.connect(["deezer"], contact="me@example.org")[0].name == "deezer"


@pytest.mark.parametrize(
    ("sources", "settings", "message"),
    [
        (["napster"], {}, "unknown source 'napster'; known are spotify"),
        ([], {}, "no source"),
        (["deezer"], {"i_may_use": ["spotfy"]}, "'spotfy'"),
        (["deezer"], {"addresses": {"dezer": "https://x"}}, "unknown address 'dezer'"),
        (["deezer"], {"contact": "x", "addresses": {"deezer": "http://example.org"}}, "expected https"),
    ],
)
def test_misspelt_settings_are_errors(sources, settings, message):
    with pytest.raises(ValueError, match=message):
        registry.connect(sources, **settings)


def test_every_source_states_its_terms():
    terms = registry.terms(registry.SOURCES)
    assert terms["source"].tolist() == list(registry.SOURCES)
    assert (terms[["licence", "citation", "terms"]].map(len) > 5).all(axis=None)


def test_the_memory_of_a_loopback_host_does_not_depend_on_its_port():
    one, other, elsewhere = (
        http.Client(address)
        for address in ("http://127.0.0.1:1/a", "http://127.0.0.1:2/a", "http://127.0.0.1:1/b")
    )
    paths = [Answers("folder", "x", client)._path(["q"]) for client in (one, other, elsewhere)]
    assert paths[0] == paths[1] != paths[2]
