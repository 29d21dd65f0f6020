"""The layouts in which files of plays come, read in blocks of whole lines.

*360K*: no header, ``user sha1 ⇥ artist MBID ⇥ artist name ⇥ plays``, as a file or inside the ``.tar.gz`` in
which Last.fm-360K comes. *Headed*: CSV or TSV whose first line names the columns ``user, artist[, mbid][,
plays]``. Only ``\\n`` ends a line (one ``\\r`` before it is dropped); tabs separate; quotes mean nothing in
the 360K layout and in TSV, and in CSV they end on their own line.

References
----------
Celma, O. (2010). Music Recommendation and Discovery in the Long Tail. Springer. (Last.fm-360K)
"""

from __future__ import annotations

import csv
import gzip
import io
import tarfile
import zlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

import polars as pl

FIELDS = ("user", "mbid", "name", "plays")
ARCHIVES = (".tar.gz", ".tgz")
PLAYS_MEMBER, PROFILE_MEMBER = "usersha1-artmbid-artname-plays.tsv", "usersha1-profile.tsv"
BLOCK_BYTES, THREADS = 16 << 20, 3  # two cores, and one that waits for the disk
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_archive(path):
    return path.name.endswith(ARCHIVES)


@contextmanager
def opened(path, member, *, to_the_end=True):
    """Stream, size and name of a plain file, or of a member of an archive that is unpacked on the way.

    The checksum of an archive stands at its very end, so it is read `to_the_end`.
    """
    if not is_archive(path):
        with open(path, "rb") as stream:
            yield stream, path.stat().st_size, path.name
        return
    try:
        with gzip.open(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
            wanted = (entry for entry in archive if PurePosixPath(entry.name).name == member)
            member_file = next(wanted, None)
            if member_file is None or not member_file.isfile():
                raise ValueError(f"{path} holds no file {member}: expected the archive of Last.fm-360K")
            yield archive.extractfile(member_file), member_file.size, member
            if to_the_end:
                if next(wanted, None) is not None:
                    raise ValueError(f"{path} holds {member} twice: expected the archive of Last.fm-360K")
                while unpacked.read(1 << 20):
                    pass
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be unpacked ({error}): it was cut short or damaged on the way. Remove it and"
            " fetch it again"
        ) from error


def _blocks(stream, n_bytes):
    while block := stream.read(n_bytes):
        yield block + stream.readline()


def layout(path, stream, n_bytes):
    """How to parse a block, the blocks, and whether a line with a header stands before them."""
    first = stream.readline().removeprefix(BYTE_ORDER_MARK)
    head = [first, *(stream.readline() for _ in range(99))]
    if not first:
        raise ValueError(f"{path} is empty: expected rows of user, artist MBID, artist name and plays")
    delimiter, header = _header(_decoded(first))
    headed = {"user", "artist"} <= set(header)
    if headed and not any(head[1:]):
        raise ValueError(f"{path} has a header and no rows below it")
    named = [column for column in header if column]
    if headed and len(set(named)) < len(named):
        raise ValueError(f"{path} names a column twice: {', '.join(named)}")
    if not headed and not any(line.count(b"\t") == len(FIELDS) - 1 for line in head):
        shown = "\n".join(
            f"  line {number}: {_decoded(line).rstrip()[:120]}"
            for number, line in enumerate(filter(None, head[:3]), start=1)
        )
        raise ValueError(
            f"{path} is in no layout this project reads; its first lines are\n{shown}\n"
            "expected either four tab-separated fields (user, artist MBID, artist name, plays) without a"
            " header, or a CSV/TSV with a header that names user, artist and perhaps mbid and plays;"
            f" as UTF-8, and packed as {' or '.join(ARCHIVES)} only"
        )

    def blocks():
        if begin := b"".join(head[1:] if headed else head):
            yield begin
        yield from _blocks(stream, n_bytes)

    parse = partial(_headed_table, delimiter=delimiter, header=header) if headed else _table
    return parse, blocks(), headed


def _header(text):
    """Delimiter and column names of a headed file's first line."""
    delimiter = "\t" if "\t" in text else ","
    columns = text.split("\t") if delimiter == "\t" else _csv_fields(text.rstrip("\r\n"))
    return delimiter, [column.strip().strip('"').casefold() for column in columns]


def _decoded(block):
    return block.decode("utf-8", "replace")


def _lines(block):
    """Column ``text``: the lines of a block."""
    try:
        return pl.read_lines(io.BytesIO(block), name="text")
    except pl.exceptions.ComputeError:  # bytes that are not UTF-8
        return pl.read_lines(io.BytesIO(_decoded(block).encode()), name="text")


# Layouts: a block becomes a frame of the FIELDS as text; where lines were looked at, with `whole` and `text`.


def _table(block):
    """360K layout. Nearly every block holds four fields in every line; the others are looked at by line.

    polars drops a byte order mark, and a carriage return at the end of any field.
    """
    odd = block.startswith((BYTE_ORDER_MARK, b"\n", b"\r\n"))
    if not odd and (b"\r" not in block or b"\r\t" not in block):  # one byte is found ten times as fast
        try:
            table = pl.read_csv(
                block,
                separator="\t",
                quote_char=None,
                has_header=False,
                schema=dict.fromkeys(FIELDS, pl.String),
                empty_string_is_null=False,
            )
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError):  # more fields, or fewer, or not UTF-8
            return _table_by_line(block)
        if not (table["plays"] == "").any():  # no plays: there may have been fewer fields
            return table
    return _table_by_line(block)


def _table_by_line(block):
    """360K layout, with whether there really are four fields."""
    fields = (
        pl.col("text")
        .str.splitn("\t", len(FIELDS) + 1)
        .struct.rename_fields([*FIELDS, "rest"])
        .struct.unnest()
    )
    whole = pl.col("text").str.count_matches("\t", literal=True) == len(FIELDS) - 1
    return _lines(block).with_columns(fields, whole=whole).drop("rest")


def _headed_table(block, *, delimiter, header):
    """Headed CSV or TSV: the same columns; what is not there is empty (mbid) or 1 (plays)."""
    text = pl.col("text")
    fields = text.str.split("\t") if delimiter == "\t" else text.map_elements(_csv_fields, pl.List(pl.String))

    def column(name, otherwise=""):
        if name not in header:
            return pl.lit(otherwise)
        return pl.col("fields").list.get(header.index(name), null_on_oob=True)

    return (
        _lines(block)
        .with_columns(fields=fields)
        .select(
            "text",
            user=column("user"),
            mbid=column("mbid"),
            name=column("artist"),
            plays=column("plays", "1"),
            whole=pl.col("fields").list.len() == len(header),
        )
    )


def _csv_fields(text):
    """Fields of one CSV line, none where its quotes do not end on it."""
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return []


# Rules.


def registered_users(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no profile file at {path}: give its path, or set registered_only to false")
    with opened(path, PROFILE_MEMBER, to_the_end=False) as (stream, _, name):
        lines = _lines(stream.read().removeprefix(BYTE_ORDER_MARK))
    fields = lines.select(fields=pl.col("text").str.split("\t"))
    profiles = fields.filter(pl.col("fields").list.len() == 5)
    if profiles.is_empty():
        raise ValueError(
            f"{name} has no line of five tab-separated fields: user, gender, age, country, sign-up date"
        )
    signed = profiles.filter(pl.col("fields").list.last().str.strip_chars() != "")
    return frozenset(signed.select(pl.col("fields").list.first()).to_series())


# What comes out.
