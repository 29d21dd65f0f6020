"""Zips from outside: what they hold, read in memory and within bounds; nothing is unpacked on disk.

Conventions
-----------
Names in a zip only choose what is read, and never become a path. What is encrypted, packed by a method that
Python lacks, damaged, or larger than it may be is refused by one sentence that names zip and entry.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from contextlib import contextmanager

from lib.listening import characters

ENCRYPTED = 1  # flag of an entry
READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
HIDDEN = re.compile(r"(^|/)(\.(?!\.?/)|__MACOSX)")
MOST_BYTES = 4 << 30  # of an entry that is read as a whole
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    LookupError,
    ValueError,
)


@contextmanager
def opened(path, file=None):
    """A zip, open to read.

    Parameters
    ----------
    path : path
        For messages, and to be opened where `file` is not given.
    file : binary file, optional

    Yields
    ------
    zipfile.ZipFile

    Raises
    ------
    ValueError
        If it is damaged.
    """
    try:
        archive = zipfile.ZipFile(path if file is None else file)
    except BROKEN as error:
        raise damaged(path, error) from error
    with archive:
        yield archive


def entries(archive):
    """The files of a zip, without folders and what a file system hides."""
    return [entry for entry in archive.infolist() if not entry.is_dir() and not HIDDEN.search(entry.filename)]


def stream(path, archive, entry):
    """The bytes of an entry, as a file; its checksum is compared at its end.

    Raises
    ------
    ValueError
        If it cannot be unpacked.
    """
    name = f"{characters.printable(entry.filename)} in {path}"
    if entry.flag_bits & ENCRYPTED:
        raise ValueError(f"{name} is encrypted: unpack it with its password first")
    if entry.compress_type not in READ:
        raise ValueError(
            f"{name} is packed by the method {entry.compress_type}, which is not read: unpack it"
        )
    try:
        return archive.open(entry)
    except BROKEN as error:
        raise damaged(name, error) from error


def content(path, archive, entry, *, most=MOST_BYTES):
    """The bytes of an entry.

    Parameters
    ----------
    path : path
        Of the zip, for messages.
    archive : zipfile.ZipFile
    entry : zipfile.ZipInfo
    most : int
        Bytes that it may have.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If it cannot be unpacked, or has more bytes.
    """
    with stream(path, archive, entry) as unpacked:
        name = f"{characters.printable(entry.filename)} in {path}"
        try:
            data = unpacked.read(most + 1) if entry.file_size <= most else None
        except BROKEN as error:
            raise damaged(name, error) from error
    if data is None or len(data) > most:
        raise ValueError(f"{name} has more than {most:,} bytes, which no file that is read here has")
    return data


def damaged(name, error):
    """The error that something cannot be unpacked."""
    return ValueError(
        f"{name} cannot be unpacked ({characters.printable(str(error))[:200]}): it was cut short or damaged"
        " on the way. Remove it and fetch it again"
    )
