"""Faults on purpose: no room, damage, signals, odd surroundings. Nothing lost, nothing half, nothing silent.

A seeded sample is tried here; ``run_all.py --test --all`` tries everything. Kills of single stages, damaged
answers, clips and spectrograms are tried where these are tested.
"""

import errno
import itertools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import toy_repository

import run_all
from lib.cli import copies, freshness, notebooks, runner, testing
from lib.ranking.scores import Scores
from lib.workflow import artifacts, disk, figures, kept, manifests, paths, profiles

ALL = bool(os.environ.get(testing.EVERYTHING))
ROWS = 20_000
FRAME = pd.DataFrame({"artist": [f"artist {k}" for k in range(ROWS)], "value": np.linspace(0, 1, ROWS)})


def sample(values, n):
    """All values with ``--all``, else `n` of them, the same ones each time."""
    values = list(values)
    return values if ALL or n >= len(values) else random.Random(20).sample(values, n)


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A toy repository that was not run yet, as the checkout of this process."""
    return toy_repository.enter(monkeypatch, toy_repository.build(tmp_path / "toy"))


# --- no room ------------------------------------------------------------------------------------------------


def picture(path):
    figure, axis = plt.subplots()
    axis.imshow(np.random.default_rng(0).random((80, 80)))
    figures.save(figure, path)
    plt.close(figure)


def arrays(path):
    with artifacts.replacing(path) as partial, open(partial, "wb") as file:
        np.savez(file, np.zeros(ROWS))


def notebook(path):
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text="a" * ROWS)])
    artifacts.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])), path)


WRITERS = {
    "x.txt": lambda path: artifacts.write_text("a" * ROWS, path),
    "x.json": lambda path: artifacts.write_json(list(range(ROWS)), path),
    "x.csv": lambda path: artifacts.write_csv(FRAME, path),
    "x.md": lambda path: artifacts.write_text(artifacts.markdown(FRAME), path),
    "x.parquet": lambda path: artifacts.write_parquet(FRAME, path),
    "x.png": picture,
    "x.npz": arrays,
    "scores.npz": lambda path: Scores.of_frames(
        {("l2", 0, 0): pd.DataFrame(np.eye(60), [f"{k}" for k in range(60)], [f"{k}" for k in range(60)])}
    ).save(path),
    "x.ipynb": notebook,
}


def refused(write, path, *said):
    """A writer without room says so in one sentence, and leaves what was there."""
    with pytest.raises(disk.DiskFull) as problem:
        write(path)
    text = str(problem.value)
    for part in (f"{path} could not be written: ", " are free", "Make room", *said):
        assert part in text
    assert "\n" not in text and "Errno" not in text
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == [path.name]


@pytest.fixture(params=list(WRITERS))
def written(request, tmp_path):
    path = tmp_path / request.param
    path.write_text("old")
    return WRITERS[request.param], path


def test_a_file_larger_than_the_limit_of_this_process_is_one_sentence(written):
    write, path = written
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        refused(write, path, "ulimit -f", "1.0 kB")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    write(path)
    assert path.read_bytes() != b"old"


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "your quota is used up")]
)
def test_a_disk_that_turns_out_to_be_full_when_the_file_is_flushed_is_one_sentence(
    written, monkeypatch, number, said
):
    write, path = written

    def fails(descriptor):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        refused(write, path, said, "the file needs more than the ")
    write(path)
    assert path.read_bytes() != b"old"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB; there is none where nothing may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_is_one_sentence(small_disk):
    for name, write in WRITERS.items():
        path = small_disk / name
        path.write_text("old")
        filler = small_disk / ".partial-filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(b"0" * 4096)
        with pytest.raises(disk.DiskFull, match="the disk is full") as problem:
            write(path)
        assert str(path) in str(problem.value)
        filler.unlink()
        assert path.read_text() == "old"
        assert os.listdir(small_disk) == [name]
        path.unlink()


def test_a_writer_that_says_it_in_its_own_words_is_understood(tmp_path):
    for text in (
        "160000 requested and 512 written",
        "IoError: No space left on device (os error 28)",
    ):
        assert disk.is_full(text)
        assert "the disk is full" in disk.room(tmp_path, text)
    assert not disk.is_full("ValueError: 3 requested")
    assert not disk.is_full(PermissionError(errno.EACCES, "Permission denied"))


def test_a_cell_that_writes_by_itself_gets_the_same_sentence(toy):
    cells = ["", 'profile: str = "demo"', "raise OSError(28, 'No space left on device')"]
    toy_repository.write(toy, "03_apart", cells)
    with pytest.raises(notebooks.StageFailed) as failure:
        notebooks.execute("03_apart", "demo", {"profile": "demo"})
    said = str(failure.value)
    assert "03_apart stopped in code cell 3 of 3: raise OSError" in said
    assert "the disk is full (" in said and "MUSIC_SIMILARITY_DATA" in said


@pytest.mark.parametrize("nth", [1, 2])
def test_where_the_notebook_or_the_manifest_has_no_room_the_stage_is_not_done(toy, monkeypatch, capsys, nth):
    options = run_all.parse(["--only", "03"])
    write, calls = artifacts.write_text, itertools.count(1)

    def full(text, path):
        if next(calls) == nth:
            raise disk.refused(path, OSError(errno.ENOSPC, "No space left on device"))
        write(text, path)

    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "write_text", full)
        assert runner.main(options) == 1
    place = ["notebooks/03_apart.ipynb", "manifests/03_apart.json"][nth - 1]
    said = capsys.readouterr().err
    assert said.startswith(
        "\n03_apart was executed, but\ndata/demo/" + place + " could not be written: the disk"
    )
    assert list((paths.data("demo") / "manifests").iterdir()) == []
    assert paths.executed("demo", "03_apart").exists() == (nth == 2)


# --- damage -------------------------------------------------------------------------------------------------


def flipped(content, bit):
    content = bytearray(content)
    content[bit // 8] ^= 1 << bit % 8
    return bytes(content)


def damages(content, other):
    """What may become of a file: truncated, emptied, one bit flipped, exchanged, removed."""
    bits = sample(range(8 * len(content)), 12) if len(content) < 4_000 or not ALL else range(0, 8_000, 7)
    yield from (content[:-1], content[: len(content) // 2], b"", other, None)
    yield from (flipped(content, bit) for bit in bits)


def spoil(path, content):
    path.unlink() if content is None else path.write_bytes(content)


FILES = {
    "x.json": lambda path, n: artifacts.write_json(list(range(n)), path),
    "x.tsv": lambda path, n: artifacts.write_csv(FRAME.head(n), path),
    "x.parquet": lambda path, n: artifacts.write_parquet(FRAME.head(n), path),
    "x.npz": lambda path, n: np.savez(path, np.zeros(n)),
    "x.png": lambda path, n: path.write_bytes(b"\x89PNG" + bytes(n)),
    "folder/x.mp3": lambda path, n: path.write_bytes(b"ID3" + bytes(n)),
}


def finished(n=5, stage="01_numbers", profile="demo"):
    """What `run_all.py` leaves of a stage with a file of every kind, one of them a record; no kernel runs."""
    paths.manifest(profile, stage).unlink(missing_ok=True)
    names = []
    for name, write in FILES.items():
        path = paths.data(profile) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, n)
        names.append(path.parent if "/" in name else path)
    values = {"profile": profile, "count": n, "numbers_file": ""}
    os.environ[artifacts.DRAFTS] = "1"
    artifacts.finish(stage, profile, values, names[1:], records=names[:1])
    del os.environ[artifacts.DRAFTS]
    cell = nbformat.v4.new_code_cell(f"print({n})", id="a")
    copies.write(nbformat.v4.new_notebook(cells=[cell]), paths.executed(profile, stage))
    assert not paths.manifest(profile, stage).exists()
    artifacts.seal(profile, stage, shortened=False)
    return values


def noticed(values):
    """What the next run or ``--list`` says of a stage; empty if nothing."""
    stale = freshness.why_stale("01_numbers", "demo", {"01_numbers": values})
    return stale or freshness.unlike_stored("01_numbers", "demo")[1]


def test_every_damage_of_a_file_that_a_stage_wrote_is_noticed(toy, monkeypatch):
    finished(6)
    places = [paths.data("demo") / name for name in FILES] + [paths.executed("demo", "01_numbers")]
    others = [path.read_bytes() for path in places]
    values = finished()
    inputs = artifacts.manifest("demo", "01_numbers").inputs
    monkeypatch.setattr(artifacts, "inputs", lambda *_: inputs)  # else all code is read again
    assert noticed(values) == ""
    for path, other in zip(places, others, strict=True):
        content = path.read_bytes()
        for damaged in damages(content, other):
            spoil(path, damaged)
            assert noticed(values), path
        path.write_bytes(content)
    assert noticed(values) == ""


def test_no_damage_of_a_manifest_changes_what_is_read_from_it(toy):
    finished(6)
    path = paths.manifest("demo", "01_numbers")
    other = path.read_bytes()
    values = finished()
    content, made = path.read_bytes(), artifacts.manifest("demo", "01_numbers")
    assert {entry.get("lines") for entry in made.outputs.values()} == {None, 6}
    assert {entry.get("rows") for entry in made.outputs.values()} == {None, 5}
    assert made.made_with["threads"] > 0
    bits = range(8 * len(content)) if ALL else sample(range(8 * len(content)), 300)
    for damaged in [*(flipped(content, bit) for bit in bits), b"", content[:-40], other]:
        path.write_bytes(damaged)
        if not noticed(values):  # such as a space that became another one
            assert artifacts.manifest("demo", "01_numbers") == made
    path.write_bytes(content.replace(b'"numpy": "', b'"numpy": "9'))
    assert noticed(values) == "it left a damaged manifest"
    path.write_bytes(content)
    path.rename(paths.manifest("demo", "03_apart"))
    with pytest.raises(artifacts.MissingArtifact, match="left the manifest of another stage or profile"):
        artifacts.manifest("demo", "03_apart")


def test_every_damage_of_a_kept_result_has_it_made_again(tmp_path):
    store, code = kept.Kept(tmp_path), "lib.workflow.kept"

    def made(n):
        return store.result("x", lambda: {"a": np.arange(n), "t": FRAME.head(n)}, code=code, n=n)

    made(6)
    others = {path.suffix: path.read_bytes() for path in tmp_path.iterdir()}
    shutil.rmtree(tmp_path)
    made(5)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in (".npz", ".json")}
    for path, content in whole.items():
        for damaged in damages(content, others[path.suffix]):
            spoil(path, damaged)
            np.testing.assert_array_equal(made(5)["a"], np.arange(5))
    for path in whole:  # both of another result, under the names of this one
        path.write_bytes(others[path.suffix])
    np.testing.assert_array_equal(made(5)["a"], np.arange(5))


def test_what_was_damaged_is_not_read_by_a_later_stage_and_the_command_is_named(toy, monkeypatch, capsys):
    finished()
    (paths.data("demo") / "x.tsv").write_text("swapped")
    monkeypatch.setattr(notebooks, "execute", lambda *_, **__: pytest.fail("ran"))
    profile, parameters = profiles.resolve("demo", ["01.count=5"])
    message = "data/demo/x.tsv is not what the stage wrote, 01_numbers. Run: python3 run_all.py --only 01"
    with pytest.raises(artifacts.MissingArtifact, match=message):
        runner.run(profile, parameters, ["02_scaled"])
    with pytest.raises(artifacts.MissingArtifact, match=message):
        artifacts.verified("demo", "01_numbers")


def test_a_notebook_that_a_person_has_changed_is_said_and_nothing_runs(toy, monkeypatch, capsys):
    values = finished()
    path = paths.executed("demo", "01_numbers")
    path.write_text(path.read_text().replace("print(5)", "print(7)"))
    monkeypatch.setattr(notebooks, "execute", lambda *_, **__: pytest.fail("ran"))
    profile, parameters = profiles.resolve("demo", ["01.count=5"])
    assert runner.run(profile, parameters | {"01_numbers": values}, ["01_numbers"]) == 0
    said = capsys.readouterr().out
    assert "01_numbers · fresh; data/demo/notebooks/01_numbers.ipynb is not as it was executed" in said
    assert "--force --only 01" in said
    path.unlink()
    assert noticed(values) == "data/demo/notebooks/01_numbers.ipynb is gone"


# --- signals ------------------------------------------------------------------------------------------------


@pytest.fixture
def busy(tmp_path):
    """A toy repository whose third stage writes a line again and again until it is ended."""
    folder = toy_repository.build(tmp_path / "toy")
    cell = (
        "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\n"
        "while True:\n    print('a' * 2000)\n    time.sleep(.002)"
    )
    toy_repository.write(
        folder, "03_apart", ["from lib.workflow import artifacts", 'profile: str = "demo"', cell]
    )
    return folder


def started(folder, *arguments):
    outside = {name: value for name, value in os.environ.items() if name not in paths.MOVABLE.values()}
    command = [sys.executable, "run_all.py", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=outside, start_new_session=True, text=True, **pipes)


def ended(process, number):
    """One sentence and the code of the signal."""
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=300)
    assert said.strip() == f"{run_all.SIGNALS[number]}. {run_all.RESUMES}"
    assert process.returncode == 128 + number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_cell_writes_ends_in_one_sentence_and_no_kernel_stays(busy, number):
    process, pid = started(busy, "--only", "03"), busy / "notebooks" / "pid"
    deadline = time.monotonic() + 300
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    ended(process, number)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not (busy / "data" / "demo" / "manifests" / "03_apart.json").exists()


@pytest.mark.parametrize("moment", sample([k / 8 for k in range(1, 49)], 3))
def test_a_signal_at_any_moment_of_the_start_ends_in_one_sentence(busy, moment):
    """From when Python itself has started: what it does before that is not ours to handle."""
    process = started(busy, "--only", "03")
    handled = f"/proc/{process.pid}/status"
    while not ready(handled):
        time.sleep(0.005)
    time.sleep(moment)
    ended(process, random.Random(moment).choice([signal.SIGINT, signal.SIGTERM]))


def ready(status):
    """Whether a process handles SIGTERM, as `run_all.py` does from its first lines on."""
    caught = next(line for line in Path(status).read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_environment_is_set_up_leaves_nothing(tmp_path, monkeypatch, capsys, number):
    for name, file in {"ROOT": "", "VENV": ".venv", "STAMP": ".venv/complete"}.items():
        monkeypatch.setattr(run_all, name, str(tmp_path / file))

    def fetch(commands):
        (tmp_path / ".venv").mkdir()
        os.kill(os.getpid(), number)
        time.sleep(60)

    monkeypatch.setattr(run_all, "fetch", fetch)
    before = [signal.getsignal(each) for each in run_all.SIGNALS]
    with pytest.raises(SystemExit) as stopped:
        run_all.build()
    assert stopped.value.code == 128 + number
    assert capsys.readouterr().err.strip() == (
        f"{run_all.SIGNALS[number]} while .venv was set up; nothing of it stays. Run this again."
    )
    assert os.listdir(tmp_path) == []
    assert [signal.getsignal(each) for each in run_all.SIGNALS] == before


def test_the_lock_of_a_profile_is_free_once_its_holder_was_killed(tmp_path):
    holds = (
        "import sys, time\nfrom pathlib import Path\nfrom lib.workflow import artifacts\n"
        "with artifacts.locked(Path(sys.argv[1]), RuntimeError()):\n    print('held', flush=True)\n"
        "    time.sleep(600)"
    )
    command = [sys.executable, "-c", holds, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=paths.root()) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RuntimeError, match="at work"),
            artifacts.locked(tmp_path, RuntimeError("at work")),
        ):
            raise AssertionError
        holder.kill()
        holder.wait()
        with artifacts.locked(tmp_path, RuntimeError("at work")):
            pass


# --- surroundings -------------------------------------------------------------------------------------------

PLACE = "a folder with spaces, ünïcödé 音楽 and a long name " + "x" * 120
SURROUNDINGS = {
    "locale": {"LC_ALL": "C", "PYTHONUTF8": "0"},
    "time zone": {"TZ": "Pacific/Kiritimati"},
    "hash seed": {"PYTHONHASHSEED": "77"},
    "no home": {"HOME": None},
    "umask": {},
    "flood": {},
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = toy_repository.build(tmp_path_factory.mktemp("plain") / "toy")
    return results(folder, folder)


def results(folder, cwd, changes=None, umask=0o022):
    """What the first two toy stages write, by name."""
    outside = {name: value for name, value in os.environ.items() if name not in paths.MOVABLE.values()}
    outside |= {"TMPDIR": str(folder.parent)} | (changes or {})
    outside = {name: value for name, value in outside.items() if value is not None}
    command = [sys.executable, str(folder / "run_all.py"), "--only", "01", "02"]
    done = subprocess.run(
        command, cwd=cwd, env=outside, umask=umask, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = [folder / "data" / "demo" / "numbers.json", folder / "figures" / "scaled.json"]
    manifest = json.loads((folder / "data" / "demo" / "manifests" / "02_scaled.json").read_text())
    return [file.read_bytes() for file in files], manifest["key"], manifest["outputs"]


@pytest.mark.parametrize("which", [*SURROUNDINGS] if ALL else [["all of them"]])
def test_surroundings_change_no_byte(undisturbed, tmp_path, which):
    names = [which] if ALL else list(SURROUNDINGS)
    folder = toy_repository.build(tmp_path / PLACE / "toy")
    if "flood" in names:
        cells = list(toy_repository.NOTEBOOKS["01_numbers"])
        cells[2] = cells[2].replace('"noise"', '"noise\\n" * 200_000')
        toy_repository.write(folder, "01_numbers", cells)
    changes = {name: value for each in names for name, value in SURROUNDINGS[each].items()}
    umask = 0o077 if "umask" in names else 0o022
    assert results(folder, tmp_path, changes, umask) == undisturbed


def test_the_order_of_directories_and_the_clock_change_no_checksum(toy, monkeypatch):
    values = finished()
    listed, rng = Path.rglob, random.Random(1)

    def shuffled(folder, pattern):
        found = list(listed(folder, pattern))
        rng.shuffle(found)
        return iter(found)

    for name in "abcdefgh":
        (paths.data("demo") / "folder" / name).write_text(name)
    before = artifacts.sha256(paths.data("demo") / "folder")
    monkeypatch.setattr(Path, "rglob", shuffled)
    assert artifacts.sha256(paths.data("demo") / "folder") == before
    for name in "abcdefgh":
        (paths.data("demo") / "folder" / name).unlink()
    for moment in (0, 4_000_000_000):  # 1970, and a time to come
        for path in listed(paths.data("demo"), "*"):
            os.utime(path, (moment, moment))
        assert noticed(values) == ""


def test_files_are_counted_as_they_are_read_again(tmp_path):
    frame = pd.DataFrame({"name": ['a "b"', "two\nlines", "c,d", None], "n": [1, 2, 3, 4]})
    for name in ("x.csv", "x.tsv", "x.parquet"):
        write = artifacts.write_parquet if name.endswith("parquet") else artifacts.write_csv
        write(frame, tmp_path / name)
        (described,) = manifests.described([tmp_path / name]).values()
        assert described.get("rows", described.get("lines", 0) - 1) == len(frame)
