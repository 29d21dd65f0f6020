"""The public data sets: fetched once, resumed after an interruption, verified before anything is read.

Conventions
-----------
Sizes are in bytes, times in seconds. A data set is one file with its size and MD5. Where they were not to be
had when this was written, the publisher's record is read before the file is fetched, and kept beside the file
as ``NAME.record.json``, so that a later run needs no network. pooch downloads, verifies, and gives the file
its name; its downloader here resumes. While it is being fetched the file is called ``NAME.part``, with
``NAME.part.json`` beside it: which file it is a part of. Under its own name there is only a file that was
verified, or one that a person put there. Only https; plain http only on the loopback, where the tests live.
"""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
import urllib3
from tqdm import tqdm  # not tqdm.auto: the door shows what a kernel writes to standard error

from lib.workflow import artifacts, paths

ATTEMPTS = 5  # in a row that brought less than a hundredth of the file
CONNECT, SILENCE = 10.0, 30.0  # seconds: to connect, between two pieces
GRACE, SLOWEST = 60.0, 1_000.0  # after so many seconds an attempt must have brought so many bytes a second
LONGEST_WAIT = 60.0  # seconds, whatever the host asks for
REDIRECTIONS = 5
LOOPBACK = ("127.0.0.1", "localhost", "::1")
AGENT = "music-similarity/1.0"
RECORD_BYTES = 4_000_000  # cap on what a record may say
ZENODO = "https://zenodo.org"


@dataclass(frozen=True)
class Dataset:
    """A published file, and what its publisher asks for.

    Attributes
    ----------
    name, file, url, doi, licence, citation : str
    size : int or None, bytes
    md5 : str or None
        None, as `size` then is, where the record is to tell them.
    record : str
        Address of the record, which answers in JSON.
    """

    name: str
    file: str
    url: str
    doi: str
    size: int | None
    md5: str | None
    licence: str
    citation: str
    record: str = ""

    def __post_init__(self):
        if (self.size is None) != (self.md5 is None) or (self.size is None and not self.record):
            raise ValueError(f"{self.name}: expected both size and md5, or neither of them and a record")

    @property
    def host(self):
        """Where the file comes from, for messages."""
        return urlsplit(self.url).hostname

    def at(self, address):
        """The same data set where another host stands in for Zenodo: its record says what its file is.

        Parameters
        ----------
        address : str
            Without a path, such as ``http://127.0.0.1:8000``.

        Returns
        -------
        Dataset
        """
        if address.rstrip("/") == ZENODO:
            return self
        moved = {
            key: getattr(self, key).replace(f"{ZENODO}/", f"{address.rstrip('/')}/", 1)
            for key in ("url", "record")
        }
        return dataclasses.replace(self, **moved, size=None, md5=None)


