"""The door: what it says and does, on a toy repository of three notebooks."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
import toy_repository

import run_all
from lib.cli import freshness, kernels, notebooks, reproduction, runner, testing
from lib.workflow import artifacts, machine, packages, paths, profiles, progress

CHECKOUT = paths.root()
MANIFEST = 'artifacts.finish("03_apart", profile, globals(), [])'


def door(folder, *arguments):
    """Call `run_all.py` of a toy repository as a person would."""
    outside = {name: value for name, value in os.environ.items() if name not in paths.MOVABLE.values()}
    command = [sys.executable, "run_all.py", *arguments]
    return subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A toy repository whose three stages have been run, and what the door said."""
    folder = toy_repository.build(tmp_path_factory.mktemp("toy") / "ran")
    return folder, door(folder)


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A toy repository that was not run yet, as the checkout of this process."""
    return toy_repository.enter(monkeypatch, toy_repository.build(tmp_path / "toy"))


@pytest.fixture
def fresh(monkeypatch, tmp_path, ran):
    """A copy of the toy repository whose stages are fresh, as the checkout of this process."""
    return toy_repository.enter(monkeypatch, shutil.copytree(ran[0], tmp_path / "fresh"))


def run(*overrides, wanted=None, **options):
    profile, parameters = profiles.resolve("demo", overrides)
    return runner.run(profile, parameters, wanted or runner.selected(), **options)


def plan(*overrides, wanted=None, **options):
    profile, parameters = profiles.resolve("demo", overrides)
    return runner.plan(profile, parameters, wanted or runner.selected(), **options)


def stopped(toy, *sources):
    """What is said when a stage of these cells does not come to its end."""
    cells = [
        "from lib import toy\nfrom lib.workflow import artifacts",
        'profile: str = "demo"',
        *sources,
        MANIFEST,
    ]
    toy_repository.write(toy, "03_apart", cells)
    with pytest.raises(notebooks.StageFailed) as failure:
        run(wanted=["03_apart"])
    assert not paths.manifest("demo", "03_apart").exists()
    return str(failure.value)


# --- set-up -------------------------------------------------------------------------------------------------


def test_the_door_can_be_read_by_an_old_python():
    with open(run_all.__file__) as file:
        ast.parse(file.read(), feature_version=(3, 6))


def test_a_python_that_is_too_old_is_told_which_one_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(
        SystemExit, match=r"needs Python 3.11 to 3.13, but .* is 3.9.*\n.*apt-get install python3.11"
    ):
        run_all.use_supported_python([])


def test_a_python_that_is_too_old_gives_way_to_a_newer_one_that_works(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(
        shutil, "which", lambda name: "/bin/false" if name == "python3.13" else f"/bin/{name}"
    )
    monkeypatch.setattr(run_all, "works", lambda python: python == "/bin/python3.12")
    monkeypatch.setattr(run_all, "become", lambda python, arguments: sys.exit(f"{python} {arguments}"))
    with pytest.raises(SystemExit, match=r"/bin/python3.12 \['--list'\]"):
        run_all.use_supported_python(["--list"])


def test_an_interpreter_that_does_not_start_does_not_work():
    assert run_all.works(sys.executable)
    assert not run_all.works("/bin/false")
    assert not run_all.works("/no/such/python")


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A checkout without an environment."""
    for name, file in {
        "ROOT": "",
        "LOCK": "requirements.lock",
        "VENV": ".venv",
        "STAMP": ".venv/complete",
    }.items():
        monkeypatch.setattr(run_all, name, str(tmp_path / file))
    (tmp_path / "requirements.lock").write_text(
        "tensorflow==1 \\\n    --hash=sha256:0\n    # via us\nsix==1\n"
    )
    return tmp_path


def test_a_python_without_ensurepip_is_told_what_to_install(bare, monkeypatch):
    monkeypatch.setattr(
        run_all.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name
    )
    with pytest.raises(SystemExit, match="ensurepip is missing.\nOn Debian or Ubuntu: .* python3-venv"):
        run_all.build()


