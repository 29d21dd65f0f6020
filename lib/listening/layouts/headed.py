"""A CSV or TSV whose first line names its columns: ``user, artist[, mbid][, plays]``, under any usual name.

How the text is written is `lib.listening.text`'s; which column is meant, `lib.listening.columns`'.
"""

from __future__ import annotations

from functools import partial

import polars as pl
import pyarrow as pa

from lib.listening import columns
from lib.listening.layouts import common

DESCRIPTION = "a CSV or TSV with a header (user, artist and perhaps mbid, plays)"
READ = ("user", "artist", "mbid", "plays")


def places(header):
    """The place of each field that has a column."""
    return columns.chosen(header, READ)


def parser(form, where):
    """How to parse a block.

    Parameters
    ----------
    form : lib.listening.text.Form
    where : dict of str to int
        From `places`, or more of them.

    Returns
    -------
    callable
        A block to the frame of `common.FIELDS`.
    """
    return partial(table, form=form, where=where)


def table(block, *, form, where):
    """A block's rows."""
    return common.tidy(selected(fields(block, form, where)), decimal_comma=form.delimiter == ";")


def selected(table):
    """Columns as the counting needs them: what is not there is empty, or 1 for plays."""
    there = {"user": "user", "mbid": "mbid", "artist": "name", "plays": "plays"}
    missing = {"mbid": "", "name": "", "plays": "1"}
    table = table.rename({field: name for field, name in there.items() if field in table.columns})
    return table.with_columns(
        pl.lit(value).alias(name) for name, value in missing.items() if name not in table.columns
    )


def fields(block, form, where):
    """The wanted fields of a block, with ``whole`` and ``text`` where lines were looked at.

    Parameters
    ----------
    block : bytes
    form : lib.listening.text.Form
    where : dict of str to int
        Place of each field.

    Returns
    -------
    pl.DataFrame
        Text columns, called as the fields are.
    """
    every = [f"column {place}" for place in range(len(form.columns))]
    wanted = {field: pl.col(every[place]) for field, place in where.items()}
    quotes = b'"' in block if form.quoted else b'""' in block
    if not quotes and (rows := common.at_once(block, every, form.delimiter)) is not None:
        return rows.select(**wanted)
    lines = common.lines(block)
    by_hand = pl.col("text").str.contains('"' if form.quoted else '""', literal=True)
    split = (
        pl.when(by_hand)
        .then(pl.col("text").map_batches(partial(_by_hand, form=form), return_dtype=pl.List(pl.String)))
        .otherwise(pl.col("text").str.split(form.delimiter))
    )
    rows = lines.with_columns(fields=split).with_columns(n=pl.col("fields").list.len())
    n_columns, whole = len(form.columns), pl.col("n") == len(form.columns)
    if (rows["n"] > n_columns).any():  # an empty field behind the last column is none
        behind = pl.col("fields").list.slice(n_columns)
        whole |= (pl.col("n") > n_columns) & (behind.list.join("").str.strip_chars() == "")
    return rows.select(
        "text",
        **{field: pl.col("fields").list.get(place, null_on_oob=True) for field, place in where.items()},
        whole=whole,
    )


def _by_hand(texts, *, form):
    """The fields of the lines with quotes; the others are not looked at."""
    mark = '"' if form.quoted else '""'
    fields = [form.fields(text) if mark in text else None for text in texts]
    return pl.Series(pl.from_arrow(pa.array(fields, pa.list_(pa.large_string()))))
