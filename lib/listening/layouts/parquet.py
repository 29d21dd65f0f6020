"""A Parquet file with the columns ``user, artist[, mbid][, plays]``, under any usual name; in batches."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from lib.listening import characters
from lib.listening.layouts import common, headed

DESCRIPTION = "a Parquet file with such columns"
MAGIC = b"PAR1"
BATCH_ROWS, BYTES_A_ROW = 1 << 19, 64


@dataclass(frozen=True)
class Batch:
    """Some rows; its length is its share of the file, in bytes."""

    rows: pa.RecordBatch
    n_bytes: int

    def __len__(self):
        return self.n_bytes


@contextmanager
def _whole(path):
    """Turn what a damaged file makes of its reader into one sentence."""
    try:
        yield
    except (ValueError, OSError, NotImplementedError, KeyError, pl.exceptions.PolarsError) as error:
        raise ValueError(
            f"{path} cannot be read as Parquet ({characters.printable(str(error))[:200]}): it was cut short"
            " or damaged on the way. Remove it and fetch it again"
        ) from error


def header(path, stream):
    """Names of the columns.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    with _whole(path):
        return pa.parquet.ParquetFile(stream).schema_arrow.names


def check(path, stream, where):
    """See that the columns that are read hold text, numbers, or lists of text.

    Parameters
    ----------
    path : path
    stream : binary file
    where : dict of str to int
        Place of each field's column.

    Raises
    ------
    ValueError
        If there are no rows, or a column holds something else.
    """
    with _whole(path):
        file = pa.parquet.ParquetFile(stream)
        kinds = {file.schema_arrow.field(place) for place in where.values()}
        n_rows = file.metadata.num_rows
    if not n_rows:
        raise ValueError(f"{path} has a header and no rows below it")
    for field in kinds:
        kind = field.type
        if pa.types.is_dictionary(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_nested(kind) or pa.types.is_duration(kind):
            raise ValueError(
                f"the column {field.name!r} of {path} holds {field.type}: expected text or numbers"
            )


def batches(path, stream, names, n_bytes, size):
    """Batches of some columns.

    Parameters
    ----------
    path : path
        For messages.
    stream : binary file
    names : sequence of str
    n_bytes : int
        Of a batch, roughly.
    size : int
        Of the file, in bytes.

    Yields
    ------
    Batch

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    at_most = max(1, min(BATCH_ROWS, n_bytes // BYTES_A_ROW))
    with _whole(path):
        file = pa.parquet.ParquetFile(stream)
        wanted = file.iter_batches(at_most, columns=list(dict.fromkeys(names)))
    while True:
        with _whole(path):
            batch = next(wanted, None)
        if batch is None:
            return
        yield Batch(batch, size * batch.num_rows // max(file.metadata.num_rows, 1))


def parser(header, where):
    """How to parse a batch: the columns of `where` as text."""
    return partial(table, names={field: header[place] for field, place in where.items()})


def table(batch, *, names):
    """A batch's rows; of a list, as of artists' MBIDs, the first counts; bytes are text in UTF-8."""
    rows = pl.from_arrow(batch.rows)
    rows = rows.with_columns(
        pl.col(name).list.first() for name in rows.columns if isinstance(rows.schema[name], pl.List)
    )
    rows = rows.with_columns(
        rows[name].map_elements(common.decoded, pl.String)
        for name in rows.columns
        if rows.schema[name] == pl.Binary
    )
    rows = rows.select(pl.col(name).cast(pl.String).alias(field) for field, name in names.items())
    return common.tidy(headed.selected(rows))
