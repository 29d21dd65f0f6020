"""HTTP: what a hostile host can do, and what comes of it."""

import email.utils
import io
import time

import pytest
import requests
from hostile_server import (
    Clock,
    HostileServer,
    bomb,
    cut_short,
    drip,
    drip_headers,
    flood,
    redirect,
    reply,
    trailed,
)

from lib.clips.sources import faults, http, limits

GOOD = {"answer": 42}


@pytest.fixture
def host():
    with HostileServer() as server:
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(host, clock):
    return http.Client(
        host.address, contact="me@example.org", limiter=limits.Limiter({}, clock=clock, sleep=clock.sleep)
    )


def ask(client, path="x"):
    return client.ask(path, lambda answer: answer["answer"])


def test_an_answer_is_read_and_the_agent_names_a_contact(host, client):
    host.script["/x"] = [reply(GOOD)]
    assert ask(client) == 42
    assert host.requests[0][1]["User-Agent"] == "music-similarity/1.0 (me@example.org)"


def test_not_found_is_an_answer(host, client, clock):
    assert ask(client, "nothing") is None
    assert clock.slept == []


@pytest.mark.parametrize(
    "fault",
    [
        reply(status=500),
        reply(status=503, Retry_After="1"),
        reply(b""),
        reply(b"<html>please come back later</html>"),
        reply(b'{"answer": 4'),
        reply({"results": None}),
        reply([]),
        reply(b"[" * 100_000),
        reply(b"{}", Content_Encoding="gzip"),
        cut_short(b'{"answer": 42}'),
    ],
    ids=["500", "503", "empty", "HTML", "truncated", "other shape", "list", "deep", "no gzip", "cut short"],
)
class TestFault:
    def test_that_passes_leaves_no_trace(self, host, client, fault):
        host.script["/x"] = [fault, fault, reply(GOOD)]
        assert ask(client) == 42
        assert len(host.requests) == 3

    def test_that_stays_is_no_answer(self, host, client, clock, fault):
        host.script["/x"] = [fault]
        with pytest.raises(faults.Unavailable, match=r"127\.0\.0\.1"):
            ask(client)
        assert len(host.requests) <= http.ATTEMPTS
        assert sum(clock.slept) <= http.PATIENCE


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ("0", 0),
        ("7", 7),
        ("soon", 1),
        ("-3", 1),
        ("1e3", 1),
        ("Mon, 01 Jan 99999 00:00:00 GMT", 1),
        ("Mon, 01 Jan 2030 00:00:00 +99999999999999999999", 1),
        (None, 1),
    ],
)
def test_retry_after_is_obeyed_where_it_makes_sense(host, client, clock, asked, waited):
    headers = {} if asked is None else {"Retry_After": asked}
    host.script["/x"] = [reply(status=429, **headers), reply(GOOD)]
    assert ask(client) == 42
    assert sum(clock.slept) == waited


def test_retry_after_may_be_a_date(host, client, clock):
    host.script["/x"] = [reply(status=429, Retry_After=email.utils.formatdate(time.time() + 20)), reply(GOOD)]
    assert ask(client) == 42
    assert sum(clock.slept) == pytest.approx(20, abs=2)


def test_a_host_that_wants_a_day_is_left_alone(host, client, clock):
    host.script["/x"] = [reply(status=429, Retry_After="86400")]
    with pytest.raises(faults.Unavailable, match="asked to wait 86400 s"):
        ask(client)
    with pytest.raises(faults.Unavailable, match="left alone for 86400 s"):
        ask(client, "another")
    assert len(host.requests) == 1
    assert clock.slept == []


def test_a_host_that_keeps_failing_is_given_up_for_a_while(host, client, clock):
    host.script["/x"] = [reply(status=500)]
    for _ in range(http.GIVE_UP):
        with pytest.raises(faults.Unavailable, match="HTTP 500"):
            ask(client)
    n_requests = len(host.requests)
    with pytest.raises(faults.Unavailable, match="left alone"):
        ask(client)
    assert len(host.requests) == n_requests
    clock.now += http.RESPITE
    host.script["/x"] = [reply(GOOD)]
    assert ask(client) == 42


def test_a_refusal_is_not_asked_again(host, client):
    host.script["/x"] = [reply(status=403)]
    with pytest.raises(faults.Unavailable, match="refused") as caught:
        ask(client)
    assert caught.value.status == 403
    assert len(host.requests) == 1


def test_403_with_an_empty_body_means_too_many_calls_where_the_source_says_so(host, clock):
    limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
    client = http.Client(host.address, throttled=(403, 429), limiter=limiter)
    host.script["/x"] = [reply(status=403), reply(GOOD)]
    assert ask(client) == 42