def test_a_disk_that_is_too_small_is_seen_before_anything_is_written(bare, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1.26e9))
    with pytest.raises(SystemExit, match="needs 4 GB of disk, but only 1.3 GB are free"):
        run_all.build()
    assert os.listdir(bare) == ["requirements.lock"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk ran full"),
        (
            "NewConnectionError(...): Failed to establish a new connection\nNo matching distribution",
            "no connection",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that was locked"),
        ("something\nelse", "could not be built:\n  something\n  else"),
    ],
)
def test_a_failed_set_up_says_what_it_lacked_and_leaves_nothing(bare, monkeypatch, said, message):
    def fetch(commands, meanwhile=None):
        (bare / ".venv").mkdir()
        raise run_all.SetUpFailed(said)

    monkeypatch.setattr(run_all, "fetch", fetch)
    with pytest.raises(SystemExit, match=message):
        run_all.build()
    assert os.listdir(bare) == ["requirements.lock"]


def test_the_sizes_that_are_stated_before_the_set_up_are_those_of_this_lock():
    taken = json.loads(packages.size_file().read_text())["environment_mb"]
    assert taken / 1000 < run_all.GIGABYTES
    assert re.fullmatch(
        r"About 1\.\d GB of packages are fetched, .*takes \d\.\d GB of disk\.", packages.outlook()
    )


def test_sizes_of_another_lock_are_not_stated(toy):
    assert "not known for this requirements.lock" in packages.outlook()
    shutil.copy(CHECKOUT / packages.size_file().name, toy)
    assert packages.outlook().startswith("About 1.")
    with paths.lock().open("a") as lock:
        lock.write("six==2\n")
    assert "not known for this requirements.lock" in packages.outlook()


def test_the_environment_counts_only_once_its_stamp_is_written(bare, monkeypatch):
    def install(report):
        assert not run_all.built()

    monkeypatch.setattr(run_all, "fetch", lambda commands: os.makedirs(bare / ".venv" / "bin"))
    monkeypatch.setattr(run_all, "install", install)
    monkeypatch.setattr(run_all, "works", lambda python: True)
    run_all.build()
    assert run_all.built()
    (bare / "requirements.lock").write_text("six==2\n")
    assert not run_all.built()


