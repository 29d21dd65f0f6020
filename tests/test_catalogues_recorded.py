"""Catalogues: what becomes of the answers that services give in 2026, and of those that nobody would give."""

import copy
import functools
import json
import types
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
import recorded_shapes as shapes
from hostile_server import Clock, HostileServer, reply
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_world import collected, sound

from lib.cli import checks
from lib.clips import collect as clips_collect
from lib.clips import gate
from lib.clips.sources import faults, http, limits, registry
from lib.clips.sources.source import Answers, Candidate, Track

MBID = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d"
OTHER = "a74b1b7f-71a5-4011-9441-d0b5e4122711"
SERVICES = ["spotify", "itunes", "deezer"]
examined = functools.cache(gate.examine)


@pytest.fixture
def host():
    with HostileServer() as server:
        server.script["/spotify_accounts"] = [reply({"access_token": "TOKEN"})]
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def connect(host, tmp_path, clock):
    """Sources, all of whose addresses lead to the server; what they wait takes no time."""

    def connect(*names, **options):
        addresses = {key: f"{host.address}/{key}" for key in registry.ADDRESSES}
        limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
        options = {"cache": tmp_path / "answers", "addresses": addresses} | options
        opened = registry.connect(names, http={"limiter": limiter}, **options)
        return opened if len(opened) > 1 else opened[0]

    return connect


def artist(name, artist_id=MBID):
    return types.SimpleNamespace(name=name, artist_id=artist_id)


def chosen(source, name, artist_id=MBID, shared=False):
    return clips_collect.choose(artist(name, artist_id), source, shared)


def query(address):
    return {key: values[-1] for key, values in parse_qs(urlsplit(address).query).items()}


def spotify_pages(artists, most=10):
    """The search as an application in development mode has it."""

    def page(address):
        asked = query(address)
        limit, offset = int(asked.get("limit", 5)), int(asked.get("offset", 0))
        if limit > most:
            return reply(shapes.spotify_error(400, "Invalid limit"), status=400)
        return reply(shapes.spotify_search(artists, offset, limit))

    return page


# Spotify


def test_spotify_is_searched_ten_at_a_time(host, connect):
    rows = [shapes.spotify_artist(f"A{n}", "Abba" if n == 13 else f"Abba Tribute {n}") for n in range(23)]
    host.script["/spotify/search"] = [spotify_pages(rows)]
    source = connect("spotify")
    assert chosen(source, "Abba").candidate == Candidate("A13", "Abba")
    assert len(source.candidates(artist("Abba"))) == 23
    asked = [query(path) for path in host.paths if "search" in path]
    assert [(each["limit"], each["offset"]) for each in asked] == [("10", "0"), ("10", "10"), ("10", "20")]


def test_spotify_stops_at_the_last_page_and_after_fifty(host, connect):
    rows = [shapes.spotify_artist(f"A{n}", "Abba") for n in range(70)]
    for n, pages in ((10, 1), (11, 2), (50, 5), (70, 5)):
        host.requests.clear()
        host.script["/spotify/search"] = [spotify_pages(rows[:n])]
        assert len(connect("spotify").candidates(artist(f"Abba {n}"))) == min(n, 50)
        assert sum("search" in path for path in host.paths) == pages


def test_spotify_an_artist_on_two_pages_is_one(host, connect):
    rows = [shapes.spotify_artist("A", "Abba"), *[shapes.spotify_artist(f"B{n}", "B") for n in range(9)]]
    rows += [shapes.spotify_artist("A", "Abba"), None]
    host.script["/spotify/search"] = [spotify_pages(rows)]
    assert chosen(connect("spotify"), "Abba").because == "the only artist of this name"


