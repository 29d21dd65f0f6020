"""The one client for all services: calls are limited, faults that pass are repeated, answers are checked.

Conventions
-----------
Times are in seconds, sizes in bytes. A request ends in one of three ways: an answer, None where the host says
that there is no such thing (404), or `Unavailable`, which means "no answer for now" and is never remembered.
Messages name hosts only, because addresses may carry signatures.

Limits
------
- Calls per host as its terms ask (`limits.Limiter`, one in each module); none for the loopback, where the
  demo and the tests live.
- ``Retry-After`` is obeyed as long as all waiting for one request stays within its *patience*, attempts that
  end without an answer included; a host that asks for more is left alone.
- So is a service that cannot be reached within the patience of one request, or that refuses `REFUSED` (401,
  403) or fails `GIVE_UP` requests of a kind in a row; once one has failed for good, the next of its kind get
  `BRIEFLY` attempts. A kind is what the path asks for, whatever the ids in it: a service may search for
  anybody and refuse every list of tracks.
- Each attempt has a time limit for connecting, for silence, and in total, and a cap on what it may send, also
  unpacked.
- Only https, and only hosts that the source lists; plain http only on the loopback, and only from there. The
  same holds for every redirection, which is followed by hand.
"""

import collections
import contextlib
import datetime
import email.utils
import json
import re
import threading
import time
import zlib
from urllib.parse import urljoin

import requests
import tenacity
import urllib3

from lib.clips.sources import limits, sentences
from lib.clips.sources.faults import Passing, Unavailable, Unreached

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
PATIENCE = 120.0  # seconds of waiting for one request, all attempts together
ATTEMPTS, BRIEFLY = 8, 3
GIVE_UP = 12  # requests of a kind in a row that failed for good: more than one artist has tracks to ask for
REFUSED = 3  # the same, where the service refused them
RESPITE = 3600.0  # seconds a host is then left alone
CONNECT, SILENCE, DEADLINE = 10.0, 30.0, 60.0  # seconds: to connect, between two pieces, for one attempt
ANSWER_BYTES, CLIP_BYTES, REFUSAL_BYTES = 4_000_000, 10_000_000, 65_536  # caps
REDIRECTIONS = 5
AGENT = "music-similarity/1.0"


def is_loopback(address):
    """Whether an address is on this machine."""
    return host_of(address) in LOOPBACK


def host_of(address):
    """The host of an address, or None."""
    return _parsed(address).host


def port_of(address):
    """The port of an address, given or usual."""
    parsed = _parsed(address)
    return parsed.port or (443 if parsed.scheme == "https" else 80)


def listed(rows):
    """`rows`, if they are a list: an empty something else is a fault, not "there are none".

    Raises
    ------
    TypeError
    """
    if not isinstance(rows, list):
        raise TypeError(f"expected a list, got {type(rows).__name__}")
    return rows


def path_of(address):
    """The path of an address, without host and query."""
    return _parsed(address).path or ""


