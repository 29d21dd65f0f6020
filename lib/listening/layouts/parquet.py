"""A Parquet file with the columns ``user, artist[, mbid][, plays]``, under any usual name; in batches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import polars as pl
import pyarrow as pa
import pyarrow.parquet

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


def header(stream):
    """Names of the columns."""
    return pa.parquet.ParquetFile(stream).schema_arrow.names


def batches(stream, names, n_bytes, size):
    """Batches of some columns.

    Parameters
    ----------
    stream : binary file
    names : sequence of str
    n_bytes : int
        Of a batch, roughly.
    size : int
        Of the file, in bytes.

    Yields
    ------
    Batch
    """
    file = pa.parquet.ParquetFile(stream)
    at_most = max(1, min(BATCH_ROWS, n_bytes // BYTES_A_ROW))
    for batch in file.iter_batches(at_most, columns=list(dict.fromkeys(names))):
        yield Batch(batch, size * batch.num_rows // max(file.metadata.num_rows, 1))


def parser(header, where):
    """How to parse a batch: the columns of `where` as text."""
    return partial(table, names={field: header[place] for field, place in where.items()})


def table(batch, *, names):
    """A batch's rows; of a list, as of artists' MBIDs, the first counts."""
    rows = pl.from_arrow(batch.rows)
    rows = rows.with_columns(
        pl.col(name).list.first() for name in rows.columns if isinstance(rows.schema[name], pl.List)
    )
    rows = rows.select(pl.col(name).cast(pl.String).alias(field) for field, name in names.items())
    return common.tidy(headed.selected(rows))