def test_spotify_previews_that_are_null_are_no_clips(host, connect):
    abba, guest = shapes.spotify_artist("A", "Abba"), shapes.spotify_artist("G", "Guest")
    tracks = [
        shapes.spotify_track("t1", "Null", [abba]),
        shapes.spotify_track("t2", "Own", [abba, guest], "https://p.scdn.co/mp3-preview/2"),
        shapes.spotify_track("t3", "Another's", [guest, abba], "https://p.scdn.co/mp3-preview/3"),
        None,
    ]
    host.script["/spotify/artists/A/top-tracks"] = [reply({"tracks": tracks})]
    assert connect("spotify").tracks(Candidate("A", "Abba")) == [Track("t2", "Own", "One")]


@pytest.mark.parametrize(
    ("body", "status", "shown"),
    [
        (shapes.PREMIUM, 403, "Active premium subscription required for the owner of the app. When the"),
        (shapes.spotify_error(400, "Invalid limit"), 400, "Invalid limit"),
        (shapes.spotify_error(403, "Premium required"), 403, "Premium required"),
        ({"error": "invalid_request", "error_description": "No client"}, 400, "No client"),
        ({"error": {"status": 403, "message": "a\x00b\u202ec\n\n" + "d" * 10_000}}, 403, "a b c ddd"),
        (
            {"error": {"message": "See https://x.example/y?token=SECRET now"}},
            403,
            "See https://x.example/y now",
        ),
        ({"error": {"message": "Bearer TOKEN is not allowed"}}, 403, "Bearer … is not allowed"),
    ],
)
def test_a_refusal_shows_the_services_own_sentence(host, connect, body, status, shown):
    host.script["/spotify/search"] = [reply(body, status)]
    with pytest.raises(faults.Unavailable) as caught:
        connect("spotify").candidates(artist("Abba"))
    message = str(caught.value)
    assert message.startswith(f"127.0.0.1 refused (HTTP {status}): '{shown}")
    assert len(message) < 300 and message.isprintable()
    assert "SECRET" not in message and "TOKEN" not in message and "top tracks" not in message


@pytest.mark.parametrize(
    "body", [b"", b"<html><h1>no</h1></html>", b"[" * 9_999, b"{", {"error": {}}, [], {"error": 7}]
)
def test_a_refusal_without_a_sentence_has_none(host, connect, body):
    host.script["/deezer/search/artist"] = [reply(body, 403)]
    with pytest.raises(faults.Unavailable, match=r"refused \(HTTP 403\)(: '\{')?$"):
        connect("deezer").candidates(artist("Abba"))


@pytest.mark.parametrize("body", [b"", shapes.spotify_error(403, "Forbidden")])
def test_spotify_says_what_top_tracks_need_where_the_service_gives_no_reason(host, connect, body):
    host.script["/spotify/artists/A/top-tracks"] = [reply(body, 403)]
    with pytest.raises(faults.Unavailable, match="in development mode get no top tracks"):
        connect("spotify").tracks(Candidate("A", "Abba"))
    host.script["/spotify/artists/A/top-tracks"] = [reply(shapes.PREMIUM, 403)]
    with pytest.raises(faults.Unavailable, match=r"HTTP 403\): 'Active premium[^()]*$"):
        connect("spotify").tracks(Candidate("A", "Abba"))


def test_spotify_shows_why_credentials_are_refused_and_not_the_credentials(host, connect):
    body = {"error": "invalid_client", "error_description": "Invalid client secret"}
    host.script["/spotify_accounts"] = [reply(body, 400)]
    with pytest.raises(
        faults.Unavailable, match=r"SPOTIFY_CLIENT_SECRET \(HTTP 400\): 'Invalid client secret'"
    ):
        connect("spotify").candidates(artist("Abba"))


def table(n):
    return pd.DataFrame(
        {"artist_id": [f"id-{k}" for k in range(n)], "name": [f"Artist {k}" for k in range(n)]}
    )


