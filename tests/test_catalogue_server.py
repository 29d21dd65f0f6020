"""The demo's catalogues: the shapes of the real ones, their faults, and no process left behind."""

import base64
import os
import signal
import sys
import time

import numpy as np
import pytest
import requests
import tiny_world
from tiny_world import TinyWorld, ids, mbid

from demo import apart, catalogue_server
from tests.processes import alive, children, left_by, until

AUTHORISED = {"Authorization": "Basic " + base64.b64encode(b"demo:demo").decode()}


@pytest.fixture(scope="module")
def catalogues():
    return catalogue_server.Catalogues(TinyWorld(), "http://127.0.0.1/world")


def ask(catalogues, path, headers=None, method="GET", **query):
    return catalogues.respond(method, path, query, headers or {})


def spotify(catalogues, path, **query):
    status, answer = ask(catalogues, "/spotify_accounts", AUTHORISED, "POST")
    assert status == 200
    return ask(catalogues, path, {"Authorization": f"Bearer {answer['access_token']}"}, **query)


def test_a_search_gives_the_artist_and_those_who_imitate_it(catalogues):
    names = ["Everywhere", "Everywhere Karaoke Version"]
    _, answer = spotify(catalogues, "/spotify/search", q="everywhere")
    assert [row["name"] for row in answer["artists"]["items"]] == names
    _, answer = ask(catalogues, "/deezer/search/artist", q="EVERYWHERE")
    assert [row["name"] for row in answer["data"]] == names
    _, answer = ask(catalogues, "/itunes/search", term="Everywhere", limit="200")
    assert list(dict.fromkeys(row["artistName"] for row in answer["results"])) == names


def test_namesakes_are_told_apart_by_musicbrainz(catalogues):
    _, answer = ask(catalogues, "/deezer/search/artist", q="Twins")
    assert [row["name"] for row in answer["data"]] == ["Twins", "twins"]
    _, answer = ask(catalogues, f"/musicbrainz/artist/{mbid(5)}")
    pages = [relation["url"]["resource"] for relation in answer["relations"]]
    assert f"https://www.deezer.com/artist/{ids(5, 'deezer')['deezer']}" in pages
    assert ask(catalogues, f"/musicbrainz/artist/{mbid(99)}")[0] == 404


def test_artists_are_only_where_the_world_puts_them(catalogues):
    assert ask(catalogues, "/itunes/search", term="Only Apple")[1]["resultCount"] == 3
    assert ask(catalogues, "/deezer/search/artist", q="Only Apple")[1]["data"] == []
    assert ask(catalogues, "/itunes/search", term="Nowhere")[1]["resultCount"] == 0


def test_spotify_wants_its_token_and_may_have_null_previews(catalogues):
    assert ask(catalogues, "/spotify/search", q="x")[0] == 401
    assert ask(catalogues, "/spotify_accounts", {}, "POST")[0] == 400
    for number, heard in ((1, True), (6, False)):
        key = ids(number, "spotify")["spotify"]
        _, answer = spotify(catalogues, f"/spotify/artists/{key}/top-tracks", market="US")
        assert all((track["preview_url"] is not None) == heard for track in answer["tracks"])
    assert spotify(catalogues, "/spotify/tracks/nothing")[0] == 404


def test_itunes_looks_up_artists_with_their_songs_and_songs_alone(catalogues):
    _, answer = ask(catalogues, "/itunes/lookup", id="1001", entity="song")
    kinds = [row["wrapperType"] for row in answer["results"]]
    assert kinds == ["artist"] + ["track"] * 5
    assert ask(catalogues, "/itunes/lookup", id="200")[1]["results"][0]["trackName"] == "Song 0 of 2"


def test_deezer_reports_errors_with_200_and_signs_previews_that_expire(catalogues, monkeypatch):
    assert ask(catalogues, "/deezer/track/1")[1]["error"]["code"] == 800
    _, answer = ask(catalogues, "/deezer/track/100")
    signature = answer["preview"].partition("hdnea=")[2]
    assert catalogues.may_hear("deezer", "100", {"hdnea": signature})
    assert not catalogues.may_hear("deezer", "101", {"hdnea": signature})
    assert not catalogues.may_hear("deezer", "100", {})
    later = time.time() + catalogue_server.SIGNED_FOR + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert not catalogues.may_hear("deezer", "100", {"hdnea": signature})


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [("/itunes/x", 403, b""), ("/spotify/x", 429, b""), ("/musicbrainz/x", 503, b"")],
)
def test_each_catalogue_refuses_in_its_own_way(path, status, body):
    refused = catalogue_server._refusal(path)
    assert (refused[0], refused[2]) == (status, body)
    assert b'"code": 4' in catalogue_server._refusal("/deezer/x")[2]