class Client:
    """HTTP for one source.

    Parameters
    ----------
    address : str
        Where its interface begins: https, or http on the loopback.
    hosts : sequence of str
        Hosts that it may lead to, with all below them; the host of `address` is one of them. An address on
        the loopback leads nowhere else.
    contact : str
        Mail or web address of whoever runs this, for the User-Agent.
    throttled : sequence of int
        Statuses by which this host says "too many calls".
    patience, deadline : float, seconds
        Of waiting for one request; for one attempt.
    limiter : limits.Limiter

    Raises
    ------
    ValueError
        If the address is neither https nor http on the loopback.
    """

    def __init__(
        self,
        address,
        hosts=(),
        *,
        contact="",
        throttled=(429, 503),
        patience=PATIENCE,
        deadline=DEADLINE,
        limiter=limits.LIMITER,
    ):
        try:
            parsed = _parsed(address)
        except Unavailable as error:
            raise ValueError(f"address {address!r} cannot be understood") from error
        self.address, self.local = address.rstrip("/"), parsed.host in LOOPBACK
        if parsed.scheme != "https" and not (self.local and parsed.scheme == "http"):
            raise ValueError(f"address {address!r}: expected https://..., or http:// on the loopback")
        self._hosts = LOOPBACK if self.local else (parsed.host, *hosts)
        self._agent = f"{AGENT} ({contact})" if contact else AGENT
        self._throttled, self._patience, self._deadline = throttled, patience, deadline
        self._limiter, self._threads = limiter, threading.local()
        self._failed = collections.Counter()  # kind of request -> how many in a row

    def ask(self, path, read, *, method="GET", params=None, headers=None, auth=None, data=None):
        """Ask for JSON and read what is wanted out of it.

        Parameters
        ----------
        path : str
            Below the client's address.
        read : callable
            From the parsed JSON to what is wanted. If it stumbles over the shape, or raises `Passing`, the
            answer counts as a fault that may pass.
        method, params, headers, auth, data
            As in requests.

        Returns
        -------
        What `read` returns, or None where the host answers that there is no such thing.

        Raises
        ------
        Unavailable
        """

        address = f"{self.address}/{path}".rstrip("/")

        def attempt():
            how = {"params": params, "headers": headers, "auth": auth, "data": data}
            body = self._exchange(method, address, ANSWER_BYTES, service=self.address, **how)
            try:
                return None if body is None else read(_read_json(body))
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                # A page of a proxy, half an answer, or nothing at all: not "there is nothing".
                raise Passing(
                    f"{host_of(address)} sent {len(body)} bytes that are not the expected JSON"
                ) from error

        return self._patiently(attempt, address, _kind(path))

    def download(self, address):
        """The bytes behind an address.

        Returns
        -------
        bytes

        Raises
        ------
        Unavailable
        """

        def attempt():
            body = self._exchange("GET", address, CLIP_BYTES)
            if body is None:
                raise Unavailable(f"{host_of(address)} has no such file (HTTP 404)", status=404)
            if not body:
                raise Passing(f"{host_of(address)} sent an empty file")
            return body

        return self._patiently(attempt, address, None)

    def _patiently(self, attempt, address, kind):
        """Attempt it until there is an answer; `kind` None for a file: its refusal says nothing of others."""
        place = self.address if kind else host_of(address)
        key = (place, kind)
        attempts = BRIEFLY if self._failed[key] else ATTEMPTS
        self._threads.spent = 0.0  # seconds in attempts

        def wait(state):
            seconds = state.outcome.exception().wait
            return min(2.0 ** (state.attempt_number - 1), 30.0) if seconds is None else seconds

        def stop(state):
            waited = state.idle_for + state.upcoming_sleep + self._threads.spent
            return state.attempt_number >= attempts or waited > self._patience

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Passing),
            wait=wait,
            stop=stop,
            sleep=self._limiter.sleep,
            reraise=True,
        )
        try:
            answer = retrying(attempt)
            self._failed[key] = 0
            return answer
        except Passing as fault:
            self._failed[key] += 1
            if isinstance(fault, Unreached) or self._failed[key] >= GIVE_UP:
                self._limiter.close(place, RESPITE, str(fault))
            tried = retrying.statistics["attempt_number"]
            pause = f", then asked to wait {fault.wait:.0f} s" if fault.wait else ""
            raise Unavailable(f"{fault} ({tried} attempts{pause})", status=fault.status) from fault
        except Unavailable as fault:
            if kind is not None and fault.status in (400, 401, 403):
                self._failed[key] += 1
                if self._failed[key] >= (GIVE_UP if fault.status == 400 else REFUSED):
                    self._limiter.close(place, RESPITE, str(fault))
            raise

    def _exchange(
        self, method, address, cap, *, service=None, params=None, headers=None, auth=None, data=None
    ):
        """One attempt. The body, or None for "no such thing"."""
        headers = {
            "User-Agent": self._agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        for _ in range(REDIRECTIONS + 1):
            try:
                # Not by the session, which would put what ~/.netrc holds in place of our credentials.
                request = requests.Request(
                    method, address, headers=headers, params=params, auth=auth, data=data
                ).prepare()
            except (requests.RequestException, UnicodeError) as error:
                raise Unavailable(f"no valid address ({type(error).__name__})") from error
            host = self._allowed(request.url)
            self._limiter.wait(host, self._patience, service)
            began = time.monotonic()
            try:
                session = self._session
                environment = session.merge_environment_settings(request.url, {}, True, None, None)
                with (
                    limits.Watchdog(self._deadline, session.get_adapter(request.url).cut),
                    session.send(
                        request, allow_redirects=False, timeout=(CONNECT, SILENCE), **environment
                    ) as response,
                ):
                    if not response.is_redirect:
                        secrets = (headers.get("Authorization", "").rpartition(" ")[2], *(auth or ()))
                        return self._answer(response, host, service or host, cap, secrets)
                    address, params = urljoin(request.url, response.headers["location"]), None
            except limits.Expired as error:
                raise Passing(f"{host} {error}") from error
            except urllib3.exceptions.ProtocolError as error:
                raise Passing(f"{host} broke off before the end") from error
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                kind = Unreached if _unconnected(error) else Passing
                raise kind(f"{host} did not answer ({type(error).__name__})") from error
            finally:
                self._threads.spent += time.monotonic() - began
            if _parsed(address).netloc != _parsed(request.url).netloc:  # no credentials for strangers
                headers.pop("Authorization", None)
                auth = None
        raise Unavailable(f"{host} redirects more than {REDIRECTIONS} times")

    def _answer(self, response, host, place, cap, secrets):
        status = response.status_code
        if status in (404, 410):
            return None
        if status in self._throttled:
            wait = _retry_after(response.headers.get("Retry-After"))
            if wait is not None:
                self._limiter.close(place, wait)
            raise Passing(f"{host} asks for fewer calls (HTTP {status})", status=status, wait=wait)
        if status >= 500 or status == 408:
            raise Passing(f"{host} failed (HTTP {status})", status=status)
        if status != 200:
            # The refusal of a file is no sentence but a page, and may repeat the signature of its address.
            words = sentences.sentence(_beginning(response), secrets) if cap == ANSWER_BYTES else ""
            message = f"{host} refused (HTTP {status}){sentences.quoted(words)}"
            raise Unavailable(message, status=status, sentence=words)
        return self._body(response, host, cap)

    def _body(self, response, host, cap):
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise Unavailable(f"{host} sent content packed as {encoding[:20]!r}, which was not asked for")
        unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        announced = response.headers.get("Content-Length", "")
        announced = int(announced) if announced.isdecimal() else 0
        if announced > cap:
            raise Unavailable(f"{host} announced more than {cap:,} bytes")
        received, body = 0, bytearray()
        while piece := response.raw.read1(65_536, decode_content=False):
            received += len(piece)
            try:
                body += unpack.decompress(piece, cap + 1 - len(body)) if unpack else piece
            except zlib.error as error:
                raise Passing(f"{host} sent damaged gzip") from error
            if max(len(body), received) > cap:  # what follows the end of the gzip counts too
                raise Unavailable(f"{host} sent more than {cap:,} bytes")
        if received < announced or (unpack and not unpack.eof):
            raise Passing(f"{host} sent only a part, {received} bytes")
        return bytes(body)

    @property
    def _session(self):
        """One session a thread: requests does not promise that they may be shared."""
        if not hasattr(self._threads, "session"):
            self._threads.session = session = requests.Session()
            session.trust_env = not self.local  # no proxy for the loopback
            for scheme in ("http://", "https://"):
                session.mount(scheme, limits.Adapter())
        return self._threads.session

    def _allowed(self, address):
        parsed = _parsed(address)
        among = any(parsed.host == host or (parsed.host or "").endswith(f".{host}") for host in self._hosts)
        if not among or parsed.scheme not in (("http", "https") if self.local else ("https",)) or parsed.auth:
            raise Unavailable(
                f"led to {parsed.scheme}://{parsed.host or ''}, which is not among {', '.join(self._hosts)}"
            )
        return parsed.host


def _kind(path):
    """What a path asks for, without the ids in it."""
    first, *others = path.split("/")
    return first, len(others)


def _unconnected(error):
    """Whether an error of requests says that there never was a connection."""
    exceptions = requests.exceptions
    never = (exceptions.ConnectTimeout, exceptions.ProxyError, exceptions.SSLError)
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, never) or isinstance(reason, urllib3.exceptions.NewConnectionError)


def _beginning(response):
    """The first bytes of a body, as far as they can be had."""
    body = bytearray()
    with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, ValueError):
        while piece := response.raw.read1(REFUSAL_BYTES, decode_content=False):
            body += piece
            if len(body) >= REFUSAL_BYTES:
                break
    if response.headers.get("Content-Encoding", "").lower() == "gzip":
        try:
            return zlib.decompressobj(wbits=31).decompress(bytes(body), REFUSAL_BYTES)
        except zlib.error:
            return b""
    return bytes(body)


def _read_json(body):
    """Parse JSON; half a surrogate pair, which no file can hold, becomes a question mark."""
    parsed = json.loads(body)
    if re.search(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]", body):
        parsed = json.loads(json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace"))
    return parsed


def _parsed(address):
    """Taken apart by the parser that will open the connection; two parsers can disagree about the host."""
    try:
        return urllib3.util.parse_url(address)
    except urllib3.exceptions.LocationParseError as error:
        raise Unavailable("no valid address") from error


def _retry_after(text):
    """Seconds that a ``Retry-After`` asks for; None where it says nothing sensible."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        then = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    then = then if then.tzinfo else then.replace(tzinfo=datetime.UTC)
    return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())
