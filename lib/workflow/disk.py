"""What is said when a file cannot be written whole: a full disk, a used-up quota, a limit of file sizes."""

import errno
import os
import re
import resource
import shutil
from pathlib import Path

from lib.workflow import paths

CAUSES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Some writers (NumPy's among them) raise no number, or wrap the system's message in an error of their own.
SAYS = re.compile(
    r"\[Errno (?:28|27|122)\]|os error (?:28|27|122)|\d+ requested and \d+ written"
    r"|No space left on device|Disk quota exceeded|File too large",
    re.IGNORECASE,
)


class DiskFull(OSError):
    """A file could not be written because there is no room for it."""


def is_full(problem):
    """Whether an exception, or the text of one, says that there was no room.

    Parameters
    ----------
    problem : Exception or str

    Examples
    --------
    >>> is_full(OSError(28, "No space left on device")), is_full("OSError: 512 requested and 0 written")
    (True, True)
    >>> is_full(OSError(2, "No such file or directory"))
    False
    """
    if isinstance(problem, DiskFull):
        return True
    if isinstance(problem, OSError) and problem.errno is not None:
        return problem.errno in CAUSES
    return SAYS.search(str(problem)) is not None


def refused(path, problem, n_bytes=0):
    """One sentence on a file that there was no room for, and one on what to do.

    Parameters
    ----------
    path : Path
        The file or folder that was to be written.
    problem : Exception or str
        What the writer said.
    n_bytes : int
        What was written of it before.

    Returns
    -------
    DiskFull
    """
    cause = _cause(path, problem)
    cause += f"; the file needs more than the {size(n_bytes)} that were written" if n_bytes else ""
    return DiskFull(f"{paths.place(path)} could not be written: {cause}. {_help(path)}")


def room(path, problem):
    """The same where the file is not known, only a folder on the same disk.

    Parameters
    ----------
    path : Path
    problem : Exception or str

    Returns
    -------
    str
    """
    return f"A file could not be written: {_cause(path, problem)}. {_help(path)}"


def size(n_bytes):
    """Bytes in words.

    Examples
    --------
    >>> size(0), size(12_345), size(2_500_000), size(3_100_000_000)
    ('0 bytes', '12.3 kB', '2.5 MB', '3.1 GB')
    """
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= one:
            return f"{n_bytes / one:.1f} {unit}"
    return f"{n_bytes} bytes"


def free(path):
    """Free bytes of the disk on which a path is, or is to be."""
    path = Path(path).absolute()
    return shutil.disk_usage(next(each for each in (path, *path.parents) if each.exists())).free


def flush(path):
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cause(path, problem):
    limit, there = resource.getrlimit(resource.RLIMIT_FSIZE)[0], f"{size(free(path))} are free"
    limited = limit != resource.RLIM_INFINITY
    number, text = getattr(problem, "errno", None), str(problem)
    if number == errno.EDQUOT or re.search("Errno 122|error 122|quota", text, re.IGNORECASE):
        return f"your quota is used up ({there} on the whole disk)"
    if number == errno.EFBIG or re.search("Errno 27|error 27|too large", text, re.IGNORECASE):
        of = f", {size(limit)}" if limited else ""
        return f"it is larger than a file may be here (ulimit -f{of}; {there})"
    if limited and "requested and" in text:
        return f"the disk is full, or a file may not be so large ({there}; ulimit -f: {size(limit)})"
    return f"the disk is full ({there})"


def _help(path):
    resolved = Path(path).resolve()
    folders = {paths.MOVABLE[top]: paths.located(top) for top in paths.MOVABLE}
    inside = [name for name, top in folders.items() if resolved.is_relative_to(top)]
    move = f" or set {inside[0]} to a folder on another disk," if inside else ""
    return f"Make room{move} then run the same command again."