def test_a_download_is_the_bytes(host, client):
    host.script["/clip"] = [reply(b""), cut_short(b"abc"), reply(b"abcdef")]
    assert client.download(f"{host.address}/clip") == b"abcdef"
    with pytest.raises(faults.Unavailable, match="no such file") as caught:
        client.download(f"{host.address}/gone")
    assert caught.value.status == 404


@pytest.mark.parametrize("dripping", [lambda _: drip(b"x" * 1_000), lambda _: drip_headers()])
def test_dripping_ends_at_the_deadline(host, dripping):
    host.script["/clip"] = [dripping]
    client = http.Client(host.address, deadline=0.3, patience=0.5, limiter=limits.Limiter({}))
    began = time.monotonic()
    with pytest.raises(faults.Unavailable, match="took more than 0 s"):
        client.download(f"{host.address}/clip")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("dripping", [lambda _: drip(b"x" * 1_000), lambda _: drip_headers()])
def test_the_exchange_after_one_that_was_cut_is_whole(host, clock, dripping):
    host.script["/x"] = [dripping, reply(GOOD)]
    limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
    client = http.Client(host.address, deadline=0.3, limiter=limiter)
    assert ask(client) == 42
    assert len(host.requests) == 2
    time.sleep(0.5)  # no watchdog is left that would cut the connection, which is used again
    assert ask(client) == 42
    assert len(host.requests) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (cut_short(b"abc"), "sent only a part, 3 bytes|broke off before the end"),
        ((None, {}, b""), r"did not answer \(ConnectionError\)"),
        ((None, {}, b"gibberish\r\n\r\n"), r"did not answer \(ConnectionError\)"),
    ],
    ids=["cut short", "nothing", "no HTTP"],
)
def test_a_fault_is_named_by_its_type_however_long_it_took(host, clock, monkeypatch, fault, words):
    monkeypatch.setattr(time, "monotonic", iter(range(0, 10**9, 1_000)).__next__)
    host.script["/clip"] = [fault]
    client = http.Client(host.address, limiter=limits.Limiter({}, clock=clock, sleep=clock.sleep))
    with pytest.raises(faults.Unavailable, match=words):
        client.download(f"{host.address}/clip")


@pytest.mark.parametrize(
    ("big", "said"),
    [
        (bomb(50_000_000), "sent"),
        (reply(bytes(http.CLIP_BYTES + 1)), "announced"),
        (flood(2**30, announced=True), "announced"),
        (flood(2**30, announced=False), "sent"),
        (trailed(2**30), "sent"),
    ],
    ids=["gzip bomb", "one byte too long", "a gigabyte", "a gigabyte unannounced", "behind a gzip"],
)
def test_more_than_the_cap_is_refused(host, client, big, said):
    host.script["/clip"] = [big]
    with pytest.raises(faults.Unavailable, match=f"{said} more than 10,000,000 bytes"):
        client.download(f"{host.address}/clip")
    assert len(host.requests) == 1
    assert host.sent < 5 * http.CLIP_BYTES  # what the system holds on the way is sent, too


def test_no_part_is_asked_for_and_none_is_taken_for_the_whole(host, client):
    host.script["/clip"] = [reply(b"abc", status=206, Content_Range="bytes 0-2/6")]
    with pytest.raises(faults.Unavailable, match="HTTP 206"):
        client.download(f"{host.address}/clip")
    assert "Range" not in host.requests[0][1]


@pytest.mark.parametrize("name", [rb'"\ud83d"', b'"\xed\xa0\xbd"'], ids=["escaped", "raw"])
def test_half_a_character_does_not_reach_a_file(host, client, name):
    host.script["/x"] = [reply(b'{"answer": [%b, "\\ud83c\\udfb8", 1.5]}' % name)]
    damaged, whole, number = ask(client)
    assert damaged and set(damaged) == {"?"}
    assert (whole, number) == ("🎸", 1.5)


def test_unknown_packing_is_refused(host, client):
    host.script["/x"] = [reply(GOOD, Content_Encoding="br")]
    with pytest.raises(faults.Unavailable, match="packed as 'br'"):
        ask(client)


def test_a_redirection_to_an_allowed_host_is_followed(host, client):
    host.script["/x"] = [redirect("/y?z=1")]
    host.script["/y"] = [reply(GOOD)]
    assert ask(client) == 42
    assert host.paths == ["/x", "/y?z=1"]


