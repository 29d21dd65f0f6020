"""Data sets are downloaded once, resumed after an interruption, and verified before anything is read.

Conventions
-----------
Sizes are in bytes, times in seconds. pooch downloads, verifies, and gives the file its name; its downloader
here resumes. Until then the file is called ``NAME.part``, and ``NAME.part.json`` says what it is a part of.
Under its own name there is only a file that was verified, or one that a person put there. What a publisher's
record says is kept as ``NAME.record.json``, so that a later run needs no network. Where only a SHA-256 is
known, the host is asked how large the file is. Only https; plain http only
on the loopback, for the tests.
"""

import contextlib
import json
import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
import urllib3
from tqdm import tqdm  # not tqdm.auto: the door shows what a kernel writes to standard error

from lib.workflow import artifacts, datasets, paths

ATTEMPTS = 5  # in a row that brought less than a hundredth of the file
CONNECT, SILENCE = 10.0, 30.0  # seconds: to connect, between two pieces
GRACE, SLOWEST = 60.0, 1_000.0  # after so many seconds an attempt must have brought so many bytes a second
LONGEST_WAIT = 60.0  # seconds, whatever the host asks for
REDIRECTIONS = 5
LOOPBACK = ("127.0.0.1", "localhost", "::1")
AGENT = "music-similarity/1.0"
RECORD_BYTES = 4_000_000  # cap on what a record may say
DAMAGED = (OSError, ValueError, LookupError, TypeError)  # what reading JSON of another shape raises


class DatasetError(OSError):
    """A data set that could not be fetched, or a file that is not the published one."""


class _Refused(Exception):
    """Another attempt would not help."""


class _Passing(_Refused):
    """A fault that may pass: worth another attempt, after `wait` seconds if the host names them."""

    def __init__(self, message, wait=None):
        super().__init__(message)
        self.wait = wait


def fetch(dataset, folder=None, *, sleep=time.sleep):
    """The verified file of a data set, which is downloaded if it is not there yet.

    After an interruption, the next call continues the download. A file that a person put there is never
    replaced.

    Parameters
    ----------
    dataset : lib.workflow.datasets.Dataset
    folder : path, optional
        Where the file is, or is to be (default `lib.workflow.paths.downloads`).
    sleep : callable
        For tests.

    Returns
    -------
    Path

    Raises
    ------
    DatasetError
        If there is no such file in the end. The message says how to fetch it by hand.

    Examples
    --------
    >>> import hashlib, tempfile
    >>> from lib.workflow.datasets import Dataset
    >>> folder, md5 = Path(tempfile.mkdtemp()), hashlib.md5(b"plays").hexdigest()
    >>> toy = Dataset("Toy", "toy.txt", "https://example.org/toy.txt", "10.0/0", 5, md5, "CC0", "Nobody")
    >>> size = (folder / "toy.txt").write_bytes(b"plays")  # put there by hand, so it is only verified
    >>> fetch(toy, folder).name
    'toy.txt'
    """
    target = Path(folder or paths.downloads()).expanduser().absolute() / dataset.file
    if dataset.checksum[1] is None:
        dataset = _completed(dataset, target, sleep)
    elif dataset.size is None and not target.exists():
        dataset = _measured(dataset, target, sleep)
    busy = DatasetError(f"Another run is fetching into {target.parent}. Wait for it, or stop it.")
    with artifacts.locked(target.parent, busy):
        download = _Download(dataset, target, sleep)
        if target.exists():
            _verify(dataset, target)
        else:
            _retrieve(dataset, target, download)
        download.discard()
    return target


def _verify(dataset, target):
    """Compare a file that is there with the published one."""
    objection, (method, wanted) = "", dataset.checksum
    if not target.is_file():
        objection = "it is not a file"
    elif (size := target.stat().st_size) != (dataset.size or size):
        objection = f"it has {size} bytes, expected were {dataset.size}"
    elif (value := pooch.file_hash(target, alg=method)) != wanted:
        objection = f"its {datasets.NAMES[method]} is {value}, expected was {wanted}"
    if objection:
        advice = "Remove it, and the next run fetches it; or put the right file in its place."
        raise _error(dataset, target, f"{target} is not the published {dataset.name}: {objection}. {advice}")


def _retrieve(dataset, target, download):
    """Let pooch download, verify, and give the file its name."""
    pooch.get_logger().setLevel("WARNING")  # the bar is enough
    try:
        checksum = ":".join(dataset.checksum)
        pooch.retrieve(dataset.url, checksum, target.name, target.parent, downloader=download)
    except _Refused as fault:
        kept = f"\n{download.have:,} bytes are kept as {download.part.name}; the next run goes on from there."
        what = f"{dataset.file} could not be fetched: {fault}."
        raise _error(dataset, target, what, kept if download.have else "") from fault
    except ValueError as fault:  # pooch's, of a wrong checksum; its first sentence names both
        download.discard()
        what = f"what was sent is not the published {dataset.name}: {str(fault).partition('. ')[0]}."
        raise _error(dataset, target, f"{what} It was removed; the next run starts over.") from fault


