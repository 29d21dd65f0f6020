"""The same work on threads of this machine or on the workers of a Dask cluster: one parameter decides."""

import contextlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import joblib

DASK_TIMEOUT = 20.0  # seconds until a scheduler has to answer


@contextlib.contextmanager
def workers(address):
    """A `joblib.Parallel` on the workers of a scheduler.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_client(address))
        stack.enter_context(joblib.parallel_config(backend="dask"))
        yield stack.enter_context(joblib.Parallel(return_as="generator"))


def in_turn(function, items, *constants, n_threads=2, dask=""):
    """The function of each item, in their order; one item more than there are workers is held at a time.

    Items are taken in the caller's thread, so that they may come from an open file.

    Parameters
    ----------
    function : callable
        Of an item and the constants; for Dask it must be importable by the workers.
    items : iterable
    *constants
        The same for every item; sent to each worker once.
    n_threads : int
        Threads on this machine.
    dask : str
        Address of a Dask scheduler whose workers do it instead; empty: the threads.

    Yields
    ------
    object
        What the function returns.
    """
    with _submitting(function, constants, n_threads, dask) as (submit, n_workers):
        working = deque()
        try:
            for item in items:
                working.append(submit(item))
                del item
                if len(working) > n_workers:
                    yield working.popleft().result()
            while working:
                yield working.popleft().result()
        finally:
            for future in working:
                future.cancel()


@contextlib.contextmanager
def _submitting(function, constants, n_threads, dask):
    """What sends an item to a worker, and the number of workers."""
    if not dask:
        with ThreadPoolExecutor(n_threads) as threads:
            yield (lambda item: threads.submit(function, item, *constants)), n_threads
        return
    with _client(dask) as client:
        constants = client.scatter(list(constants), broadcast=True, hash=False) if constants else []

        def submit(item):
            return client.submit(function, *client.scatter([item], hash=False), *constants, pure=False)

        yield submit, sum(client.nthreads().values())


def _client(address):
    from distributed import Client  # a second to import, and seldom wanted

    return Client(address, timeout=DASK_TIMEOUT)