# Size and checksum are the published ones. The addresses follow the service's pattern; nothing here has been
# tried against the live service.
LASTFM_360K = Dataset(
    name="Last.fm-360K",
    file="lastfm-dataset-360K.tar.gz",
    url=f"{ZENODO}/records/6090214/files/lastfm-dataset-360K.tar.gz?download=1",
    doi="10.5281/zenodo.6090214",
    size=569_202_935,
    md5="635e6ed3fc873aa4ba33aba0ebce02b1",
    licence="Non-commercial use only",
    citation=(
        "Celma, Ò. (2010). Music Recommendation and Discovery: The Long Tail, Long Fail, and Long Play in the"
        " Digital Music Space. Springer."
    ),
    record=f"{ZENODO}/api/records/6090214",
)
# Size and checksum were not to be had when this was written; the licence is what those who use it state.
MERGE_AUDIO = Dataset(
    name="MERGE audio",
    file="MERGE_Audio_Complete.zip",
    url=f"{ZENODO}/records/13939205/files/MERGE_Audio_Complete.zip?download=1",
    doi="10.5281/zenodo.13939205",
    size=None,
    md5=None,
    licence="Creative Commons Attribution Non Commercial 4.0 International",
    citation=(
        "Louro, P. L., Redinho, H., Santos, R., Malheiro, R., Panda, R., & Paiva, R. P. (2024). MERGE dataset"
        " (version 1.1). Zenodo."
    ),
    record=f"{ZENODO}/api/records/13939205",
)


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

    After an interruption, call it again: it goes on where it was. A file that a person put there is taken if
    its size and checksum are the published ones, and never replaced. Where a data set does not have them, its
    record does; if the file is there, an earlier answer of the record will do.

    Parameters
    ----------
    dataset : Dataset
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
        If the file cannot be fetched, or what is there or came is not the published file. The message names
        what to fetch by hand, from where, and where to put it.
    """
    target = Path(folder or paths.downloads()).expanduser().absolute() / dataset.file
    if dataset.md5 is None:
        dataset = _completed(dataset, target, sleep)
    busy = DatasetError(f"Another run is fetching into {target.parent}. Wait for it, or stop it.")
    with artifacts.locked(target.parent, busy):
        download = _Download(dataset, target, sleep)
        if not target.exists():
            _retrieve(dataset, target, download)
        elif objection := _objection(target, dataset):
            raise DatasetError(
                f"{target} is not the published {dataset.name}: {objection}. Remove it, and the next run"
                f" fetches it; or put the right file in its place.\n{_by_hand(dataset, target)}"
            )
        download.discard()
    return target


def terms(*datasets):
    """What the publishers ask for, for reading before using the data.

    Parameters
    ----------
    *datasets : Dataset

    Returns
    -------
    str
        Three lines a data set: name and DOI, licence, citation.
    """
    return "\n".join(
        f"{each.name}, https://doi.org/{each.doi}\n  Licence: {each.licence}\n  Cite: {each.citation}"
        for each in datasets
    )


def _retrieve(dataset, target, download):
    """Let pooch download, verify, and give the file its name."""
    pooch.get_logger().setLevel("WARNING")  # the bar is enough
    try:
        pooch.retrieve(dataset.url, f"md5:{dataset.md5}", target.name, target.parent, downloader=download)
    except _Refused as fault:
        rest = f"\n{download.have:,} bytes are kept as {download.part.name}; the next run goes on from there."
        raise DatasetError(
            f"{dataset.file} could not be fetched: {fault}.\n{_by_hand(dataset, target)}"
            f"{rest if download.have else ''}"
        ) from fault
    except ValueError as fault:  # pooch's, of a wrong checksum; its first sentence names both
        download.discard()
        raise DatasetError(
            f"what {dataset.host} sent is not the published {dataset.name}: {str(fault).partition('. ')[0]}."
            f" It was removed; the next run starts over.\n{_by_hand(dataset, target)}"
        ) from fault


class _Download:
    """Downloader for pooch that goes on from the part which an earlier attempt, or an earlier run, left."""

    def __init__(self, dataset, target, sleep):
        self.dataset, self._sleep = dataset, sleep
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
        """Bytes from which to go on."""
        return self._begun()[0]

    def discard(self):
        """Remove the part and its note."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _attempt(self, session, bar):
        """Request what is missing and append it."""
        (have, validator), size, host = self._begun(), self.dataset.size, self.dataset.host
        if have == size:
            return
        headers = {"Range": f"bytes={have}-", "If-Range": validator or None} if have else {}
        with _get(session, self.dataset.url, headers) as response:
            bar.n = bar.last_print_n = first = have = self._begin(response, have, validator)
            began = time.monotonic()
            with self.part.open("ab") as file:
                for piece in _pieces(response, host):
                    have, took = have + len(piece), time.monotonic() - began
                    if have > size:
                        self.discard()
                        raise _Refused(f"{host} sent more than the expected {size} bytes")
                    file.write(piece)
                    bar.update(len(piece))
                    if took > GRACE and have - first < SLOWEST * took:
                        raise _Passing(f"{host} sent {have - first:,} bytes in {took:.0f} s")
        if have < size:
            raise _Passing(f"{host} stopped after {have} of {size} bytes")

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
            raise _Refused(f"{self.dataset.host} offers {announced} bytes, expected were {size}")
        self.discard()
        if response.status_code != 200:
            raise _Passing(f"{self.dataset.host} did not answer with the requested piece of the file")
        if announced:  # else it may be the page of a proxy, and nothing to go on from
            artifacts.write_json({"md5": self.dataset.md5, "size": size, "validator": validator}, self._note)
        return 0

    def _begun(self):
        """Bytes from which to go on, and their validator; 0 where the part is of another file, or of none."""
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # no note, or a damaged one
            note, have = json.loads(self._note.read_text(encoding="utf-8")), self.part.stat().st_size
            same = (note["md5"], note["size"]) == (self.dataset.md5, self.dataset.size)
            if same and have <= self.dataset.size:
                return have, note["validator"]
        return 0, None


