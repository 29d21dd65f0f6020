"""One of two generations is always whole, and belongs to what asks for it."""

import os

import numpy as np
import pytest

from lib.training import checkpoints
from lib.workflow import artifacts

OURS = {"learning_rate": 0.001, "seed": 3}


def write(path, epoch):
    state = {"epoch": epoch, "losses": [[0.1 + epoch, 7], [1 / 3, 5]]}
    checkpoints.write(path, configuration=OURS, state=state, arrays={"weights 000": np.full(3, epoch)})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "seed0.npz"


def test_what_was_written_comes_back_to_the_last_bit(path):
    write(path, 1)
    state, arrays = checkpoints.read(path, configuration=OURS)
    assert state == {"epoch": 1, "losses": [[1.1, 7], [1 / 3, 5]]}
    assert list(arrays) == ["weights 000"]
    np.testing.assert_array_equal(arrays["weights 000"], [1, 1, 1])


def test_where_there_is_none_there_is_nothing_to_go_on_from(path):
    assert checkpoints.read(path, configuration=OURS) == (None, None)


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"", None])
def test_a_damaged_or_missing_one_falls_back_to_the_one_before(path, damage):
    write(path, 1)
    write(path, 2)
    assert checkpoints.read(path, configuration=OURS)[0]["epoch"] == 2
    path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
    assert checkpoints.read(path, configuration=OURS)[0]["epoch"] == 1


def test_a_flipped_bit_falls_back_too(path):
    write(path, 1)
    write(path, 2)
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY") + 140] ^= 4  # in the first array behind its header
    path.write_bytes(content)
    assert checkpoints.read(path, configuration=OURS)[0]["epoch"] == 1


@pytest.mark.parametrize("moment", ["savez", "replace", "rename"])
def test_a_run_that_dies_while_writing_leaves_one_that_is_whole(path, monkeypatch, moment):
    write(path, 1)
    write(path, 2)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if moment == "savez":
            patched.setattr(np, "savez", die)
        elif moment == "replace":
            patched.setattr(os, "replace", die)
        else:
            patched.setattr(artifacts.disk, "flush", die)  # the old one has moved, the new one has not
        with pytest.raises(KeyboardInterrupt):
            write(path, 3)
    assert checkpoints.read(path, configuration=OURS)[0]["epoch"] == 2


def test_one_of_another_configuration_is_refused_with_what_differs(path):
    write(path, 1)
    theirs = OURS | {"learning_rate": 0.01}
    with pytest.raises(
        ValueError, match=r"seed0\.npz belongs to another training \(learning_rate: 0.001 there, 0.01"
    ):
        checkpoints.read(path, configuration=theirs)