class _Download:
    """Downloader for pooch that continues the part which an earlier attempt, or an earlier run, left."""

    def __init__(self, dataset, target, sleep):
        self.dataset, self.host, self._sleep = dataset, _host(dataset.url), sleep
        self.part = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")

    def __call__(self, url, output_file, _):
        size, missing = self.dataset.size, self.dataset.size - self.have
        if missing and (free := shutil.disk_usage(self.part.parent).free) < missing:
            raise _Refused(f"{self.part.parent} has {free:,} bytes free, {missing:,} are needed")
        scale = {"unit": "B", "unit_scale": True, "desc": self.dataset.file}
        with _session(url) as session, tqdm(total=size, initial=self.have, **scale) as bar:
            _patiently(lambda: self._attempt(session, bar), self._sleep, lambda: 100 * self.have // size)
        os.unlink(output_file)  # pooch's, and empty
        try:
            os.link(self.part, output_file)  # an interruption while pooch verifies leaves the part
        except OSError:  # a file system without hard links
            os.replace(self.part, output_file)

    @property
    def have(self):
        """Bytes from which to continue."""
        return self._begun()[0]

    def discard(self):
        """Remove the part and its note."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _attempt(self, session, bar):
        """Request what is missing and append it."""
        (have, validator), size = self._begun(), self.dataset.size
        if have == size:
            return
        headers = {"Range": f"bytes={have}-", "If-Range": validator or None} if have else {}
        with _get(session, self.dataset.url, headers) as response:
            bar.n = bar.last_print_n = first = have = self._begin(response, have, validator)
            began = time.monotonic()
            with self.part.open("ab") as file:
                for piece in _pieces(response, self.host):
                    have, took = have + len(piece), time.monotonic() - began
                    if have > size:
                        self.discard()
                        raise _Refused(f"{self.host} sent more than the expected {size} bytes")
                    file.write(piece)
                    bar.update(len(piece))
                    if took > GRACE and have - first < SLOWEST * took:
                        raise _Passing(f"{self.host} sent {have - first:,} bytes in {took:.0f} s")
        if have < size:
            raise _Passing(f"{self.host} stopped after {have} of {size} bytes")

    def _begin(self, response, have, earlier):
        """Bytes after which the response continues: `have` if it is the rest of the same file, else 0."""
        headers, size = response.headers, self.dataset.size
        etag, announced = headers.get("ETag") or "W/", headers.get("Content-Length")
        validator = headers.get("Last-Modified") if etag.startswith("W/") else etag  # no weak one: RFC 9110
        place = re.fullmatch(rf"bytes {have}-\d+/({size}|\*)", headers.get("Content-Range", ""))
        changed = earlier and validator and earlier != validator
        if have and response.status_code == 206 and place and not changed:
            return have
        if response.status_code == 200 and announced not in (None, str(size)):
            raise _Refused(f"{self.host} offers {announced} bytes, expected were {size}")
        self.discard()
        if response.status_code != 200:
            raise _Passing(f"{self.host} did not answer with the requested piece of the file")
        if announced:  # else it may be the page of a proxy, and nothing to continue
            note = dict([self.dataset.checksum], size=size, validator=validator)
            artifacts.write_json(note, self._note)
        return 0

    def _begun(self):
        """Bytes from which to continue, and their validator; 0 where the part is of another file."""
        with contextlib.suppress(*DAMAGED):
            note, have = json.loads(self._note.read_text(encoding="utf-8")), self.part.stat().st_size
            method, value = self.dataset.checksum
            if (note[method], note["size"]) == (value, self.dataset.size) and have <= note["size"]:
                return have, note["validator"]
        return 0, None


def _completed(dataset, target, sleep):
    """The data set with the size and MD5 of its record, or of the record that an earlier run kept."""
    note, earlier = target.with_name(f"{target.name}.record.json"), None
    with contextlib.suppress(*DAMAGED):
        kept = json.loads(note.read_text(encoding="utf-8"))
        if (kept["record"], kept["file"]) == (dataset.record, dataset.file) and kept["md5"]:
            earlier = replace(dataset, size=kept["size"], md5=kept["md5"])
    if earlier and target.exists():
        return earlier
    try:
        with _session(dataset.record) as session:
            completed = _patiently(lambda: _published(dataset, session), sleep)
    except _Refused as fault:
        if earlier:
            return earlier
        what = (
            f"{dataset.file} could not be {'verified' if target.exists() else 'fetched'}: its size and MD5,"
        )
        why = f"which {note.name} keeps, are missing, and {dataset.record} did not give them: {fault}."
        raise _error(dataset, target, f"{what} {why}") from fault
    artifacts.write_json({key: getattr(completed, key) for key in ("record", "file", "size", "md5")}, note)
    return completed


def _measured(dataset, target, sleep):
    """The data set with the size that its host announces."""

    def announced():
        with _get(session, dataset.url, {}) as response:
            length = response.headers.get("Content-Length", "")
        if not (length.isdecimal() and int(length)):
            raise _Refused(f"{_host(dataset.url)} does not say how large the file is")
        return int(length)

    try:
        with _session(dataset.url) as session:
            return replace(dataset, size=_patiently(announced, sleep))
    except _Refused as fault:
        raise _error(dataset, target, f"{dataset.file} could not be fetched: {fault}.") from fault


def _published(dataset, session):
    """The data set with what its record says: ``files[]{key, size, checksum: "md5:..."}``."""
    host, began, body = _host(dataset.record), time.monotonic(), bytearray()
    with _get(session, dataset.record, {"Accept": "application/json"}) as response:
        for piece in _pieces(response, host):
            body += piece
            if len(body) > RECORD_BYTES:
                raise _Refused(f"{host} sent more than {RECORD_BYTES:,} bytes for a record")
            if time.monotonic() - began > GRACE:
                raise _Passing(f"{host} took more than {GRACE:.0f} s to send a record")
    try:
        entries = [entry for entry in json.loads(body)["files"] if entry["key"] == dataset.file]
    except (*DAMAGED, RecursionError) as error:  # half of it, or a proxy's page
        raise _Passing(f"{host} sent {len(body)} bytes that are not the expected record") from error
    if len(entries) != 1:
        raise _Refused(f"{host} has {len(entries)} files {dataset.file} in this record")
    try:
        method, _, md5 = entries[0]["checksum"].partition(":")
        if method != "md5":
            raise ValueError(f"checksum by {method!r}")
        return replace(dataset, size=entries[0]["size"], md5=md5)
    except (*DAMAGED, AttributeError) as error:
        raise _Refused(f"{host} has no size and MD5 of {dataset.file} ({error!r})") from error


def _patiently(attempt, sleep, progress=lambda: 0):
    """Repeat an attempt until it succeeds, or `ATTEMPTS` in a row brought no progress beyond the best."""
    fruitless, best = 0, progress()
    while True:
        try:
            return attempt()
        except _Passing as fault:
            wait = min(2.0**fruitless if fault.wait is None else fault.wait, LONGEST_WAIT)
            fruitless = 0 if progress() > best else fruitless + 1
            best = max(best, progress())
            if fruitless >= ATTEMPTS:
                raise
            sleep(wait)


def _get(session, url, headers):
    """The response to a request, if it brings (a part of) the file."""
    host = _host(url)
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
    try:
        response = session.get(url, headers=headers, stream=True, timeout=(CONNECT, SILENCE))
    except (ValueError, requests.TooManyRedirects) as error:  # requests' words for bad addresses
        raise _Refused(f"{host} led to no https address, or in circles ({type(error).__name__})") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _Passing(f"{host} did not answer ({type(error).__name__})") from error
    status, pause = response.status_code, response.headers.get("Retry-After", "")
    if status in (200, 206, 416):
        return response
    response.close()
    if status in (408, 429) or status >= 500:
        raise _Passing(f"{host} answered HTTP {status}", float(pause) if pause.isdecimal() else None)
    raise _Refused(f"{host} refused (HTTP {status})")


def _pieces(response, host):
    """The bytes as they were sent, as they come."""
    try:
        while piece := response.raw.read1(65_536, decode_content=False):
            yield piece
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _Passing(f"the connection to {host} broke ({type(error).__name__})") from error


def _session(url):
    """Connections that know no other scheme than https, wherever a redirection leads."""
    session, parsed = requests.Session(), urlsplit(url)
    session.max_redirects = REDIRECTIONS
    session.adapters = {"https://": requests.adapters.HTTPAdapter()}
    if parsed.hostname in LOOPBACK:
        session.mount(f"http://{parsed.netloc}/", requests.adapters.HTTPAdapter())
        session.trust_env = False  # no proxy
    return session


def _error(dataset, target, what, kept=""):
    """A `DatasetError` that says what happened, and how to fetch the file by hand."""
    method, value = dataset.checksum
    expected = [f"{dataset.size} bytes"] if dataset.size else []
    expected += [f"{datasets.NAMES[method]} {value}"] if value else []
    with_size = f" ({', '.join(expected)})" if expected else ""
    return DatasetError(
        f"{what}\nBy hand: fetch {dataset.file}{with_size}\n"
        f"  from {dataset.url} (DOI {dataset.doi}, https://doi.org/{dataset.doi})\n"
        f"  and put it at {target}, then give the same command again{kept}"
        + (f"\n{dataset.otherwise}" if dataset.otherwise else "")
    )


def _host(url):
    return urlsplit(url).hostname