def _completed(dataset, target, sleep):
    """The data set with the size and checksum of its record, or of an earlier answer of it."""
    note = target.with_name(f"{target.name}.record.json")
    earlier = _earlier(dataset, note)
    if earlier and target.exists():
        return earlier
    try:
        with _session(dataset.record) as session:
            described = _patiently(lambda: _published(dataset, session), sleep)
    except _Refused as fault:
        if earlier:
            return earlier
        raise DatasetError(
            f"{dataset.file} could not be {'verified' if target.exists() else 'fetched'}: its size and MD5,"
            f" which {note.name} keeps, are missing, and {dataset.record} did not give them: {fault}."
            f"\n{_by_hand(dataset, target)}"
        ) from fault
    artifacts.write_json({"record": dataset.record, "file": dataset.file, **described}, note)
    return dataclasses.replace(dataset, **described)


def _earlier(dataset, note):
    """The data set with an earlier answer of its record; None where nothing of use was kept."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # the record is read again
        kept = json.loads(note.read_text(encoding="utf-8"))
        if (kept["record"], kept["file"]) == (dataset.record, dataset.file):
            return dataclasses.replace(dataset, **_checked(kept["size"], kept["md5"]))
    return None


def _published(dataset, session):
    """Size and MD5 of the file in its record: ``files[]{key, size, checksum: "md5:..."}``."""
    host, began, body = urlsplit(dataset.record).hostname, time.monotonic(), bytearray()
    with _get(session, dataset.record, {"Accept": "application/json"}) as response:
        for piece in _pieces(response, host):
            body += piece
            if len(body) > RECORD_BYTES:
                raise _Refused(f"{host} sent more than {RECORD_BYTES:,} bytes for a record")
            if time.monotonic() - began > GRACE:
                raise _Passing(f"{host} took more than {GRACE:.0f} s to send a record")
    try:
        entries = [entry for entry in json.loads(body)["files"] if entry["key"] == dataset.file]
    except (ValueError, LookupError, TypeError, RecursionError) as error:  # half of it, or a proxy's page
        raise _Passing(f"{host} sent {len(body)} bytes that are not the expected record") from error
    if len(entries) != 1:
        raise _Refused(f"{host} has {len(entries)} files {dataset.file} in this record")
    try:
        method, _, md5 = entries[0]["checksum"].partition(":")
        if method != "md5":
            raise ValueError(f"checksum by {method!r}")
        return _checked(entries[0]["size"], md5)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _Refused(f"{host} has no size and MD5 of {dataset.file} ({error!r})") from error


def _checked(size, md5):
    """Size and MD5, if that is what they are."""
    if type(size) is not int or size <= 0:
        raise ValueError(f"size {size!r}")
    if not re.fullmatch("[0-9a-f]{32}", md5):
        raise ValueError(f"MD5 {md5!r}")
    return {"size": size, "md5": md5}


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
    host = urlsplit(url).hostname
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
    session.adapters.clear()
    session.mount("https://", requests.adapters.HTTPAdapter())
    if parsed.hostname in LOOPBACK:
        session.mount(f"http://{parsed.netloc}/", requests.adapters.HTTPAdapter())
        session.trust_env = False  # no proxy
    return session


def _objection(path, dataset):
    """Why a file is not the published one, in words; None if it is."""
    if not path.is_file():
        return "it is not a file"
    if (size := path.stat().st_size) != dataset.size:
        return f"it has {size} bytes, expected were {dataset.size}"
    if (md5 := pooch.file_hash(path, alg="md5")) != dataset.md5:
        return f"its MD5 is {md5}, expected was {dataset.md5}"
    return None


def _by_hand(dataset, target):
    known = "" if dataset.md5 is None else f" ({dataset.size} bytes, MD5 {dataset.md5})"
    return (
        f"By hand: fetch {dataset.file}{known}\n"
        f"  from {dataset.url} (DOI {dataset.doi}, https://doi.org/{dataset.doi})\n"
        f"  and put it at {target}"
    )
