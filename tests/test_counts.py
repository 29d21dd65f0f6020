"""Counting in memory, in files and on a cluster: one result."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from distributed import LocalCluster
from hypothesis import given
from hypothesis import strategies as st

from lib.listening import counts, matrix, plays
from lib.listening.layouts import recognition
from lib.workflow import cluster

BLOCK = 2_000  # bytes: some thirty rows


@pytest.fixture
def plays_file(tmp_path, rng, monkeypatch):
    """Fifteen hundred rows of 150 users and 60 artists, in no order; some are bad, some name a pair again.

    No more is read ahead than a block, or the whole file would be one.
    """
    monkeypatch.setattr(recognition, "HEAD_BYTES", BLOCK)
    n = 1_500
    rows = pl.DataFrame(
        {
            "user": [f"user {k}" for k in rng.integers(0, 150, n)],
            "mbid": [f"m{k}" if k % 3 else "" for k in rng.integers(0, 60, n)],
            "artist": [f"artist {k % 50}" for k in rng.integers(0, 60, n)],
            "plays": rng.integers(0, 40, n),
        }
    )
    rows.write_csv(tmp_path / "plays.csv")
    return tmp_path / "plays.csv"


def read(plays_file, **options):
    return plays.read(plays_file, registered_only=False, require_mbid=False, **options)


def assert_same(one, other):
    """All that was read is the same, to the bit."""
    assert one.users.to_list() == other.users.to_list()
    assert one.rejects.equals(other.rejects)
    for name in ("summary", "ambiguous"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    assert_same_matrix(one.listening, other.listening)


def assert_same_matrix(one, other):
    assert one.plays.shape == other.plays.shape
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(one.plays, name), getattr(other.plays, name), strict=True)
    pd.testing.assert_frame_equal(one.artists, other.artists)


def test_small_blocks_and_rows_in_files_and_workers_of_a_cluster_give_the_same(plays_file, monkeypatch):
    whole = read(plays_file)
    assert len(whole.rejects) and whole.summary["rows"][1], "some rows are bad, and some are merged"
    assert_same(whole, read(plays_file, block_bytes=BLOCK))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as workers:
        for held in (counts.HELD_ROWS, 300):
            monkeypatch.setattr(counts, "HELD_ROWS", held)
            assert_same(whole, read(plays_file, block_bytes=BLOCK))
            assert_same(whole, read(plays_file, block_bytes=BLOCK, dask=workers.scheduler_address))


@pytest.mark.parametrize("held", [300, 100_000])
def test_the_artists_asked_for_are_those_that_top_leaves(plays_file, monkeypatch, held):
    whole = read(plays_file)
    monkeypatch.setattr(counts, "HELD_ROWS", held)
    some = read(plays_file, block_bytes=BLOCK, n_artists=5)
    assert_same_matrix(some.listening, matrix.top(whole.listening, 5))
    pd.testing.assert_frame_equal(some.summary, whole.summary)
    listens = np.diff(whole.listening.plays[:, :5].indptr) > 0
    assert some.users.to_list() == whole.users.filter(listens).to_list()


def test_more_artists_than_there_are_is_an_error_of_reading_too(plays_file):
    with pytest.raises(ValueError, match="n_artists=5000: the plays hold .* give at most"):
        read(plays_file, n_artists=5_000)


def test_no_file_is_left_of_rows_that_were_in_files(plays_file, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(counts, "HELD_ROWS", 300)
    spilled = []
    monkeypatch.setattr(counts.Rows, "_spill", spill_and_note(counts.Rows._spill, spilled))
    read(plays_file, block_bytes=BLOCK)
    with pytest.raises(ValueError, match="n_artists=5000: the plays hold 30"):
        read(plays_file, block_bytes=BLOCK, n_artists=5_000)
    assert len(spilled) > 5
    assert not list((tmp_path / "temporary").iterdir())


def spill_and_note(spill, spilled):
    def noted(rows):
        spilled.append(rows)
        spill(rows)

    return noted


@given(st.lists(st.lists(st.text("abcd", max_size=2), min_size=1), min_size=1))
def test_a_text_has_one_number_and_the_plays_of_all_its_rows(blocks):
    dictionary, number_of = counts.Dictionary(), {}
    for texts in blocks:
        table = pl.DataFrame({"text": texts})
        codes, met = counts.distinct(table, ["text"])
        assert met["text"].gather(codes).to_list() == texts
        assert met["text"].is_unique().all()
        ones = np.where(np.array(texts) == "a", 0, 1)
        numbers = dictionary.number(met.with_columns(plays=counts.sums(codes, ones, len(met))))
        for text, number in zip(texts, numbers[codes].tolist(), strict=True):
            assert number_of.setdefault(text, number) == number
    row, used = dictionary.used()
    every = [text for texts in blocks for text in texts if text != "a"]
    assert dict(used.select("text", "plays").rows()) == {text: every.count(text) for text in every}
    assert all(used["text"][int(row[number_of[text]])] == text for text in every)


def test_items_are_taken_no_faster_than_they_are_used():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    results = cluster.in_turn(divmod, items(), 7, n_threads=3)
    assert [next(results) for _ in range(5)] == [divmod(item, 7) for item in range(5)]
    assert len(taken) <= 5 + 3
    results.close()


def test_an_error_of_a_worker_is_the_callers():
    with pytest.raises(ZeroDivisionError):
        list(cluster.in_turn(divmod, [1, 2], 0))
