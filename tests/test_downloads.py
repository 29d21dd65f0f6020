"""Public data sets: a download that is cut, misled or interrupted ends in the right file or a clear error."""

import dataclasses
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hostile_server import HostileServer, cut_short, drip, reply

from lib.workflow import datasets, downloads, paths

CONTENT = np.random.default_rng(360).bytes(300_001)
HALF = 150_000
REST = {"Content_Range": f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT)}"}
NEW_YEAR = "Mon, 01 Jan 2024 00:00:00 GMT"


class Shop:
    """A loopback server of one file, which answers each request as told, and well once nothing is told.

    Attributes
    ----------
    replies : list of callable
        From (handler, bytes from which the file is asked for) to nothing; the first is taken away.
    ranges, conditions : list
        ``Range`` and ``If-Range`` of each request, None where there was none.
    sent : int
        Bytes of bodies sent in all.
    """

    def __init__(self):
        self.content, self.etag, self.replies = CONTENT, '"one"', []
        self.ranges, self.conditions, self.sent = [], [], 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked, condition = self.headers["Range"], self.headers["If-Range"]
                shop.ranges.append(asked)
                shop.conditions.append(condition)
                fresh = condition in (None, shop.etag)
                begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and fresh else None
                (shop.replies.pop(0) if shop.replies else good)(self, begin)

            def answer(self, status, body=b"", cut=None, **headers):
                """`cut`: how many bytes of the body are sent before the connection closes."""
                self.send_response(status)
                defaults = {"Content_Length": len(body), "ETag": shop.etag}
                for name, value in (defaults | headers).items():
                    if value is not None:
                        self.send_header(name.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(body[:cut])
                shop.sent += len(body[:cut])

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.handle_error = lambda *_: None
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def good(handler, begin, cut=None, **headers):
    """What a well-made server answers."""
    if begin is None:
        handler.answer(200, CONTENT, cut=cut, **headers)
    else:
        place = {"Content_Range": f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"}
        handler.answer(206, CONTENT[begin:], cut=cut, **(place | headers))


def cut_after(n_bytes, **headers):
    return lambda handler, begin: good(handler, begin, cut=n_bytes, **headers)


def whole(body=CONTENT, **headers):
    """The whole of something, whatever was asked for."""
    return lambda handler, _: handler.answer(200, body, **headers)


def status(code, **headers):
    return lambda handler, _: handler.answer(code, **headers)


@pytest.fixture
def shop():
    shop = Shop()
    yield shop
    shop.close()


def described(url, content=CONTENT):
    return datasets.Dataset(
        name="Tiny",
        file="tiny.tar.gz",
        url=url,
        doi="10.1/tiny",
        size=len(content),
        md5=hashlib.md5(content).hexdigest(),
        licence="Anything goes",
        citation="Nobody (2000)",
    )


@pytest.fixture
def tiny(shop):
    return described(f"{shop.address}/tiny.tar.gz?download=1")


def fetch(dataset, folder):
    """As `downloads.fetch`, without waiting; returns what was waited for too."""
    waits = []
    return downloads.fetch(dataset, folder, sleep=waits.append), waits


def fails(dataset, folder, match):
    """That fetching fails, and leaves nothing under the final name."""
    with pytest.raises(downloads.DatasetError, match=match) as caught:
        fetch(dataset, folder)
    assert not (folder / dataset.file).exists()
    return str(caught.value)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def interrupt(n_bytes):
    """Pieces of a response that end in Ctrl-C."""

    def pieces(response, host):
        yield response.raw.read(n_bytes)
        raise KeyboardInterrupt

    return pieces


# What goes well


def test_a_file_is_fetched_once_and_lies_alone_under_its_name(shop, tiny, tmp_path):
    path, waits = fetch(tiny, tmp_path / "not/there/yet")
    assert path.read_bytes() == CONTENT
    assert fetch(tiny, path.parent) == (path, [])
    assert names_in(path.parent) == ["tiny.tar.gz"]
    assert (shop.ranges, waits) == ([None], [])


def test_without_a_folder_it_goes_to_the_downloads(shop, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path))
    assert downloads.fetch(tiny) == paths.downloads() / "tiny.tar.gz"


def test_after_a_cut_only_the_rest_is_asked_for(shop, tiny, tmp_path):
    shop.replies = [cut_after(HALF)]
    path, waits = fetch(tiny, tmp_path)
    assert path.read_bytes() == CONTENT
    assert shop.ranges == [None, f"bytes={HALF}-"]
    assert shop.conditions == [None, '"one"']
    assert shop.sent == len(CONTENT)  # nothing twice
    assert waits == [1]
    assert names_in(tmp_path) == ["tiny.tar.gz"]


def test_a_connection_that_breaks_often_is_worth_many_attempts(shop, tiny, tmp_path):
    shop.replies = [cut_after(20_000)] * 14
    path, waits = fetch(tiny, tmp_path)
    assert path.read_bytes() == CONTENT
    assert shop.ranges[1:4] == ["bytes=20000-", "bytes=40000-", "bytes=60000-"]
    assert shop.sent == len(CONTENT)
    assert len(waits) == 14 > downloads.ATTEMPTS


def test_the_next_run_goes_on_where_an_interrupted_one_stopped(shop, tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(downloads, "_pieces", interrupt(HALF))
        with pytest.raises(KeyboardInterrupt):
            fetch(tiny, tmp_path)
    assert names_in(tmp_path) == ["tiny.tar.gz.part", "tiny.tar.gz.part.json"]
    assert (tmp_path / "tiny.tar.gz.part").read_bytes() == CONTENT[:HALF]
    path, _ = fetch(tiny, tmp_path)
    assert path.read_bytes() == CONTENT
    assert shop.ranges == [None, f"bytes={HALF}-"]


def test_an_interruption_while_verifying_costs_nothing(shop, tiny, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(downloads.pooch.hashes, "file_hash", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(tiny, tmp_path)
    assert names_in(tmp_path) == ["tiny.tar.gz.part", "tiny.tar.gz.part.json"]
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert len(shop.ranges) == 1


def test_a_file_system_without_hard_links_will_do(tiny, tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError("no hard links here")

    monkeypatch.setattr(os, "link", unsupported)
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert names_in(tmp_path) == ["tiny.tar.gz"]


# Hosts that cannot, or will not, go on where one was


@pytest.mark.parametrize(
    "second",
    [
        whole(),  # knows no ranges
        status(416),
        lambda handler, _: handler.answer(416, bytes(len(CONTENT) - HALF), **REST),
        status(206, Content_Range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"),
        status(206, Content_Range=f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT) + 7}"),
        status(206, Content_Range="bytes half of it"),
        status(206),
        lambda handler, _: handler.answer(206, bytes(len(CONTENT) - HALF), **REST, ETag='"other"'),
    ],
    ids=["200", "416", "416 with a body", "from 0", "other size", "gibberish", "no range", "other ETag"],
)
def test_what_is_not_the_rest_of_the_same_file_is_never_appended(shop, tiny, tmp_path, second):
    shop.replies = [cut_after(HALF), second]
    path, _ = fetch(tiny, tmp_path)
    assert path.read_bytes() == CONTENT
    assert shop.ranges[:2] == [None, f"bytes={HALF}-"]
    assert shop.ranges[2:] in ([], [None])  # started over


def test_a_piece_that_nobody_asked_for_is_not_taken(shop, tiny, tmp_path):
    shop.replies = [lambda handler, _: good(handler, 0)]
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert shop.ranges == [None, None]


def test_a_file_that_changed_in_between_is_fetched_from_its_beginning(shop, tiny, tmp_path):
    def changes(handler, begin):
        handler.answer(200, bytes(len(CONTENT)), cut=HALF)
        shop.etag = '"two"'

    shop.replies = [changes]
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert shop.ranges == [None, f"bytes={HALF}-"]
    assert shop.conditions == [None, '"one"']


@pytest.mark.parametrize(
    ("headers", "condition"),
    [
        ({"ETag": 'W/"weak"', "Last_Modified": NEW_YEAR}, NEW_YEAR),
        ({"ETag": None}, None),
    ],
)  # fmt: skip
def test_a_date_takes_the_place_of_a_weak_etag_and_the_size_that_of_both(
    shop, tiny, tmp_path, headers, condition
):
    shop.etag = condition
    shop.replies = [cut_after(HALF, **headers), lambda handler, begin: good(handler, begin, **headers)]
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert shop.conditions == [None, condition]
    assert shop.ranges[1] == f"bytes={HALF}-"


@pytest.mark.parametrize(
    "damage", ["unknown", "other data set", "too long", "note is no JSON", "note is a list"]
)
def test_a_part_of_nobody_knows_what_is_not_gone_on_from(shop, tiny, tmp_path, damage):
    part, note = tmp_path / "tiny.tar.gz.part", tmp_path / "tiny.tar.gz.part.json"
    shop.replies = [cut_after(HALF), status(404)]
    fails(tiny, tmp_path, "HTTP 404")
    if damage == "unknown":
        note.unlink()
    elif damage == "too long":
        part.write_bytes(CONTENT + b"?")
    elif damage == "other data set":
        part.write_bytes(b"of the data set before")
        note.write_text(note.read_text().replace(tiny.md5, "0" * 32))
    else:
        note.write_text("[]" if "list" in damage else "{")
    shop.ranges.clear()
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert shop.ranges == [None]


def test_the_page_of_a_proxy_is_nothing_to_go_on_from(shop, tiny, tmp_path):
    shop.replies = [whole(b"<html>please log in</html>", Content_Length=None)]
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert shop.ranges == [None, None]


# Faults


def test_faults_that_pass_are_waited_for(shop, tiny, tmp_path):
    shop.replies = [status(503), status(429, Retry_After="7"), status(500, Retry_After="86400")]
    path, waits = fetch(tiny, tmp_path)
    assert path.read_bytes() == CONTENT
    assert waits == [1, 7, downloads.LONGEST_WAIT]


@pytest.mark.parametrize(("code", "attempts"), [(403, 1), (404, 1), (204, 1), (503, downloads.ATTEMPTS)])
def test_a_refusal_says_what_to_fetch_by_hand_from_where_and_to_where(shop, tiny, tmp_path, code, attempts):
    shop.replies = [status(code)] * attempts
    message = fails(tiny, tmp_path, f"HTTP {code}")
    for told in (
        tiny.file,
        str(tiny.size),
        tiny.md5,
        tiny.url,
        "https://doi.org/10.1/tiny",
        str(tmp_path / tiny.file),
    ):
        assert told in message
    assert "kept" not in message
    assert len(shop.ranges) == attempts


def test_without_a_network_the_message_says_what_to_fetch_by_hand(tmp_path):
    shop = Shop()
    shop.close()  # nobody listens there any more
    tiny = described(f"{shop.address}/tiny.tar.gz")
    message = fails(tiny, tmp_path, r"127\.0\.0\.1 did not answer \(ConnectionError\)")
    assert tiny.md5 in message and tiny.url in message and str(tmp_path / tiny.file) in message


def test_what_came_before_the_network_went_is_kept(shop, tiny, tmp_path):
    shop.replies = [cut_after(HALF), *[status(502)] * downloads.ATTEMPTS]
    assert "150,000 bytes are kept as tiny.tar.gz.part" in fails(tiny, tmp_path, "HTTP 502")
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert shop.ranges[-1] == f"bytes={HALF}-"


def test_a_host_that_knows_no_ranges_and_always_breaks_off_is_given_up(shop, tiny, tmp_path):
    shop.replies = [
        lambda handler, _, cut=cut: handler.answer(200, CONTENT, cut=cut) for cut in [HALF, 20_000] * 10
    ]
    fails(tiny, tmp_path, "broke|stopped after")
    assert len(shop.ranges) == 1 + downloads.ATTEMPTS  # the first one brought something


def test_another_content_of_the_same_size_is_removed(shop, tiny, tmp_path):
    wrong = bytes(len(CONTENT))
    shop.replies = [whole(wrong)]
    message = fails(tiny, tmp_path, "starts over")
    assert hashlib.md5(wrong).hexdigest() in message and tiny.md5 in message
    assert names_in(tmp_path) == []
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT


def test_a_file_of_another_size_is_not_even_begun(shop, tiny, tmp_path):
    shop.replies = [whole(CONTENT + b"more")]
    fails(tiny, tmp_path, "offers 300005 bytes, expected were 300001")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("begun", [False, True])
def test_more_than_the_expected_bytes_are_not_taken(shop, tiny, tmp_path, begun):
    endless = 100 * CONTENT
    if begun:
        shop.replies = [cut_after(HALF), lambda handler, _: handler.answer(206, endless, **REST)]
    else:
        shop.replies = [whole(endless, Content_Length=None)]
    fails(tiny, tmp_path, "sent more than the expected 300001 bytes")
    assert names_in(tmp_path) == []
    assert shop.sent <= HALF  # the connection was closed long before the end


def test_fewer_than_the_expected_bytes_are_no_file(shop, tiny, tmp_path):
    shop.replies = [whole(CONTENT[:-1], Content_Length=None)] * 10
    fails(tiny, tmp_path, "stopped after 300000 of 300001 bytes")


def test_a_drip_is_not_waited_for(shop, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "GRACE", 0.0)
    monkeypatch.setattr(downloads, "SLOWEST", 1e15)
    shop.replies = [cut_after(100)] * 10
    fails(tiny, tmp_path, "bytes in 0 s")


def test_a_disk_too_small_is_told_before_anything_is_asked(shop, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000}))
    fails(tiny, tmp_path, "1,000 bytes free, 300,001 are needed")
    assert shop.ranges == []


# Where it may lead


def test_a_redirection_on_the_same_host_is_followed(shop, tiny, tmp_path):
    shop.replies = [status(302, Location="/elsewhere")]
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert len(shop.ranges) == 2


@pytest.mark.parametrize(
    "location",
    ["http://example.org/tiny.tar.gz", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://[", "//:0/"],
)
def test_a_redirection_to_anything_but_https_is_not_followed(shop, tiny, tmp_path, location):
    shop.replies = [status(302, Location=location)] * 10
    fails(tiny, tmp_path, "led to no https address")


def test_a_redirection_to_another_server_is_not_followed_without_https(shop, tiny, tmp_path):
    other = Shop()
    try:
        shop.replies = [status(302, Location=f"{other.address}/tiny.tar.gz")]
        fails(tiny, tmp_path, "led to no https address")
        assert other.ranges == []
    finally:
        other.close()


def test_redirections_in_circles_end(shop, tiny, tmp_path):
    shop.replies = [status(302, Location="/round")] * 50
    fails(tiny, tmp_path, "in circles")
    assert len(shop.ranges) == 1 + downloads.REDIRECTIONS


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://127.0.0.1/x", "nonsense"])
def test_a_data_set_comes_by_https_only(tmp_path, url):
    fails(described(url), tmp_path, "led to no https address")


# Files that a person put there


def test_the_right_file_put_there_by_hand_is_taken(shop, tiny, tmp_path):
    (tmp_path / tiny.file).write_bytes(CONTENT)
    (tmp_path / f"{tiny.file}.part").write_bytes(b"no longer needed")
    assert fetch(tiny, tmp_path) == (tmp_path / tiny.file, [])
    assert names_in(tmp_path) == [tiny.file]
    assert shop.ranges == []


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (CONTENT[:-1], "300000 bytes, expected were 300001"),
        (bytes(len(CONTENT)), "MD5 is [0-9a-f]{32}, expected was"),
    ],
)
def test_a_wrong_file_put_there_by_hand_is_named_and_left_alone(shop, tiny, tmp_path, content, got):
    path = tmp_path / tiny.file
    path.write_bytes(content)
    with pytest.raises(downloads.DatasetError, match=f"{path} .*{got}.* Remove it, .* or put the right file"):
        fetch(tiny, tmp_path)
    assert path.read_bytes() == content
    assert shop.ranges == []


def test_a_folder_in_the_place_of_the_file_is_named(tiny, tmp_path):
    (tmp_path / tiny.file).mkdir()
    with pytest.raises(downloads.DatasetError, match="is not a file"):
        fetch(tiny, tmp_path)


# How it shows


@pytest.fixture
def bars(monkeypatch):
    """Bars are shown, whatever the environment says."""
    monkeypatch.setattr(downloads, "tqdm", functools.partial(downloads.tqdm, disable=False))


@pytest.mark.usefixtures("bars")
def test_the_bar_begins_at_what_is_there(shop, tiny, tmp_path, capsys):
    shop.replies = [cut_after(HALF), status(404)]
    fails(tiny, tmp_path, "404")
    capsys.readouterr()
    fetch(tiny, tmp_path)
    shown = capsys.readouterr().err
    assert re.search(r"tiny\.tar\.gz:  50%", shown)
    assert "100%" in shown and "300k/300k" in shown


def test_no_bar_is_shown_where_bars_are_off(shop, tiny, tmp_path):
    code = (
        f"from lib.workflow import datasets, downloads\ndownloads.fetch(datasets.{tiny!r}, {str(tmp_path)!r})"
    )
    environment = os.environ | {"TQDM_DISABLE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=paths.root(), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / tiny.file).read_bytes() == CONTENT


@pytest.mark.usefixtures("bars")
def test_the_bar_of_a_download_that_starts_over_ends_at_the_end(shop, tiny, tmp_path, capsys):
    shop.replies = [cut_after(HALF), whole()]
    fetch(tiny, tmp_path)
    assert "300k/300k" in capsys.readouterr().err


def test_a_second_run_is_kept_out(shop, tiny, tmp_path):
    told = []

    def at_the_same_time(handler, begin):
        try:
            fetch(tiny, tmp_path)
        except downloads.DatasetError as error:
            told.append(str(error))
        good(handler, begin)

    shop.replies = [at_the_same_time]
    assert fetch(tiny, tmp_path)[0].read_bytes() == CONTENT
    assert told == [f"Another run is fetching into {tmp_path}. Wait for it, or stop it."]


def test_the_terms_name_licence_and_citation():
    shown = datasets.terms(datasets.LASTFM_360K)
    assert "Non-commercial" in shown
    assert "Celma" in shown and "2010" in shown
    assert "https://doi.org/10.5281/zenodo.6090214" in shown


def test_the_published_data_sets_are_described_in_full():
    published = [each for each in vars(datasets).values() if isinstance(each, datasets.Dataset)]
    assert datasets.LASTFM_360K in published
    assert datasets.LASTFM_2K in published
    assert datasets.MERGE_AUDIO in published
    for each in published:
        unknown = {"size", "md5"} if each.md5 is None else set()
        unknown |= {"record"} if each.sha256 else {"sha256"}
        unknown |= set() if each in datasets.LISTENING.values() else {"otherwise"}
        assert {key for key, value in dataclasses.asdict(each).items() if not value} == unknown
        assert each.url.startswith(f"{each.host}/") and each.file in each.url
        assert each.host.startswith("https://")
        if each.record:
            assert each.record.startswith("https://") and each.doi.rpartition(".")[2] in each.record


def test_another_host_stands_in_for_a_data_set_without_a_record_and_gives_one():
    assert datasets.LASTFM_2K.at(datasets.ZENODO) is datasets.LASTFM_2K  # where the others come from
    assert datasets.LASTFM_2K.at(datasets.GROUPLENS) is datasets.LASTFM_2K
    small = datasets.LASTFM_2K.at("http://127.0.0.1:2/")
    assert small.url == "http://127.0.0.1:2/datasets/hetrec2011/hetrec2011-lastfm-2k.zip"
    assert small.record == f"{small.url}.json"
    assert (small.size, small.checksum) == (None, ("md5", None))


# Data sets of which only a SHA-256 is known


def by_sha256(dataset, content=CONTENT):
    return dataclasses.replace(dataset, size=None, md5=None, sha256=hashlib.sha256(content).hexdigest())


def test_where_only_a_sha256_is_known_the_host_tells_the_size_and_the_file_is_compared(shop, tiny, tmp_path):
    path, _ = fetch(by_sha256(tiny), tmp_path)
    assert path.read_bytes() == CONTENT
    assert names_in(tmp_path) == [tiny.file]
    shop.close()
    assert fetch(by_sha256(tiny), tmp_path)[0] == path  # nobody is asked for a file that is there


def test_an_interrupted_download_of_a_size_that_the_host_tells_goes_on(shop, tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(downloads, "_pieces", interrupt(HALF))
        fetch(by_sha256(tiny), tmp_path)
    assert fetch(by_sha256(tiny), tmp_path)[0].read_bytes() == CONTENT
    assert shop.ranges[-1] == f"bytes={HALF}-"


def test_a_file_of_another_sha256_is_named_and_what_else_to_do(shop, tiny, tmp_path):
    other = dataclasses.replace(by_sha256(tiny, b"other"), otherwise="Or trust a copy.")
    message = fails(other, tmp_path, "what was sent is not the published Tiny")
    assert other.sha256 in message and hashlib.sha256(CONTENT).hexdigest() in message
    (tmp_path / tiny.file).write_bytes(CONTENT)
    with pytest.raises(downloads.DatasetError, match="its SHA-256 is .*, expected was .*Remove it") as caught:
        fetch(other, tmp_path)
    assert str(caught.value).endswith("then give the same command again\nOr trust a copy.")
    assert (tmp_path / tiny.file).read_bytes() == CONTENT


def test_a_host_that_does_not_tell_the_size_is_named_with_what_to_do_by_hand(shop, tiny, tmp_path):
    shop.replies = [lambda handler, begin: handler.answer(200, CONTENT, Content_Length=None)]
    message = fails(by_sha256(tiny), tmp_path, "127.0.0.1 does not say how large the file is")
    assert f"fetch {tiny.file} (SHA-256 {hashlib.sha256(CONTENT).hexdigest()})" in message


# Data sets whose size and checksum only their record knows

RECORD, FILE = "/api/records/1", "/records/1/files/tiny.tar.gz"
NOTE = "tiny.tar.gz.record.json"
ENTRY = {"key": "tiny.tar.gz", "size": len(CONTENT), "checksum": f"md5:{hashlib.md5(CONTENT).hexdigest()}"}
TOLD = {"id": 1, "files": [{"key": "other.zip", "size": 1, "checksum": "md5:0"}, ENTRY]}


@pytest.fixture
def zenodo():
    with HostileServer() as server:
        server.script = {RECORD: [reply(TOLD)], FILE: [reply(CONTENT)]}
        yield server


@pytest.fixture
def unknown(zenodo):
    there = f"{datasets.ZENODO}{FILE}?download=1"
    record = f"{datasets.ZENODO}{RECORD}"
    return dataclasses.replace(described(there), size=None, md5=None, record=record).at(zenodo.address)


def test_the_record_tells_what_is_not_known_and_is_asked_no_second_time(zenodo, unknown, tmp_path):
    path, waits = fetch(unknown, tmp_path)
    assert path.read_bytes() == CONTENT and waits == []
    assert names_in(tmp_path) == ["tiny.tar.gz", NOTE]
    assert zenodo.paths == [RECORD, f"{FILE}?download=1"]
    zenodo.script = {}
    assert fetch(unknown, tmp_path)[0] == path
    assert len(zenodo.requests) == 2


def test_a_file_put_there_by_hand_is_compared_with_its_record(zenodo, unknown, tmp_path):
    (tmp_path / "tiny.tar.gz").write_bytes(CONTENT)
    assert fetch(unknown, tmp_path)[0].read_bytes() == CONTENT
    (tmp_path / "tiny.tar.gz").write_bytes(CONTENT[:-1])
    with pytest.raises(downloads.DatasetError, match="300000 bytes, expected were 300001"):
        fetch(unknown, tmp_path)
    assert zenodo.paths == [RECORD]


def test_a_file_put_there_by_hand_without_network_or_record_is_not_believed(zenodo, unknown, tmp_path):
    zenodo.script = {}
    (tmp_path / "tiny.tar.gz").write_bytes(CONTENT)
    with pytest.raises(
        downloads.DatasetError, match=f"could not be verified: its size and MD5.*{NOTE}.*HTTP 404"
    ):
        fetch(unknown, tmp_path)
    assert names_in(tmp_path) == ["tiny.tar.gz"]


def test_what_a_record_said_before_a_failed_download_is_enough_by_hand(zenodo, unknown, tmp_path):
    zenodo.script[FILE] = [reply(status=403)]
    assert ENTRY["checksum"].removeprefix("md5:") in fails(unknown, tmp_path, "HTTP 403")
    zenodo.script = {}
    assert str(len(CONTENT)) in fails(unknown, tmp_path, "HTTP 404")  # from the record that was kept
    (tmp_path / "tiny.tar.gz").write_bytes(CONTENT)
    assert fetch(unknown, tmp_path)[0].read_bytes() == CONTENT


@pytest.mark.parametrize("kept", ["{", "[]", '{"record": "another"}', "size", "md5", "neither"])
def test_a_kept_record_that_is_damaged_or_of_another_file_is_asked_for_again(zenodo, unknown, tmp_path, kept):
    fetch(unknown, tmp_path)
    if kept in ("size", "md5"):
        kept = json.dumps(json.loads((tmp_path / NOTE).read_text()) | {kept: "none"})
    elif kept == "neither":
        kept = json.dumps(json.loads((tmp_path / NOTE).read_text()) | {"size": None, "md5": None})
    (tmp_path / NOTE).write_text(kept)
    fetch(unknown, tmp_path)
    assert zenodo.paths.count(RECORD) == 2


@pytest.mark.parametrize(
    "first", [reply(status=503), reply(b"<html>"), reply(b"[1]"), reply(b'{"files": 1}'), cut_short(b"{")]
)
def test_faults_of_the_record_that_pass_are_waited_for(zenodo, unknown, tmp_path, first):
    zenodo.script[RECORD] = [first, reply(TOLD)]
    path, waits = fetch(unknown, tmp_path)
    assert path.read_bytes() == CONTENT and len(waits) == 1


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ([], "has 0 files tiny.tar.gz"),
        ([ENTRY, ENTRY], "has 2 files tiny.tar.gz"),
        ([ENTRY | {"checksum": "sha256:00"}], "checksum by 'sha256'"),
        ([ENTRY | {"checksum": None}], "has no size and MD5"),
        ([ENTRY | {"checksum": "md5:../x"}], "MD5 '../x'"),
        ([ENTRY | {"size": "300001"}], "size '300001'"),
        ([ENTRY | {"size": True}], "size True"),
        ([ENTRY | {"size": -1}], "size -1"),
        ([{"key": "tiny.tar.gz"}], "KeyError"),
    ],
)
def test_a_record_that_does_not_tell_is_named(zenodo, unknown, tmp_path, entries, match):
    zenodo.script[RECORD] = [reply({"files": entries})]
    message = fails(unknown, tmp_path, match)
    assert "By hand: fetch tiny.tar.gz\n" in message and f"{zenodo.address}{RECORD}" in message
    assert names_in(tmp_path) == []
    assert zenodo.paths == [RECORD]


def test_a_record_without_end_and_one_that_drips_are_not_waited_for(zenodo, unknown, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "RECORD_BYTES", 1_000)
    zenodo.script[RECORD] = [reply(bytes(2_000))]
    fails(unknown, tmp_path, "more than 1,000 bytes for a record")
    monkeypatch.setattr(downloads, "GRACE", 0.1)
    zenodo.script[RECORD] = [lambda _: drip(bytes(20))]
    fails(unknown, tmp_path, "took more than 0 s")


def test_a_record_is_asked_by_https_only(unknown, tmp_path):
    fails(dataclasses.replace(unknown, record="http://example.org/x"), tmp_path, "led to no https address")


def test_a_data_set_has_size_and_checksum_or_a_record():
    with pytest.raises(ValueError, match="Tiny: expected both size and md5, or neither of them and a record"):
        dataclasses.replace(described("https://x"), md5=None)
    with pytest.raises(ValueError, match="and a record"):
        dataclasses.replace(described("https://x"), md5=None, size=None)
    with pytest.raises(ValueError, match="SHA-256 'abc'"):
        dataclasses.replace(described("https://x"), md5=None, size=None, sha256="abc")


def test_another_host_stands_in_for_all_addresses_of_a_data_set():
    moved = datasets.MERGE_AUDIO.at("http://127.0.0.1:8000/")
    assert moved.record == "http://127.0.0.1:8000/api/records/13939205"
    assert moved.url.startswith("http://127.0.0.1:8000/records/13939205/files/MERGE_Audio_Complete.zip")
    assert datasets.MERGE_AUDIO.at(datasets.ZENODO) == datasets.MERGE_AUDIO