def test_the_lock_is_shared_out_among_several_installers(bare, monkeypatch):
    (bare / ".venv" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    shares = []

    def fetch(commands, meanwhile):
        for command in commands:
            assert {"--require-hashes", "--no-deps", "--no-compile"} <= set(command)
            with open(command[-1]) as file:
                shares.append(file.read())

    monkeypatch.setattr(run_all, "fetch", fetch)
    run_all.install(print)
    assert shares == ["tensorflow==1 \\\n    --hash=sha256:0\n", "six==1\n"]


def test_when_one_installer_fails_the_others_are_ended():
    started = time.monotonic()
    sleeps, fails = [sys.executable, "-c", "import time; time.sleep(60)"], [sys.executable, "-c", "1/0"]
    with pytest.raises(run_all.SetUpFailed, match="ZeroDivisionError"):
        run_all.fetch([sleeps, fails])
    assert time.monotonic() - started < 30


def test_an_active_environment_that_satisfies_the_lock_is_used():
    assert run_all.differences() == []


def test_an_active_environment_with_another_version_is_not_used(bare):
    (bare / "requirements.lock").write_text('pytest==1.0\nnot-there==1\nnot-here==1 ; python_version < "3"\n')
    assert run_all.differences() == [
        f"pytest==1.0 wanted, {pytest.__version__} found",
        "not-there==1 wanted, no version found",
    ]


# --- what is asked ------------------------------------------------------------------------------------------


def test_help_needs_no_environment(tmp_path):
    shutil.copy(run_all.__file__, tmp_path)
    bare_python = [getattr(sys, "_base_executable", sys.executable), "-I", "run_all.py", "--help"]
    said = subprocess.run(bare_python, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0
    assert "--refresh-notebooks" in said.stdout


def test_what_follows_two_dashes_is_passed_on():
    assert run_all.parse(["--test", "--", "-k", "ranking"]).rest == ["-k", "ranking"]
    with pytest.raises(SystemExit):
        run_all.parse(["--list", "--", "-k"])


def test_dask_is_the_parameter_of_notebooks_01_and_03_by_a_shorter_name():
    address = "tcp://10.0.0.1:8786"
    options = run_all.parse(["--dask", address])
    parameters = profiles.resolve("demo", options.parameters)[1]
    assert parameters["01_listening_data"]["dask"] == parameters["03_spectrograms"]["dask"] == address


def test_every_fault_is_tried_only_where_tests_run():
    assert run_all.parse(["--test", "--all"]).all
    for wrong in (["--all"], ["--verify", "--force"], ["--verify", "--list"]):
        with pytest.raises(SystemExit):
            run_all.parse(wrong)


def test_only_the_demo_is_verified(toy):
    with pytest.raises(profiles.ProfileError, match="--verify goes without --profile and -p"):
        runner.verify(profiles.resolve("demo", ["02.factor=3"])[1])


def test_stages_are_selected_by_their_beginnings_in_the_order_of_the_pipeline(toy):
    assert runner.selected(["03", "01"]) == ["01_numbers", "03_apart"]
    assert runner.selected(first="02") == ["02_scaled", "03_apart"]
    assert runner.selected(["01", "03"], "02") == ["03_apart"]


@pytest.fixture
def contained(monkeypatch):
    """What `runner.main` sets for its whole process ends with the test."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "02.factr=1"], "Known: profile, factor, name"),
        (["--profile", "big"], "There is no profile 'big'. Known: demo"),
        (["--only", "07"], "Known: 01_numbers, 02_scaled, 03_apart"),
        (["--only", "02"], "01_numbers has not been run for the profile demo"),
    ],
)
def test_what_is_unknown_ends_in_one_message(toy, contained, capsys, arguments, message):
    assert runner.main(run_all.parse(arguments)) == 1
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err


# --- running ------------------------------------------------------------------------------------------------


def test_a_run_is_one_line_a_stage_and_ends_with_what_it_wrote(ran):
    folder, said = ran
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert [line.partition(" · done · 0:")[0] for line in lines[:3]] == list(toy_repository.NEEDS)
    assert lines[3] == said.stderr == ""
    assert lines[-8].startswith("3 of 3 stages ran in 0:")
    assert lines[-7:] == [
        "  data/demo/numbers.json",
        "  data/demo/notebooks/01_numbers.ipynb",
        "  figures/scaled.json",
        "  data/demo/notebooks/02_scaled.ipynb",
        "  data/demo/apart.txt",
        "  data/demo/notebooks/03_apart.ipynb",
        "Nothing to compare the figures with: this is no git checkout with committed figures.",
    ]
    assert (folder / "figures" / "scaled.json").read_text() == "[\n 0.0,\n 2.0,\n 4.0\n]\n"


def test_the_next_run_says_how_long_it_takes_by_the_last_one(fresh, capsys):
    times = freshness.ahead("demo", runner.selected())
    took = [artifacts.manifest("demo", stage).notebook["seconds"] for stage in runner.selected()]
    assert [each["expected"] for each in times.values()][::-1] == took
    assert times["01_numbers"]["later"] == sum(took[1:])
    assert times["03_apart"]["later"] == 0
    runner.show(*profiles.resolve("demo"), runner.selected(), force=True)
    first = times["01_numbers"]
    whole = progress.clock(first["expected"] + first["later"])  # rounded sums depend on their order
    assert f"the last time, these 3 took {whole}" in capsys.readouterr().out
    run("01.count=2", wanted=["01_numbers", "02_scaled"])
    assert capsys.readouterr().out.startswith("01_numbers · less than a minute left · done · ")


def test_where_one_stage_has_no_time_nothing_is_claimed_of_it_and_those_before(fresh):
    paths.manifest("demo", "02_scaled").unlink()
    assert list(freshness.ahead("demo", runner.selected())) == ["03_apart"]


def test_what_libraries_write_past_a_notebook_reaches_no_terminal(toy):
    cell = "import os\nos.write(1, b'notice')\nos.system('echo E0000 failed call >&2')"
    cells = ["from lib.workflow import artifacts", 'profile: str = "demo"', cell, MANIFEST]
    toy_repository.write(toy, "03_apart", cells)
    said = door(toy, "--only", "03")
    assert said.returncode == 0
    assert "notice" not in said.stdout and said.stderr == ""


def test_a_kernel_that_cannot_start_says_why(toy):
    (toy / "ipykernel_launcher.py").write_text("raise ImportError('no such thing')")
    with pytest.raises(notebooks.StageFailed) as failure:
        run(wanted=["03_apart"])
    first, *_, last, _ = str(failure.value).splitlines()
    assert first.startswith("03_apart could not begin: Kernel died")
    assert last == "  ImportError: no such thing"


def test_notices_of_tensorflow_are_not_what_a_kernel_died_of():
    messages = kernels.Messages()
    messages.file.write(b"WARNING: All log messages before absl::InitializeLog() is called\n")
    messages.file.write(b"E0000 00:00:1795724454.059710 30352 cuda_platform.cc:52] failed call to cuInit\n")
    assert messages.last() == ""
    messages.file.write(b"std::bad_alloc\n")
    assert messages.last() == "\nIt wrote:\n  std::bad_alloc"


def test_after_a_run_all_is_fresh_and_nothing_runs_again(fresh, capsys):
    assert set(plan().values()) == {(False, "fresh")}
    assert run() == 0
    assert "0 of 3 stages ran" in capsys.readouterr().out


@pytest.fixture
def committed_figures(monkeypatch, tmp_path):
    """Figures that the last commit holds, beside those of a run."""
    then, now = tmp_path / "then", tmp_path / "now"
    then.mkdir()
    (then / "run.json").write_text(json.dumps(machine.made_with()))
    (then / "table1_ranking.csv").write_text(
        "truth,candidates,fold,method,metric,n,value,ci_low,ci_high\n"
        "corrected,test,0,l2,unordered,10,0.3,0.2,0.4\n"
    )
    for name in ("ledger", "filter_claims"):
        (then / f"{name}.csv").write_text("claim,kind,verdict\na claim,primary,holds\n")
    shutil.copytree(then, now)
    monkeypatch.setattr(reproduction, "committed_figures", lambda folder: then)
    monkeypatch.setattr(paths, "figures", lambda profile: now)
    return now


def test_after_a_run_of_the_demo_one_is_told_whether_the_figures_came_out_the_same(committed_figures):
    assert runner.reproduced().startswith("The figures are the committed ones, byte for byte")
    ledger = committed_figures / "ledger.csv"
    ledger.write_text(ledger.read_text().replace("holds", "inconclusive"))
    assert "1 of 2 verdicts changed, 1 of them primary." in runner.reproduced()
    ledger.unlink()
    assert runner.reproduced() == (
        "The figures were not compared with the committed ones: ledger.csv is missing."
    )


def test_figures_of_other_parameters_are_not_compared_with_those_of_the_demo(fresh, capsys):
    run("02.factor=1", wanted=["02_scaled"])
    assert "ompare" not in capsys.readouterr().out


def test_one_parameter_reruns_its_stage_and_what_depends_on_it_only_if_the_results_differ(fresh, capsys):
    assert plan("01.count=2") == {
        "01_numbers": (True, "parameter count: 3 -> 2"),
        "02_scaled": (True, "unless 01_numbers comes out the same"),
        "03_apart": (False, "fresh"),
    }
    run("01.count=2")
    assert "2 of 3 stages ran" in capsys.readouterr().out
    assert (fresh / "figures" / "scaled.json").read_text() == "[\n 0.0,\n 2.0\n]\n"
    (fresh / "n.txt").write_text("")
    run("01.count=2", f"01.numbers_file={fresh / 'n.txt'}")
    said = capsys.readouterr().out
    assert "02_scaled · fresh" in said
    assert "1 of 3 stages ran" in said


def test_without_the_override_the_next_run_goes_back_to_the_default(fresh):
    run("02.factor=1", wanted=["02_scaled"])
    assert plan()["02_scaled"] == (True, "parameter factor: 1.0 -> 2.0")


def test_a_stage_that_is_not_asked_for_is_left_alone_and_said_to_be_stale(fresh, capsys):
    assert plan("01.count=2", wanted=["02_scaled"])["01_numbers"] == (
        False,
        "not asked for; stale: parameter count: 3 -> 2",
    )
    run("01.count=2", wanted=["02_scaled"], force=True)
    assert "reads 01_numbers as it is, though that is stale: parameter count" in capsys.readouterr().out


def test_a_list_of_what_cannot_run_fails(fresh, monkeypatch, capsys):
    assert runner.show(*profiles.resolve("demo"), runner.selected()) == 0

    def refuse(*_):
        raise profiles.ProfileError("02.factor is too large")

    monkeypatch.setattr(runner, "beforehand", refuse)
    capsys.readouterr()
    assert runner.show(*profiles.resolve("demo"), runner.selected()) == 1
    assert "This cannot run as it is:\n02.factor is too large" in capsys.readouterr().out


def test_where_data_were_moved_a_run_prints_where_they_are(toy, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", str(tmp_path / "elsewhere"))
    run(wanted=["03_apart"])
    assert f"  {tmp_path}/elsewhere/demo/apart.txt\n" in capsys.readouterr().out
    assert "data/demo/apart.txt" in paths.manifest("demo", "03_apart").read_text()


def test_a_failure_names_notebook_cell_and_cause_in_a_few_lines(fresh, contained, capfd):
    assert runner.main(run_all.parse(["-p", "02.factor=-1"])) == 1
    assert capfd.readouterr().err.strip().splitlines() == [
        "02_scaled stopped in code cell 4 of 5: artifacts.write_json("
        'toy.scaled(numbers, factor), paths.figures(profile) / "scaled.json")',
        "ValueError: The factor must not be negative, but is -1.0.",
        "  raised in lib/toy.py, line 6",
        "Its whole output: data/demo/notebooks/02_scaled.ipynb",
    ]


@pytest.mark.parametrize("cell", ["import sys\nsys.exit(0)", "import os\nos._exit(0)"])
def test_a_stage_that_ends_early_without_an_error_is_not_done(toy, cell):
    said = stopped(toy, cell)
    assert "03_apart" in said
    assert (
        "its kernel died in code cell 3 of 4: import os" in said or "before its last cell had written" in said
    )


def test_a_stage_that_assigns_to_its_parameter_is_not_done(toy):
    cells = ["from lib.workflow import artifacts", 'profile: str = "demo"\nn: int = 1', "n = 2", MANIFEST]
    toy_repository.write(toy, "03_apart", cells)
    with pytest.raises(notebooks.StageFailed, match="does a cell assign to n"):
        run(wanted=["03_apart"])
    assert not paths.manifest("demo", "03_apart").exists()


def test_an_interrupted_run_ends_its_kernel_and_leaves_nothing_half(toy):
    cell = """
with artifacts.replacing(paths.data(profile) / "a.txt") as temporary:
    temporary.write_text("half")
    pathlib.Path("pid").write_text(str(os.getpid()))
    time.sleep(900)"""
    imports = "import pathlib, os, time\nfrom lib.workflow import artifacts, paths"
    cells = [imports, 'profile: str = "demo"', cell, MANIFEST]
    toy_repository.write(toy, "03_apart", cells)
    command = [sys.executable, "run_all.py", "--only", "03"]
    process = subprocess.Popen(command, cwd=toy, start_new_session=True, stderr=subprocess.PIPE, text=True)
    pid, deadline = toy / "notebooks" / "pid", time.monotonic() + 600
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    kernel = int(pid.read_text())
    os.killpg(process.pid, signal.SIGINT)
    assert "Interrupted" in process.communicate(timeout=600)[1]
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)
    assert [path.name for path in paths.data("demo").rglob("*") if path.is_file()] == []


def test_a_reader_that_leaves_early_ends_the_list_without_a_message(toy):
    reader, writer = os.pipe()
    command = [sys.executable, "-u", "run_all.py", "--list"]
    with subprocess.Popen(command, cwd=toy, stdout=writer, stderr=subprocess.PIPE, text=True) as said:
        os.close(writer)
        os.close(reader)
        assert said.stderr.read() == ""
    assert said.returncode == runner.NO_READER


def test_two_runs_of_one_profile_do_not_meet(toy):
    message = "Another run of the profile demo"
    with runner.alone("demo"), pytest.raises(notebooks.StageFailed, match=message), runner.alone("demo"):
        pass
    with runner.alone("demo"), runner.alone("own"):
        pass


def test_threads_are_fixed_in_one_place(monkeypatch):
    pools = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

    def threads():
        return [notebooks.environment()[pool] for pool in pools]

    assert threads() == ["2", "1", "2"]
    assert notebooks.environment()["TF_ENABLE_ONEDNN_OPTS"] == "1"  # TensorFlow decides by the processor
    for given, expected in {"6": ["6", "3", "2"], "1": ["1", "1", "1"]}.items():
        monkeypatch.setenv("MUSIC_SIMILARITY_THREADS", given)
        assert threads() == expected
    monkeypatch.setenv("MUSIC_SIMILARITY_THREADS", "all")
    with pytest.raises(notebooks.StageFailed, match="whole number of threads from 1 on, but is 'all'"):
        notebooks.environment()


def test_folders_that_are_moved_relatively_are_the_same_for_every_kernel(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSIC_SIMILARITY_DATA", "here")
    monkeypatch.delenv("MUSIC_SIMILARITY_FIGURES", raising=False)
    environment = notebooks.environment()
    assert environment["MUSIC_SIMILARITY_DATA"] == str((tmp_path / "here").resolve())
    assert "MUSIC_SIMILARITY_FIGURES" not in environment


def test_the_benchmark_of_the_demo_counts_what_each_stage_starts_and_leaves_nothing(toy):
    for name in ("__init__", "demo"):
        (toy / "benchmarks").mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / "benchmarks" / f"{name}.py", toy / "benchmarks")
    busy = "import time\\nwhile time.process_time() < 1: pass"
    cell = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', '{busy}'], check=True)"
    cells = ["from lib.workflow import artifacts", 'profile: str = "demo"', cell, MANIFEST]
    toy_repository.write(toy, "03_apart", cells)
    command = [sys.executable, "-m", "benchmarks.demo", "--only", "01", "03"]
    said = subprocess.run(command, cwd=toy, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    each = ["01_numbers", "03_apart", "door"]
    assert list(found) == ["cpu_seconds", "wall_seconds", "peak_gb", "threads", "cpu", *each]
    assert found["03_apart"] >= 1
    assert found["cpu_seconds"] == pytest.approx(sum(found[key] for key in each), abs=0.2)
    assert found["peak_gb"] > 0
    assert not (toy / "data").exists()


def test_the_door_does_not_load_a_grammar_that_it_has_no_use_for(toy):
    code = "import sys, run_all; run_all.main(['--list']); print('lark' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=toy, capture_output=True, text=True, check=True)
    assert said.stdout.endswith("False\n")


# --- notebooks as they are kept -----------------------------------------------------------------------------


def test_two_refreshes_store_the_same_bytes(fresh):
    wanted = ["02_scaled"]
    stored = []
    for _ in range(2):
        runner.refresh("demo", profiles.resolve("demo")[1], wanted)
        stored.append(paths.notebook("02_scaled").read_bytes())
    assert stored[0] == stored[1]
    assert b"['figures/scaled.json']" in stored[0]
    assert set(plan().values()) == {(False, "fresh")}


def lesson_of_02(toy, source):
    (toy / "lessons").mkdir()
    toy_repository.write(toy, "02_scaled", [source], folder="lessons")
    return paths.lesson("02_scaled")


def test_a_lesson_is_stored_with_its_notebook_and_is_no_stage(fresh):
    lesson = lesson_of_02(fresh, "1 + 1")
    before = lesson.read_bytes()
    runner.refresh("demo", profiles.resolve("demo")[1], ["03_apart"])
    assert lesson.read_bytes() == before
    runner.refresh("demo", profiles.resolve("demo")[1], ["02_scaled"])
    (cell,) = nbformat.read(lesson, as_version=4).cells
    assert cell.outputs[0].data == {"text/plain": "2"}
    assert set(plan().values()) == {(False, "fresh")}


def test_a_lesson_that_fails_is_named_and_stays_as_it_was(fresh):
    lesson = lesson_of_02(fresh, "assert 1 + 1 == 3")
    before = lesson.read_bytes()
    with pytest.raises(notebooks.StageFailed, match=r"lessons/02_scaled.ipynb stopped.(?s:.*)AssertionError"):
        runner.refresh("demo", profiles.resolve("demo")[1], ["02_scaled"])
    assert lesson.read_bytes() == before


def test_only_the_demo_is_stored_in_the_committed_notebooks(toy):
    with pytest.raises(profiles.ProfileError, match="without --profile and -p"):
        runner.refresh("demo", profiles.resolve("demo", ["02.factor=3"])[1], runner.selected())


def test_the_canonical_form_drops_what_differs_between_two_executions():
    new = nbformat.v4
    image = {"image/png": "AA==", "text/plain": "<Figure>"}
    view = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1a"},
        "text/plain": "IntSlider(value=3)",
    }
    outputs = [
        new.new_output("stream", name="stderr", text="0%|"),
        new.new_output("stream", name="stdout", text="a\n"),
        new.new_output("stream", name="stderr", text="100%|"),
        new.new_output("stream", name="stdout", text="b\n"),
        new.new_output("display_data", data=view),
        new.new_output("execute_result", data=image, execution_count=17),
    ]
    metadata = {
        "tags": ["nbval-ignore-output"],
        "reason": "time",
        "papermill": {"duration": 3.1},
        "collapsed": True,
    }
    cells = [new.new_markdown_cell("# 1", metadata={"tags": []}), new.new_code_cell("1", outputs=outputs)]
    cells[1].metadata = nbformat.from_dict(metadata)
    notebook = new.new_notebook(
        cells=cells, metadata={"widgets": {"x": 1}, "papermill": {"start_time": "now"}}
    )
    text = notebooks.canonical(notebook)
    kept = nbformat.reads(text, as_version=4)
    assert set(kept.metadata) == {"kernelspec", "language_info"}
    assert [cell.id for cell in kept.cells] == ["cell-01", "cell-02"]
    assert kept.cells[1].metadata == {"tags": ["nbval-ignore-output"], "reason": "time"}
    assert [output.get("text") or output.data for output in kept.cells[1].outputs] == [
        "a\nb\n",
        {"text/plain": "IntSlider(value=3)"},
        image,
    ]
    assert kept.cells[1].outputs[-1].execution_count == kept.cells[1].execution_count == 1
    assert notebooks.canonical(kept) == text


# --- testing ------------------------------------------------------------------------------------------------


def committed(folder, **tests):
    """Make a toy repository a git checkout with these tests."""
    (folder / "tests").mkdir()
    for name, source in tests.items():
        (folder / "tests" / f"{name}.py").write_text(source)
    (folder / ".gitignore").write_text("data/\n__pycache__/\n.*_cache/\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)


def test_the_tests_run_the_notebooks_elsewhere_count_all_and_see_what_they_litter(toy):
    runner.refresh("demo", profiles.resolve("demo")[1], ["01_numbers"])
    for stage in ["02_scaled", "03_apart"]:
        paths.notebook(stage).unlink()
    shutil.rmtree(toy / "data")
    (toy / "pyproject.toml").write_text("[tool.ruff]\nexclude = ['*']\n")
    committed(toy, test_litter="def test_litter():\n    open('litter', 'w').close()")
    said = door(toy, "--test")
    units, of_notebooks = re.findall(r"(\d+) passed", said.stdout)
    assert (units, of_notebooks) == ("1", "4"), said.stdout + said.stderr
    assert said.stdout.endswith("failed: the checkout was changed:\n  ?? litter\n")
    assert said.returncode == 1
    assert not (toy / "data").exists()


TEST = "tests/test_x.py"


@pytest.mark.parametrize(
    ("extra", "targets"),
    [
        ([], [TEST, *(f"notebooks/{stage}.ipynb" for stage in ["01_numbers", "02_scaled", "03_apart"])]),
        (["-k", "numbers"], [TEST, "notebooks/01_numbers.ipynb"]),
        (["tests/test_x.py::test_y"], ["tests/test_x.py::test_y"]),
    ],
)
def test_the_tests_can_be_narrowed(toy, monkeypatch, extra, targets):
    committed(toy, test_x="")
    calls = []
    monkeypatch.setattr(testing, "_call", lambda *command, env=None: calls.append(command) or 0)
    assert testing.test(extra) == 0
    given = [given for module, *each in calls if module == "pytest" for given in each]
    assert [each for each in given if (toy / each.split("::")[0]).is_file()][: len(targets)] == targets


def test_lessons_are_tested_after_all_notebooks(toy):
    lesson_of_02(toy, "1 + 1")
    assert testing._notebooks()[-2:] == ["notebooks/03_apart.ipynb", "lessons/02_scaled.ipynb"]


@pytest.mark.parametrize(
    ("codes", "failed"), [([5, 0], 0), ([0, 5], 0), ([5, 5], 1), ([0, 1], 1), ([2, 0], 1)]
)
def test_a_part_of_which_nothing_was_selected_has_not_failed(toy, monkeypatch, codes, failed):
    of_parts = iter(codes)
    monkeypatch.setattr(
        testing, "_call", lambda module, *_, env=None: next(of_parts) if module == "pytest" else 0
    )
    assert testing.test(["-k", "numbers"]) == failed


@pytest.mark.parametrize("fails", ["ruff", "pytest"])
def test_one_part_that_fails_fails_the_whole(toy, monkeypatch, fails):
    monkeypatch.setattr(testing, "_call", lambda module, *_, env=None: int(module == fails))
    assert testing.test() == 1


# --- progress -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3600, "60:00")])
def test_time_shows_as_minutes_and_seconds(seconds, text):
    assert progress.clock(seconds) == text


def test_on_a_terminal_one_line_is_rewritten(capsys):
    sys.stdout.isatty = lambda: True
    try:
        with progress.Line("x") as line:
            line.say("cell 1/2")
    finally:
        del sys.stdout.isatty
    assert capsys.readouterr().out == "\r\x1b[2Kx · cell 1/2 · 0:00\r\x1b[2Kx · done · 0:00\n"


def test_elsewhere_a_step_is_one_line_written_at_its_two_ends(capsys):
    with progress.Line("x", expected=30, later=40) as line:
        line.say("cell 1/2")
        assert capsys.readouterr().out == "x · about 1 minute left"
        line.note("kept")
        assert capsys.readouterr().out == "\nkept\n"
    assert capsys.readouterr().out == "x · done · 0:00\n"


def test_a_step_that_takes_longer_than_the_last_time_claims_nothing(capsys):
    line = progress.Line("x", expected=30, later=400)
    assert line._left() == "about 7 minutes left"
    line.started -= 31
    assert line._left() == ""
