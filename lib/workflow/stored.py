"""Files of arrays, tables and JSON, read as data: no code in them is run, and a damaged one is one sentence.

**Conventions.** Arrays are read without pickle: an array of Python objects is refused. Whatever a damaged or
malicious file makes of its reader ends in a `ValueError` with the file's name, what was expected and which
notebook writes it; that a file is missing, or may not be read, stays what the system says.
"""

import json
import struct
import zipfile
import zlib
from contextlib import contextmanager

UNREADABLE = (  # what readers of NumPy, Parquet and JSON raise on bytes that nobody wrote so
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, SyntaxError),
    *(RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error, struct.error),
)
OF_THE_SYSTEM = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


@contextmanager
def reading(path, refusal):
    """Read a file in a block whose failure is that of the file.

    Parameters
    ----------
    path : path
    refusal : str
        What follows the file's name in the message: what is expected of it, and what to do.

    Raises
    ------
    ValueError
        If the block cannot read the file.

    Examples
    --------
    >>> with reading("a.npz", "holds no scores, or is damaged: notebook 05 writes them"):
    ...     raise EOFError
    Traceback (most recent call last):
        ...
    ValueError: a.npz holds no scores, or is damaged: notebook 05 writes them (EOFError)
    """
    try:
        yield
    except OF_THE_SYSTEM:
        raise
    except UNREADABLE as error:
        pickled = isinstance(error, ValueError) and ("pickle" in str(error) or "Object arrays" in str(error))
        cause = "it holds Python objects, which are never loaded" if pickled else type(error).__name__
        raise ValueError(f"{path} {refusal} ({cause})") from None


def arrays(path, refusal):
    """All arrays of a file ``.npz``.

    Parameters
    ----------
    path : path
    refusal : str
        As in `reading`.

    Returns
    -------
    dict of str to np.ndarray

    Raises
    ------
    ValueError
        If it is no such file, is damaged, or holds Python objects.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> path = tempfile.mkdtemp() + "/a.npz"
    >>> np.savez(path, x=np.arange(3))
    >>> arrays(path, "holds no numbers")["x"].tolist()
    [0, 1, 2]
    """
    import numpy as np  # not at the top: `--list` works before there is an environment

    with reading(path, refusal):
        stored = np.load(path, allow_pickle=False)
        with stored:  # a single array is no archive
            return {name: stored[name] for name in stored.files}


def value(array):
    """The JSON object in an array of its bytes or its text."""
    text = array.tobytes() if array.dtype == "uint8" else str(array)
    content = json.loads(text)
    if not isinstance(content, dict):
        raise TypeError("no JSON object")
    return content


def table(path, refusal, columns=()):
    """A Parquet file as a table.

    Parameters
    ----------
    path : path
    refusal : str
        As in `reading`.
    columns : sequence of str
        That it must have.

    Returns
    -------
    pd.DataFrame

    Raises
    ------
    ValueError
        If it is no such file, is damaged or lacks a column.
    """
    import pandas as pd

    with reading(path, refusal):
        frame = pd.read_parquet(path)
    if missing := [column for column in columns if column not in frame.columns]:
        raise ValueError(f"{path} {refusal} (it has no column {missing[0]!r})")
    return frame
