"""An array on disk whose room is taken before it is filled.

A write into a memory map for which there is no room ends the process by SIGBUS; so the room is taken first,
where a lack of it is an error with a name.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np

from lib.workflow import paths

NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota is used up",
    errno.EFBIG: "a file may not be so large here (ulimit -f)",
}
PIECE = 1 << 20  # bytes, of zeros


def array(partial, shape, dtype, *, name):
    """A new array in a file, memory-mapped for writing.

    Parameters
    ----------
    partial : path
        Where it is written.
    shape : tuple of int
    dtype : dtype
    name : path
        What the file will be called: for the message.

    Returns
    -------
    np.memmap
        The same bytes as from `numpy.lib.format.open_memmap`, zeros so far.

    Raises
    ------
    OSError
        If there is no room; the message says how much is needed and how much is free.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "zeros.npy"
    >>> filled = array(file, (2, 3), np.float16, name=file)
    >>> filled[1] = 1
    >>> np.load(file).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    partial, dtype = Path(partial), np.dtype(dtype)
    size = dtype.itemsize * int(np.prod(shape))
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": tuple(shape)}
    try:
        with open(partial, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            _take(file, size)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        free = shutil.disk_usage(partial.parent).free
        raise OSError(
            f"{paths.place(name)} needs {size / 1e6:,.1f} MB, and {NO_ROOM[error.errno]}:"
            f" {free / 1e6:,.1f} MB are free. Make room, then run this again: what is finished stays."
        ) from error
    return np.load(partial, mmap_mode="r+")


def _take(file, size):
    """Reserve bytes behind what is written; where the file system reserves nothing, write zeros."""
    try:
        os.posix_fallocate(file.fileno(), file.tell(), size)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        for place in range(0, size, PIECE):
            file.write(bytes(min(PIECE, size - place)))
        file.flush()
        os.fsync(file.fileno())