def deezer_catalogue(server, n=20):
    """Artists of three tracks each: path → answers, and what a search for each sends."""
    script, found = {}, {}
    for k in range(n):
        own = (100 + k, f"Artist {k}")
        numbers = [10 * own[0] + each for each in range(3)]
        rows = [
            shapes.deezer_track(each, f"Song {each}", own, preview=f"{server}/clip/{each}")
            for each in numbers
        ]
        found[own[1]] = shapes.deezer_rows(
            shapes.deezer_artist(*own), shapes.deezer_artist(7, f"{own[1]} Band")
        )
        script[f"/deezer/artist/{own[0]}/top"] = shapes.deezer_rows(*rows)
        script |= {f"/deezer/track/{row['id']}": row for row in rows}
        script |= {f"/clip/{number}": sound(number) for number in numbers}
    return script, found


def serve_deezer(host, n=20):
    script, found = deezer_catalogue(host.address, n)
    host.script |= {path: [reply(body)] for path, body in script.items()}
    host.script["/deezer/search/artist"] = [lambda address: reply(found[query(address)["q"]])]


REFUSALS = {
    "premium": reply(shapes.PREMIUM, 403),
    "limit": reply(shapes.spotify_error(400, "Invalid limit"), 400),
    "429 of a day": reply(b"", 429, Retry_After="86400"),
    "503": reply(b"", 503),
    "HTML": reply(b"<html>Sign in to this network</html>"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_service_that_refuses_is_given_up_and_the_next_one_gives_the_clips(
    host, connect, clock, tmp_path, monkeypatch, refusal
):
    monkeypatch.setattr(gate, "examine_apart", examined)
    serve_deezer(host)
    host.script["/spotify/search"] = [REFUSALS[refusal]]
    found = collected(table(20), connect("spotify", "deezer"), tmp_path, clips_per_artist=1, n_jobs=1)
    assert found.clips["artist_id"].tolist() == [f"id-{k}" for k in range(20)]
    assert set(found.clips["source"]) == {"deezer"}
    assert found.missing["source"].tolist() == ["spotify"] * 20
    assert found.missing["reason"].str.startswith("0 of 1 clips; ").all()
    asked = sum("/spotify/search" in path for path in host.paths)
    assert asked <= {"premium": http.REFUSED, "limit": http.GIVE_UP, "429 of a day": 1}.get(refusal, 50)
    assert sum(clock.slept) <= 2 * http.PATIENCE
    last = found.missing["reason"].iloc[-1]
    assert "127.0.0.1 is left alone for" in last
    assert ("because" in last) == (refusal != "429 of a day")


def test_top_tracks_that_are_refused_end_the_searches_too(host, connect, tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "examine_apart", examined)
    serve_deezer(host)
    host.script["/spotify/search"] = [
        lambda address: reply(shapes.spotify_search([shapes.spotify_artist("A", query(address)["q"])]))
    ]
    host.script["/spotify/artists/A/top-tracks"] = [
        reply(status=403),
    ]
    found = collected(
        table(20), connect("spotify", "deezer", cache=None), tmp_path, clips_per_artist=1, n_jobs=1
    )
    assert len(found.clips) == 20
    assert sum("/spotify/" in path for path in host.paths) == 2 * http.REFUSED
    assert found.missing["reason"].iloc[0].endswith(f"({registry.spotify.NO_TOP})")


def test_a_service_that_cannot_be_reached_is_given_up_after_one_request(
    host, connect, clock, tmp_path, monkeypatch
):
    monkeypatch.setattr(gate, "examine_apart", examined)
    serve_deezer(host)
    with HostileServer() as gone:
        nowhere = gone.address
    addresses = {key: f"{host.address}/{key}" for key in registry.ADDRESSES} | {"itunes": f"{nowhere}/itunes"}
    sources = connect("itunes", "deezer", addresses=addresses)
    found = collected(table(20), sources, tmp_path, clips_per_artist=1, n_jobs=1)
    assert len(found.clips) == 20
    assert sum(clock.slept) <= http.PATIENCE
    first, second, *_ = found.missing["reason"]
    assert "did not answer" in first and "attempts" in first
    assert "left alone for 3600 s, because 127.0.0.1 did not answer" in second
    assert set(found.missing["reason"].iloc[1:]) == {second}


def test_attempts_that_take_long_count_as_waiting(host, connect, clock, monkeypatch):
    times = iter(range(0, 100_000, 50))
    monkeypatch.setattr(http.time, "monotonic", lambda: next(times))
    host.script["/deezer/search/artist"] = [reply(status=500)]
    with pytest.raises(faults.Unavailable, match=r"\(2 attempts\)"):
        connect("deezer").candidates(artist("Abba"))


# What is said before a run


def test_the_outlook_names_what_cannot_work(host, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    tried = []
    monkeypatch.setattr(registry, "_unreached", lambda address: tried.append(address) or "no route")
    lines = registry.outlook(["spotify", "deezer", "folder"])
    assert lines[0] == f"spotify: {registry.spotify.RESTRICTED}."
    assert [line.partition(" accepts")[0] for line in lines[1:]] == [
        "api.spotify.com",
        "accounts.spotify.com",
        "musicbrainz.org",
        "api.deezer.com",
    ]
    assert "clips of spotify will be missing" in lines[1]
    assert "artists who share a name in spotify, deezer will get no clips from there" in lines[3]
    assert len(tried) == 4
    monkeypatch.undo()
    local = {key: f"{host.address}/{key}" for key in registry.ADDRESSES}
    assert registry.outlook(["spotify", "deezer"], local) == []


def test_the_outlook_of_a_closed_port_says_so_and_the_simulation_needs_none():
    with HostileServer() as gone:
        nowhere = gone.address
    addresses = dict.fromkeys(registry.ADDRESSES, nowhere)
    (line,) = registry.outlook(["deezer"], addresses)
    assert line.startswith("127.0.0.1 accepts no connection (")
    of_clips = {"sources": ["deezer"], "addresses": addresses}
    parameters = {checks.LISTENING: {"simulate": True}, checks.CLIPS: of_clips}
    assert checks.outlook(parameters, [checks.CLIPS]) == [line]
    assert checks.outlook(parameters, [checks.LISTENING]) == []
    parameters[checks.CLIPS] = of_clips | {"addresses": {}}
    assert checks.outlook(parameters, [checks.CLIPS]) == []


# iTunes


JACKSON = [
    shapes.itunes_song(1, 32940, "Michael Jackson & Justin Timberlake", "Love Never Felt So Good"),
    shapes.itunes_song(2, 32940, "Michael Jackson", "Billie Jean"),
    shapes.itunes_video(3, 32940, "Michael Jackson", "Thriller"),
    shapes.itunes_album(32940, "Michael Jackson"),
    shapes.itunes_song(4, 32940, "MICHAEL JACKSON", "Beat It"),
    shapes.itunes_song(5, 32940, "Michael Jackson", "No preview", preview=None),
    shapes.itunes_song(6, 99, "Michael Jackson Tribute", "Bad", collectionName=None),
]


def test_itunes_artists_who_share_an_id_keep_their_songs_apart(host, connect):
    host.script["/itunes/search"] = [reply(shapes.itunes_rows(*JACKSON))]
    source = connect("itunes")
    own = [Track("2", "Billie Jean", "One"), Track("4", "Beat It", "One")]
    assert source.tracks(chosen(source, "Michael Jackson").candidate) == own
    both = chosen(source, "Michael Jackson & Justin Timberlake")
    assert source.tracks(both.candidate) == [Track("1", "Love Never Felt So Good", "One")]
    assert chosen(source, "Justin Timberlake").candidate is None


def test_itunes_a_look_up_by_id_keeps_the_names_apart_too(host, connect):
    rows = [shapes.itunes_artist(32940, "Michael Jackson"), *JACKSON]
    host.script["/itunes/lookup"] = [reply(shapes.itunes_rows(*rows))]
    source = connect("itunes")

    def titles(name, **how):
        return [track.title for track in source.tracks(Candidate("32940", name, **how))]

    assert titles("Michael Jackson") == ["Billie Jean", "Beat It"]
    assert titles("Michael Jackson & Justin Timberlake") == ["Love Never Felt So Good"]
    assert titles("Jackson, Michael") == []
    assert titles("Jackson, Michael", by_id=True) == ["Billie Jean", "Beat It"]
    assert len(host.requests) == 1


def test_itunes_a_search_full_of_others_leads_to_a_look_up(host, connect):
    many = [shapes.itunes_video(n, 5, "Abba Video", f"V{n}") for n in range(199)]
    host.script["/itunes/search"] = [
        reply(shapes.itunes_rows(*many, shapes.itunes_song(1000, 9, "Abba", "S0")))
    ]
    songs = [shapes.itunes_song(1000 + n, 9, "Abba", f"S{n}") for n in range(4)]
    host.script["/itunes/lookup"] = [reply(shapes.itunes_rows(shapes.itunes_artist(9, "Abba"), *songs))]
    source = connect("itunes")
    assert len(source.tracks(chosen(source, "Abba").candidate)) == 4


def test_itunes_is_asked_for_the_store_of_a_country_and_remembers_each_apart(host, connect):
    host.script["/itunes/search"] = [
        lambda address: reply(
            shapes.itunes_rows(shapes.itunes_song(1, 9, f"Abba {query(address)['country']}", "S"))
        )
    ]
    for country, name in (("us", "Abba us"), ("DE", "Abba de"), ("us", "Abba us")):
        (candidate,) = connect("itunes", country=country).candidates(artist("Abba"))
        assert candidate.name == name
    assert len(host.requests) == 2
    connect("itunes").preview("1")
    assert query(host.paths[-1])["country"] == "us"


@pytest.mark.parametrize("country", ["", "usa", "d1", "../x", "ü-"])
def test_a_country_is_two_letters(connect, country):
    with pytest.raises(ValueError, match="`country` is .*expected are the two letters"):
        connect("itunes", country=country)


@pytest.mark.parametrize(
    "body",
    [
        b'\n\n\n{\n "resultCount":1,\n "results": [\n{"wrapperType":"track", "trackName":"a\x01b"}]\n}',
        b'{"errorMessage":"later"',
        b"",
        {"resultCount": 0},
        {"resultCount": 1, "results": [{"wrapperType": "track", "kind": "song", "previewUrl": "x"}]},
    ],
)
def test_itunes_invalid_answers_are_asked_again_and_never_taken_for_no_artist(host, connect, body):
    good = reply(shapes.itunes_rows(shapes.itunes_song(1, 9, "Abba", "S")))
    host.script["/itunes/search"] = [reply(body), reply(body, 403), good]
    assert chosen(connect("itunes"), "Abba").candidate.id == "9"
    host.script["/itunes/search"] = [reply(body)]
    with pytest.raises(faults.Unavailable, match="not the expected JSON"):
        connect("itunes").candidates(artist("Blondie"))


def test_itunes_shows_what_is_wrong_with_a_request(host, connect):
    body = {"errorMessage": "Invalid value(s) for key(s): [country]", "queryParameters": {"country": "xx"}}
    host.script["/itunes/search"] = [reply(body, 400)]
    with pytest.raises(
        faults.Unavailable, match=r"HTTP 400\): 'Invalid value\(s\) for key\(s\): \[country\]'"
    ):
        connect("itunes", country="xx").candidates(artist("Abba"))


# Deezer


def test_deezer_guests_and_emptied_previews_are_left_out(host, connect):
    abba, cher = (7, "Abba"), (8, "Cher")
    rows = [
        shapes.deezer_track(1, "Own", abba),
        shapes.deezer_track(2, "With a guest", abba, guests=[cher]),
        shapes.deezer_track(3, "As a guest", cher, guests=[abba]),
        shapes.deezer_track(4, "Emptied", abba, preview=""),
    ]
    host.script["/deezer/artist/7/top"] = [reply(shapes.deezer_rows(*rows))]
    found = connect("deezer").tracks(Candidate("7", "Abba"))
    assert [track.title for track in found] == ["Own", "With a guest"]


def test_deezer_errors_with_http_200(host, connect, clock):
    found = reply(shapes.deezer_rows(shapes.deezer_artist(7, "Abba")))
    host.script["/deezer/search/artist"] = [reply(shapes.DEEZER_QUOTA), reply(shapes.DEEZER_QUOTA), found]
    source = connect("deezer")
    assert chosen(source, "Abba").candidate == Candidate("7", "Abba")
    assert clock.slept == [1, 2]
    host.script["/deezer/artist/7/top"] = [reply(shapes.DEEZER_NO_DATA)]
    assert source.tracks(Candidate("7", "Abba")) == []
    host.script["/deezer/artist/8/top"] = [
        reply(shapes.deezer_error("OAuthException", "An active access token must be used", 200))
    ]
    with pytest.raises(faults.Unavailable, match="error 200: 'An active access token must be used'"):
        source.tracks(Candidate("8", "Cher"))


# MusicBrainz

PAGE = "https://www.deezer.com/artist/{}"


def twins(host, *links):
    rows = [shapes.deezer_artist(n, "Twins") for n in (1, 2, 3)]
    host.script["/deezer/search/artist"] = [reply(shapes.deezer_rows(*rows))]
    host.script[f"/musicbrainz/artist/{MBID}"] = [reply(shapes.musicbrainz_artist(MBID, *links))]


def test_musicbrainz_links_that_have_ended_are_not_used(host, connect):
    link = shapes.musicbrainz_link
    twins(
        host,
        link("https://www.deezer.com/artist/1", ended=True, end="2020-11-19"),
        link("https://open.spotify.com/artist/6liAMWkVf5LH7YR9yfFy1Y"),
        link("https://www.deezer.com/artist/2"),
    )
    source = connect("deezer")
    assert source.linked(MBID) == ["2"]
    assert chosen(source, "Twins").candidate.id == "2"
    host.script[f"/musicbrainz/artist/{OTHER}"] = [
        reply(shapes.musicbrainz_artist(OTHER, link(PAGE.format(1), ended=True)))
    ]
    assert chosen(source, "Twins", OTHER).candidate is None


def test_of_several_living_links_the_next_is_tried_where_one_leads_to_nothing(
    host, connect, tmp_path, monkeypatch
):
    monkeypatch.setattr(gate, "examine_apart", examined)
    link = shapes.musicbrainz_link
    twins(
        host,
        link(PAGE.format(3), ended=True),
        link(PAGE.format(9)),
        link(PAGE.format(1)),
        link(PAGE.format(2)),
    )
    host.script["/deezer/artist/1/top"] = [reply(shapes.DEEZER_NO_DATA)]
    track = shapes.deezer_track(20, "Song", (2, "Twins"), preview=f"{host.address}/clip")
    host.script["/deezer/artist/2/top"] = [reply(shapes.deezer_rows(track))]
    host.script["/deezer/track/20"] = [reply(track)]
    host.script["/clip"] = [reply(sound(440))]
    source = connect("deezer")
    assert [chosen(source, "Twins").candidate.id, *[c.id for c in chosen(source, "Twins").others]] == [
        "1",
        "2",
        "9",
    ]
    named = pd.DataFrame({"artist_id": [MBID], "name": ["Twins"]})
    with pytest.raises(ValueError, match="1 of 1 artists got a clip"):
        collected(named, [source], tmp_path, clips_per_artist=1)
    assert "/clip" in host.paths


def test_musicbrainz_503_is_asked_again(host, connect):
    busy = reply(shapes.MUSICBRAINZ_BUSY, 503)
    good = reply(shapes.musicbrainz_artist(MBID, shapes.musicbrainz_link(PAGE.format(4))))
    host.script[f"/musicbrainz/artist/{MBID}"] = [busy, busy, good]
    assert connect("deezer").linked(MBID) == ["4"]


# What is remembered


def test_a_remembered_answer_is_believed_only_while_its_checksum_fits(tmp_path):
    client, damaged = http.Client("http://127.0.0.1:1/a"), []
    memory = Answers(tmp_path, "x", client, damaged=damaged)
    answer = [{"id": "7", "name": "Abbaé", "seconds": 1.5, "tracks": []}]
    memory.note(["search", "Abba"], answer)
    (path,) = (tmp_path / "x").glob("*.json")
    whole = path.read_bytes()
    assert memory.recall(["search", "Abba"]) == answer
    damages = [whole[:n] for n in range(len(whole) - 1)]
    damages += [whole[:n] + bytes([whole[n] ^ 1 << n % 8]) + whole[n + 1 :] for n in range(len(whole))]
    unlike = 0
    for damage in [*damages, b"[]", b"null", b"[" * 99_999, json.dumps({"answer": answer}).encode()]:
        path.write_bytes(damage)
        recalled = memory.recall(["search", "Abba"])
        assert recalled is None or recalled == answer  # a flip may turn a space into a tab
        unlike += recalled is None
        assert path.exists() == (recalled is not None)
    assert len(damaged) == unlike > len(damages) / 2


def test_answers_thrown_away_are_counted_and_asked_again(host, connect, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gate, "examine_apart", examined)
    serve_deezer(host, 3)
    first = collected(table(3), [connect("deezer")], tmp_path, clips_per_artist=1)
    assert "checksum" not in capsys.readouterr().out
    paths = sorted((tmp_path / "answers/deezer").glob("*.json"))
    for path in paths[:2]:
        path.write_text(
            path.read_text().replace("Artist", "Artiste").replace("Song", "Sing").replace("0.", "1.")
        )
    changed = {path for path in paths[:2] if path.read_text() and "sha256" in path.read_text()}
    again = collected(table(3), [connect("deezer")], tmp_path, clips_per_artist=1)
    assert f"{len(changed)} remembered answers had no checksum that fits" in capsys.readouterr().out
    pd.testing.assert_frame_equal(again.clips, first.clips)
    collected(table(3), [connect("deezer")], tmp_path, clips_per_artist=1)
    assert "checksum" not in capsys.readouterr().out


# Answers that nobody would give

ODD = [None, True, -1, 1e308, "", "x" * 100_000, "\ud800", "a\nb\tc\0", [], [[]], {}, {"error": 7}, "DEEP"]
DEEP = ("[" * 50_000 + "]" * 50_000, '{"a":' * 900 + "1" + "}" * 900)


def places(value, path=()):
    """Where something stands in parsed JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def mutated(data, answer):
    """A recorded answer with one thing missing, doubled, or of another kind."""
    answer = copy.deepcopy(answer)
    *way, last = data.draw(st.sampled_from([path for path in places(answer) if path]))
    parent = answer
    for key in way:
        parent = parent[key]
    how = data.draw(st.sampled_from(["missing", "odd", "swapped"]))
    if how == "missing":
        del parent[last]
    elif how == "odd":
        parent[last] = data.draw(st.sampled_from(ODD))
    else:
        parent[last] = [copy.deepcopy(answer)]
    return json.dumps(answer).replace('"DEEP"', data.draw(st.sampled_from(DEEP))).encode()


def catalogue_of_three(service):
    """What a service sends for three artists of two songs each: (path, what is asked) → answer."""
    script = {}
    for k in range(3):
        own, numbers = (100 + k, f"Artist {k}"), (1000 + 10 * k, 1001 + 10 * k)
        clips = [f"https://127.0.0.1/clip/{number}" for number in numbers]
        if service == "deezer":
            rows = [
                shapes.deezer_track(n, f"Song {n}", own, preview=c)
                for n, c in zip(numbers, clips, strict=True)
            ]
            found = shapes.deezer_rows(shapes.deezer_artist(*own), shapes.deezer_artist(7, "Band"))
            script["search/artist", own[1]] = found
            script[f"artist/{own[0]}/top", ""] = shapes.deezer_rows(*rows)
            script |= {(f"track/{row['id']}", ""): row for row in rows}
        elif service == "itunes":
            rows = [shapes.itunes_song(n, *own, f"Song {n}", c) for n, c in zip(numbers, clips, strict=True)]
            rows.append(shapes.itunes_song(9, own[0], f"{own[1]} & B", "Both"))
            script["search", own[1]] = shapes.itunes_rows(*rows, shapes.itunes_video(8, *own, "V"))
            script |= {("lookup", str(row["trackId"])): shapes.itunes_rows(row) for row in rows}
            script["lookup", str(own[0])] = shapes.itunes_rows(shapes.itunes_artist(*own), *rows)
        else:
            person = shapes.spotify_artist(str(own[0]), own[1])
            rows = [
                shapes.spotify_track(str(n), f"Song {n}", [person], c)
                for n, c in zip(numbers, clips, strict=True)
            ]
            script["search", own[1]] = shapes.spotify_search([person, shapes.spotify_artist("7", "Band")])
            script[f"artists/{own[0]}/top-tracks", ""] = {"tracks": rows}
            script |= {(f"tracks/{row['id']}", ""): row for row in rows}
    return script


def gathered(monkeypatch, folder, service, script):
    """Clips and missing of the three artists, without a network: `script` answers in its place."""

    def exchange(self, method, address, cap, *, params=None, **_):
        path = urlsplit(address).path.removeprefix(f"/{service}/")
        if "spotify_accounts" in address:
            return b'{"access_token": "TOKEN"}'
        if path.startswith("/clip/"):
            return path.encode()
        asked = (params or {}).get("q") or (params or {}).get("term") or (params or {}).get("id") or ""
        if path.startswith("artist/") or path.startswith(("artists/", "track", "tracks")):
            asked = ""
        answer = script.get((path, asked))
        return answer if answer is None or isinstance(answer, bytes) else json.dumps(answer).encode()

    def examine(content):
        number = int(content.decode().rpartition("/")[2]) if content.startswith(b"/clip/1") else 0
        return examined(sound(number or 50)) | {
            "sha256": str(number),
            "content": str(number),
            "bytes": len(content),
        }

    with monkeypatch.context() as patch:
        patch.setattr(http.Client, "_exchange", exchange)
        patch.setattr(gate, "examine_apart", examine)
        clock = Clock()
        limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
        addresses = {key: f"http://127.0.0.1/{key}" for key in registry.ADDRESSES}
        sources = registry.connect([service], addresses=addresses, http={"limiter": limiter})
        return collected(table(3), sources, folder, clips_per_artist=2, n_jobs=1)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return {
            service: gathered(patch, tmp_path_factory.mktemp(service), service, catalogue_of_three(service))
            for service in SERVICES
        }


@pytest.mark.parametrize("service", SERVICES)
def test_undisturbed_everybody_has_clips(undisturbed, service):
    assert undisturbed[service].clips["artist_id"].tolist() == np.repeat(table(3)["artist_id"], 2).tolist()
    assert undisturbed[service].missing.empty


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_answer_that_nobody_would_give_harms_its_own_artist_only(
    tmp_path_factory, undisturbed, service, data
):
    script = catalogue_of_three(service)
    mine = [key for key in script if key[1] == "Artist 1" or "101" in "".join(key)]
    key = data.draw(st.sampled_from(sorted(mine)))
    script[key] = mutated(data, script[key])
    with pytest.MonkeyPatch.context() as patch:
        found = gathered(patch, tmp_path_factory.mktemp("mutated"), service, script)
    of_others = [each.clips[each.clips["artist_id"] != "id-1"] for each in (found, undisturbed[service])]
    pd.testing.assert_frame_equal(*[clips.reset_index(drop=True) for clips in of_others])
    own = found.clips[found.clips["artist_id"] == "id-1"]
    assert len(own) == 2 or found.missing["artist_id"].tolist() == ["id-1"]
    assert all(0 < len(reason) < 10_000 for reason in found.missing["reason"])
