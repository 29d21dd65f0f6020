"""What a request may cost: calls to a host, and the time of one exchange.

Conventions
-----------
Times are in seconds.
"""

import collections
import contextlib
import socket
import threading
import time

import requests

from lib.clips.sources.faults import Unavailable


class Limiter:
    """Holds back calls, so that no host gets more of them than it allows.

    Parameters
    ----------
    limits : dict
        Host → (calls, seconds): at most so many calls in any so many seconds.
    clock, sleep : callable
        For tests.
    """

    def __init__(self, limits, *, clock=time.monotonic, sleep=time.sleep):
        self.clock, self.sleep = clock, sleep
        self._limits, self._lock = limits, threading.Lock()
        self._calls = {host: collections.deque(maxlen=calls) for host, (calls, _) in limits.items()}
        self._closed_until, self._why = {}, {}

    def wait(self, host, patience, service=None):
        """Wait for one's turn at `host`.

        Parameters
        ----------
        host : str
        patience : float, seconds
        service : str, optional
            Address of a service on this host, which may be left alone while others on it are not.

        Raises
        ------
        Unavailable
            If it is to be left alone for longer than `patience`.
        """
        with self._lock:
            now = self.clock()
            turn, closed = max((self._closed_until.get(each, now), each) for each in (host, service or host))
            turn = max(now, turn)
            if turn - now > patience:
                raise Unavailable(f"{host} is left alone{self._why[closed]}")
            if host in self._limits:
                calls = self._calls[host]
                if len(calls) == calls.maxlen:
                    turn = max(turn, calls[0] + self._limits[host][1])
                turn = max(turn, calls[-1]) if calls else turn
                calls.append(turn)
        if turn > now:
            self.sleep(turn - now)

    def close(self, place, seconds, why=""):
        """Let nobody call a host, or a service on it, for so long; `why` stands in what is then raised."""
        with self._lock:
            until = self.clock() + seconds
            if until > self._closed_until.get(place, 0.0):
                self._closed_until[place] = until
                self._why[place] = f" for {seconds:.0f} s" + (f", because {why}" if why else "")


LIMITER = Limiter({})  # of clients that no terms hold back


class Adapter(requests.adapters.HTTPAdapter):
    """Knows the connection of the exchange under way, so that a watchdog can cut it.

    One adapter serves one thread, which has one exchange at a time.
    """

    _connection = None

    def get_connection_with_tls_context(self, *arguments, **options):
        pool = super().get_connection_with_tls_context(*arguments, **options)
        self._connection = pool._get_conn()
        pool._put_conn(self._connection)  # on top, where the pool takes the next one from
        return pool

    def cut(self):
        """End what the connection is reading; nothing happens where it is not open."""
        with contextlib.suppress(AttributeError, OSError):  # no connection or no socket yet, or no longer
            self._connection.sock.shutdown(socket.SHUT_RDWR)


class Watchdog:
    """Cuts an exchange that is not over in time, from the first line of the headers to the last byte.

    The timeout of a socket does not do that: it begins anew with every byte. Leaving the block raises
    `Expired` if the time was over, whatever the cut connection looked like to those who read it.

    Parameters
    ----------
    seconds : float
    cut : callable
        Repeated until the block is left, because a connection that is still being opened cannot be cut.
    """

    def __init__(self, seconds, cut):
        self._seconds, self._cut = seconds, cut
        self._over, self._expired = threading.Event(), False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, _):
        self._over.set()
        self._thread.join()  # from here on no later exchange can be cut
        if self._expired and (kind is None or issubclass(kind, Exception)):
            raise Expired(f"took more than {self._seconds:.0f} s") from error

    def _watch(self):
        wait = self._seconds
        while not self._over.wait(wait):
            self._expired, wait = True, 0.1
            self._cut()


class Expired(Exception):
    """The deadline of an exchange passed."""
