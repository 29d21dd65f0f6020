"""Clips computed by the workers of a Dask cluster in place of this machine's."""

import contextlib

import joblib
from distributed import Client

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
        stack.enter_context(Client(address, timeout=DASK_TIMEOUT))
        stack.enter_context(joblib.parallel_config(backend="dask"))
        yield stack.enter_context(joblib.Parallel(return_as="generator"))
