"""The public data sets: fetched once, resumed after an interruption, verified before anything is read.

Conventions
-----------
Sizes are in bytes, times in seconds. A data set is one file with a known size and MD5. Where they were not
known when this was written, the publisher's record is asked before the file is fetched, and its answer is
kept beside the file as ``NAME.record.json``, so that a later run needs no network. While it is being fetched
the file is called ``NAME.part``, with ``NAME.part.json`` beside it that says whose part it is; under its
own name there is only a file that was verified, or one that a person put there. Only https; plain http only
on the loopback, where the tests live.
"""

import contextlib
import dataclasses
import fcntl
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
import tenacity
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
    """Asking again would not help."""


class _Passing(_Refused):
    """A fault that may pass: worth another attempt, after `wait` seconds if the host said so."""

    def __init__(self, message, wait=None):
        super().__init__(message)
        self.wait = wait


def fetch(dataset, folder=None, *, sleep=time.sleep):
    """The verified file of a data set, which is downloaded if it is not there yet.

    After an interruption, call it again: it goes on where it was. A file that a person put there is taken if
    its size and checksum are the published ones, and never replaced. Where a data set does not say them, its
    record does; if the file is there, what the record said before will do.

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
        If the file cannot be fetched, or what is there or came is not the published file. The message says
        what to fetch by hand, from where, and where to put it.
    """
    target = Path(folder or paths.downloads()).expanduser().absolute() / dataset.file
    if dataset.md5 is None:
        dataset = _completed(dataset, target, sleep)
    part = _Part(target, dataset)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent):
        return _there(dataset, target, part) or _fetched(dataset, target, part, sleep)


def _there(dataset, target, part):
    """The verified file that is there already, or None."""
    if target.exists():
        if objection := _objection(target, dataset):
            raise DatasetError(
                f"{target} is not the published {dataset.name}: {objection}. Remove it, and the next run"
                f" fetches it; or put the right file in its place.\n{_by_hand(dataset, target)}"
            )
        part.discard()
        return target
    return None


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


def _completed(dataset, target, sleep):
    """The data set with the size and checksum that its record tells, or told before."""
    note = target.with_name(f"{target.name}.record.json")
    kept = _kept(dataset, note)
    if kept and target.exists():
        return kept
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_Passing),
        wait=lambda state: _wait(state.outcome.exception(), state.attempt_number),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        sleep=sleep,
        reraise=True,
    )
    try:
        with _session(dataset.record) as session:
            size, md5 = retrying(_published, dataset, session)
    except _Refused as fault:
        if kept:
            return kept
        missing = f"its size and MD5, which {dataset.record} was to tell, are missing: {fault}"
        if target.exists():
            raise DatasetError(
                f"{target} is there, but whether it is the published {dataset.name} cannot be told:"
                f" {missing}. Once the record has answered, its answer is kept as {note.name}, and no network"
                " is needed any more."
            ) from fault
        raise DatasetError(
            f"{dataset.file} could not be fetched: {missing}.\n{_by_hand(dataset, target)}"
        ) from fault
    artifacts.write_json({"record": dataset.record, "file": dataset.file, "size": size, "md5": md5}, note)
    return dataclasses.replace(dataset, size=size, md5=md5)