@pytest.mark.parametrize(
    "location",
    [
        "http://example.org/",
        "https://127.0.0.1.example.org/",
        "file:///etc/hostname",
        "http://u:p@127.0.0.1/",
        "//evil",
    ],
)
def test_a_redirection_elsewhere_is_refused(host, client, location):
    host.script["/x"] = [redirect(location)]
    with pytest.raises(faults.Unavailable, match="led to"):
        ask(client)
    assert len(host.requests) == 1


def test_going_in_circles_ends(host, client):
    host.script["/x"] = [redirect("/x")]
    with pytest.raises(faults.Unavailable, match="redirects more than"):
        ask(client)


def test_credentials_do_not_follow_a_redirection_to_another_host(host, client):
    with HostileServer() as stranger:
        stranger.script["/y"] = [reply(GOOD)]
        host.script["/x"] = [redirect(f"{stranger.address}/y")]
        headers = {"Authorization": "Bearer secret"}
        assert client.ask("x", lambda answer: answer["answer"], headers=headers) == 42
        assert host.requests[0][1]["Authorization"] == "Bearer secret"
        assert "Authorization" not in stranger.requests[0][1]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://api.deezer.com/x", True),
        ("https://cdn-preview.dzcdn.net/x.mp3", True),
        ("http://api.deezer.com/x", False),
        ("https://api.deezer.com.example.org/x", False),
        ("https://notdzcdn.net/x", False),
        ("https://127.0.0.1/x", False),
        ("https://api.deezer.com@example.org/x", False),
        ("https://example.org\\@api.deezer.com/x", False),
        ("file:///etc/hostname", False),
    ],
)
def test_outside_only_https_and_the_hosts_that_the_source_lists(monkeypatch, address, allowed):
    client = http.Client("https://api.deezer.com", ["dzcdn.net"], limiter=limits.Limiter({}))

    class Reached(Exception):
        pass

    def send(self, request, **options):
        raise Reached

    monkeypatch.setattr("requests.Session.send", send)
    with pytest.raises(Reached if allowed else faults.Unavailable):
        client.download(address)


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1/x",
        "http://127.0.0.1:8888/api",
        "http://localhost/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://0.0.0.0/x",
        "//127.1/x",
        "file:///etc/hostname",
        "https://example.org/x",
        "http://api.deezer.com/x",
    ],
)
def test_outside_a_redirection_leads_no_further_either(monkeypatch, location):
    asked = []

    def send(self, request, **options):
        asked.append(request.url)
        response = requests.Response()
        response.status_code, response.headers["Location"] = 302, location
        response.raw = io.BytesIO()
        return response

    monkeypatch.setattr("requests.Session.send", send)
    client = http.Client("https://api.deezer.com", ["dzcdn.net"], limiter=limits.Limiter({}))
    with pytest.raises(faults.Unavailable, match="led to"):
        client.download("https://api.deezer.com/clip")
    assert asked == ["https://api.deezer.com/clip"]


def test_credentials_of_netrc_go_nowhere(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    sent = []

    def send(self, request, **options):
        sent.append(request.headers.get("Authorization"))
        raise requests.ConnectionError

    monkeypatch.setattr("requests.Session.send", send)
    client = http.Client("https://api.spotify.com", limiter=limits.Limiter({}), patience=0)
    for headers in (None, {"Authorization": "Bearer ours"}):
        with pytest.raises(faults.Unavailable):
            client.ask("x", dict, headers=headers)
    assert sent == [None, "Bearer ours"]


@pytest.mark.parametrize(
    "address", ["http://api.deezer.com", "ftp://127.0.0.1", "api.deezer.com", "https://[", ""]
)
def test_an_address_must_be_https_or_loopback(address):
    with pytest.raises(ValueError, match="address"):
        http.Client(address)


def test_messages_hold_no_signature(host, client):
    host.script["/clip"] = [reply(status=403)]
    with pytest.raises(faults.Unavailable) as caught:
        client.download(f"{host.address}/clip?hdnea=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["api.deezer.com"])
def test_no_window_holds_more_calls_than_the_limit(clock, host):
    calls, seconds = 3, 2.0
    limiter = limits.Limiter({host: (calls, seconds)}, clock=clock, sleep=clock.sleep)
    times = []
    for _ in range(3 * calls + 1):
        limiter.wait(host, patience=0)
        times.append(clock.now)
    for first, later in zip(times, times[calls:], strict=False):
        assert later - first >= seconds
    assert times[-1] - times[0] == 3 * seconds


def test_the_loopback_has_no_limit(clock):
    limiter = limits.Limiter({}, clock=clock, sleep=clock.sleep)
    for _ in range(1_000):
        limiter.wait("127.0.0.1", patience=0)
    assert clock.slept == []