def test_served_over_http_refused_once_and_gone_when_closed(monkeypatch):
    monkeypatch.setattr(catalogue_server, "THROTTLED", 0.0)
    with catalogue_server.serve(TinyWorld(), render=tiny_world.beep, n_workers=1) as server:
        search = f"{server.addresses['deezer']}/search/artist?q=Twins"
        assert requests.get(search, timeout=10).json()["total"] == 2
        clip = requests.get(
            f"{server.addresses['spotify'].removesuffix('/spotify')}/preview/spotify/100", timeout=60
        )
        assert clip.content == tiny_world.beep(None, TinyWorld().track("100"), "mp3")[0]
        assert clip.headers["Content-Type"] == "audio/wav"
        assert requests.get(server.addresses["itunes"] + "/search", timeout=10).status_code == 400
        monkeypatch.setattr(catalogue_server, "THROTTLED", 1.0)
        lookup = f"{server.addresses['itunes']}/lookup?id=200"
        assert [requests.get(lookup, timeout=10).status_code for _ in range(3)] == [403, 200, 200]
        assert "/itunes/lookup?id=200" in server.requests
        workers = children(os.getpid(), f"lib.audio.sandbox\0{apart.GIGABYTES}")
    with pytest.raises(requests.ConnectionError):
        requests.get(search, timeout=10)
    assert workers
    assert not any(map(alive, workers))


def stopped(world, track, codec):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_clip_that_could_not_be_rendered_is_an_error_at_the_end_and_no_missing_clip(monkeypatch):
    monkeypatch.setattr(catalogue_server, "THROTTLED", 0.0)
    server = catalogue_server.serve(TinyWorld(), render=stopped, n_workers=1)
    clips = server.addresses["spotify"].removesuffix("/spotify") + "/preview/spotify"
    assert [requests.get(f"{clips}/{track}", timeout=60).status_code for track in (100, 101)] == [410, 410]
    with pytest.raises(RuntimeError, match="was not rendered: its process was stopped from outside"):
        server.close()


@pytest.mark.parametrize("moment", np.random.default_rng(20).uniform(0, 4, size=3).round(2).tolist())
def test_nobody_outlives_a_parent_that_is_killed_at_any_moment(moment):
    """From its first second on: while it imports, while children start, while they render."""
    code = """
import joblib
import demo
world = demo.World(30, 1000)
tracks = [track.track_id for artist in world.artists for track in world.tracks(artist)]
render = demo.serve(world, n_workers=2)._render
joblib.Parallel(2, backend="threading")(joblib.delayed(render)(track) for track in tracks)
"""
    with left_by([sys.executable, "-c", code]) as (parent, left):
        until(left)
        time.sleep(moment)
        assert parent.poll() is None
        parent.kill()
        parent.wait()
        until(lambda: not left(), 5)


def test_addresses_change_with_the_world():
    class Other(TinyWorld):
        artists = TinyWorld.artists[::-1]

    assert catalogue_server._digest_of(TinyWorld()) == catalogue_server._digest_of(TinyWorld())
    assert catalogue_server._digest_of(TinyWorld()) != catalogue_server._digest_of(Other())


def test_spotify_sends_ten_artists_at_a_time_and_refuses_more(catalogues, monkeypatch):
    many = [tiny_world.Artist(mbid(n), f"Many {n}", ids(n, "spotify")) for n in range(10, 35)]
    monkeypatch.setattr(catalogues, "_search", lambda *_: many)
    status, answer = spotify(catalogues, "/spotify/search", q="Many", limit="11")
    assert (status, answer["error"]["message"]) == (400, "Invalid limit")
    pages = [
        spotify(catalogues, "/spotify/search", q="Many", limit="10", offset=str(n))[1] for n in (0, 10, 20)
    ]
    assert [len(page["artists"]["items"]) for page in pages] == [10, 10, 5]
    assert [page["artists"]["next"] is None for page in pages] == [False, False, True]
    assert {page["artists"]["total"] for page in pages} == {25}