def _kept(dataset, note):
    """The data set with what its record said before; None where nothing of use was kept."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        if (told["record"], told["file"]) == (dataset.record, dataset.file):
            return dataclasses.replace(dataset, **_checked(told["size"], told["md5"]))
    except (OSError, ValueError, LookupError, TypeError):  # nothing, or damaged: the record will tell again
        pass
    return None


def _published(dataset, session):
    """Size and MD5 of the file, as its record has them: ``files[]{key, size, checksum: "md5:..."}``."""
    host, began, body = urlsplit(dataset.record).hostname, time.monotonic(), bytearray()
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity", "Accept": "application/json"}
    with _asked(session, dataset.record, host, headers) as response:
        for piece in _pieces(response, host):
            body += piece
            if len(body) > RECORD_BYTES:
                raise _Refused(f"{host} sent more than {RECORD_BYTES:,} bytes for a record")
            if time.monotonic() - began > GRACE:
                raise _Passing(f"{host} took more than {GRACE:.0f} s to send a record")
    try:
        found = [entry for entry in json.loads(body)["files"] if entry["key"] == dataset.file]
    except (ValueError, LookupError, TypeError, RecursionError) as error:  # half of it, or a proxy's page
        raise _Passing(f"{host} sent {len(body)} bytes that are not the expected record") from error
    if len(found) != 1:
        raise _Refused(f"{host} knows {len(found)} files {dataset.file} in this record")
    try:
        method, _, md5 = found[0]["checksum"].partition(":")
        if method != "md5":
            raise ValueError(f"checksum by {method!r}")
        return tuple(_checked(found[0]["size"], md5).values())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _Refused(f"{host} tells no size and MD5 of {dataset.file} ({error!r})") from error


def _checked(size, md5):
    """Size and MD5, if that is what they are."""
    if type(size) is not int or size <= 0:
        raise ValueError(f"size {size!r}")
    if not re.fullmatch("[0-9a-f]{32}", md5):
        raise ValueError(f"MD5 {md5!r}")
    return {"size": size, "md5": md5}


def _fetched(dataset, target, part, sleep):
    """Download, verify, and give the file its name."""
    try:
        _download(dataset, part, sleep)
    except _Refused as fault:
        hint = f"\n{part.size:,} bytes are kept as {part.path.name}; the next run goes on from there."
        raise DatasetError(
            f"{dataset.file} could not be fetched: {fault}.\n{_by_hand(dataset, target)}"
            f"{hint if part.size else ''}"
        ) from fault
    if objection := _objection(part.path, dataset):
        part.discard()
        raise DatasetError(
            f"what {urlsplit(dataset.url).hostname} sent is not the published {dataset.name}: {objection}."
            f" It was removed; the next run starts over.\n{_by_hand(dataset, target)}"
        )
    part.path.replace(target)
    part.discard()
    return target


class _Part:
    """What has been fetched so far, and of which file it is the beginning."""

    def __init__(self, target, dataset):
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.dataset = dataset

    @property
    def size(self):
        """Bytes from which to go on; 0 where the part belongs to another file, or nobody knows to which."""
        note = self._noted()
        known = [note.get("md5"), note.get("size")] == [self.dataset.md5, self.dataset.size]
        size = self.path.stat().st_size if known and self.path.exists() else 0
        return size if size <= self.dataset.size else 0

    @property
    def validator(self):
        """ETag or date by which the host tells that its file is still the same; may be empty."""
        return self._noted().get("validator", "")

    def begin(self, validator):
        """From now on it is a part of the file that the host knows by `validator`."""
        note = {"md5": self.dataset.md5, "size": self.dataset.size, "validator": validator}
        artifacts.write_json(note, self._note)

    def discard(self):
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _noted(self):
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}


def _download(dataset, part, sleep):
    """Bring the part to its full size, in as many attempts as are worth while."""
    missing = dataset.size - part.size
    if missing and (free := shutil.disk_usage(part.path.parent).free) < missing:
        raise _Refused(f"{part.path.parent} has {free:,} bytes free, {missing:,} are needed")
    most, fruitless = part.size, 0

    def wait(state):
        return _wait(state.outcome.exception(), fruitless)

    def stop(_):
        nonlocal most, fruitless
        fruitless = 0 if part.size >= most + dataset.size / 100 else fruitless + 1
        most = max(most, part.size)
        return fruitless >= ATTEMPTS

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_Passing), wait=wait, stop=stop, sleep=sleep, reraise=True
    )
    scale = {"unit": "B", "unit_scale": True, "desc": dataset.file}
    with (
        _session(dataset.url) as session,
        tqdm(total=dataset.size, initial=part.size, **scale) as bar,
    ):
        retrying(_attempt, dataset, part, session, bar)


def _wait(fault, fruitless):
    """Seconds until the next attempt."""
    return min(2.0**fruitless if fault.wait is None else fault.wait, LONGEST_WAIT)


def _attempt(dataset, part, session, bar):
    """Ask for what is missing and append it."""
    have, host = part.size, urlsplit(dataset.url).hostname
    if have == dataset.size:
        return
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": part.validator} if part.validator else {})
    with _asked(session, dataset.url, host, headers) as response:
        if response.status_code == 200:
            announced = response.headers.get("Content-Length")
            if announced not in (None, str(dataset.size)):
                raise _Refused(f"{host} offers {announced} bytes, expected were {dataset.size}")
            have = 0
            part.discard()
            if announced:  # else it may be the page of a proxy, and nothing to go on from
                part.begin(_validator(response.headers))
        elif not (have and response.status_code == 206 and _continues(response.headers, part, have)):
            part.discard()
            raise _Passing(f"{host} did not answer with the piece of the file that was asked for")
        bar.n = bar.last_print_n = have
        began, beginning = time.monotonic(), have
        with part.path.open("ab") as file:
            for piece in _pieces(response, host):
                have += len(piece)
                if have > dataset.size:
                    break
                file.write(piece)
                bar.update(len(piece))
                took = time.monotonic() - began
                if took > GRACE and have - beginning < SLOWEST * took:
                    raise _Passing(f"{host} sent {have - beginning:,} bytes in {took:.0f} s")
    if have > dataset.size:
        part.discard()
        raise _Refused(f"{host} sent more than the expected {dataset.size} bytes")
    if have < dataset.size:
        raise _Passing(f"{host} stopped after {have} of {dataset.size} bytes")


def _asked(session, url, host, headers):
    """The response to a request, if it brings (a part of) the file."""
    try:
        response = session.get(url, headers=headers, stream=True, timeout=(CONNECT, SILENCE))
    except (ValueError, requests.TooManyRedirects) as error:  # requests' words for bad addresses
        raise _Refused(f"{host} led to no https address, or in circles ({type(error).__name__})") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _Passing(f"{host} did not answer ({type(error).__name__})") from error
    status = response.status_code
    if status in (200, 206, 416):
        return response
    response.close()
    if status in (408, 429) or status >= 500:
        asked = response.headers.get("Retry-After", "")
        raise _Passing(f"{host} answered HTTP {status}", float(asked) if asked.isdecimal() else None)
    raise _Refused(f"{host} refused (HTTP {status})")


def _continues(headers, part, have):
    """Whether a piece of a file begins where the part ends, and both are of the same file."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", headers.get("Content-Range", ""))
    validator = _validator(headers)
    return (
        found is not None
        and int(found[1]) == have
        and found[3] in ("*", str(part.dataset.size))
        and (not validator or not part.validator or validator == part.validator)
    )


def _validator(headers):
    """What a host may be asked by whether its file is still the same: no weak ETag, says RFC 9110."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


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


@contextlib.contextmanager
def _alone(folder):
    """Keep a second run out, which would write into the same part."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise DatasetError(f"Another run is fetching into {folder}. Wait for it, or stop it.") from None
    finally:
        os.close(descriptor)


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
