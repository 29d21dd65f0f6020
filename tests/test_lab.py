"""JupyterLab as the door opens it: on copies, quietly, and only where there is something to show."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import nbclient
import nbformat
import processes
import pytest
import toy_repository

import run_all
from lib.cli import copies, lab, notebooks, runner, testing
from lib.workflow import artifacts, paths, profiles, stages

STAGE = "02_scaled"


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A toy repository that was not run yet, as the checkout of this process; its explorer is notebook 02."""
    monkeypatch.setattr(lab, "EXPLORER", "02")
    return toy_repository.enter(monkeypatch, toy_repository.build(tmp_path / "toy"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A toy repository whose three stages have been run."""
    folder = toy_repository.build(tmp_path_factory.mktemp("toy") / "ran")
    subprocess.run([sys.executable, "run_all.py"], cwd=folder, env=unmoved(), check=True, timeout=600)
    return folder


@pytest.fixture
def fresh(monkeypatch, tmp_path, ran):
    """A copy of it, as the checkout of this process."""
    monkeypatch.setattr(lab, "EXPLORER", "02")
    return toy_repository.enter(monkeypatch, shutil.copytree(ran, tmp_path / "fresh"))


def unmoved(**more):
    """Environment variables, without those that move folders."""
    return {name: value for name, value in os.environ.items() if name not in paths.MOVABLE.values()} | more


@pytest.fixture
def opened(monkeypatch):
    """Calls of JupyterLab, none of which starts one."""
    calls = []
    monkeypatch.setattr(lab, "serve", lambda command, page, log: calls.append((command, page)) or 0)
    return calls


def open_lab(*arguments):
    options = run_all.parse(list(arguments))
    return lab.main(*profiles.resolve(options.profile, options.parameters), options)


def run(*overrides, wanted=None):
    return runner.run(*profiles.resolve("demo", overrides), wanted or runner.selected())


def copy_of(stage=STAGE, profile="demo"):
    return nbformat.read(paths.executed(profile, stage), as_version=4)


def edit(change, stage=STAGE):
    """Change a copy as a person does in JupyterLab."""
    copy = copy_of(stage)
    change(copy.cells)
    nbformat.write(copy, paths.executed("demo", stage))


def add_a_line(cells):
    cells[-1].source += "\n# mine"


def kept(profile="demo"):
    return sorted(path.name for path in paths.executed(profile, STAGE).parent.glob("*-*.ipynb"))


# --- copies -------------------------------------------------------------------------------------------------


def test_jupyterlab_opens_on_the_profiles_own_parameters(toy, opened):
    (toy / "profiles" / "big.yml").write_text("02_scaled: {factor: 5}")
    assert open_lab("--lab", "--profile", "big", "--", "--no-browser") == 0
    command, page = opened[0]
    assert f"--ServerApp.root_dir={toy / 'data' / 'big' / 'notebooks'}" in command
    assert command[-1] == "--no-browser"
    assert page == "lab/tree/01_numbers.ipynb"
    injected = [
        cell.source for cell in copy_of(profile="big").cells if "injected-parameters" in cell.metadata.tags
    ]
    assert injected == ['# Parameters\nprofile = "big"\nfactor = 5.0\n']


def test_the_demo_is_opened_as_copies_too_and_the_checkout_stays_as_it_is(toy, opened):
    (toy / ".gitignore").write_text("data/\n__pycache__/\n")
    for command in (["init", "-q"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=toy, check=True)
    before = {path: path.read_bytes() for path in (toy / "notebooks").iterdir()}
    assert open_lab("--lab") == 0
    assert {path: path.read_bytes() for path in (toy / "notebooks").iterdir()} == before
    assert not [line for line in testing._checkout() if not line.startswith("A ")]
    assert f"--ServerApp.root_dir={toy / 'data' / 'demo' / 'notebooks'}" in opened[0][0]


def test_a_fresh_executed_copy_stays_and_a_stale_one_is_prepared_anew(fresh, opened):
    executed = paths.executed("demo", STAGE).read_bytes()
    open_lab("--lab")
    assert paths.executed("demo", STAGE).read_bytes() == executed
    open_lab("--lab", "-p", "02.factor=3")
    assert "factor = 3.0" in "".join(cell.source for cell in copy_of().cells)
    open_lab("--lab")  # fresh again, but the copy is of another factor
    assert "factor = 3.0" not in "".join(cell.source for cell in copy_of().cells)
    assert kept() == []


def test_what_a_person_changed_is_kept_under_a_number_and_a_line_says_so(toy, opened, capsys):
    open_lab("--lab")
    capsys.readouterr()
    for number in (1, 2):
        edit(add_a_line)
        open_lab("--lab")
        line = f"data/demo/notebooks/02_scaled.ipynb was changed and is now 02_scaled-{number}.ipynb"
        assert line in capsys.readouterr().out.splitlines()
        assert "# mine" not in copy_of().cells[-1].source
    assert kept() == ["02_scaled-1.ipynb", "02_scaled-2.ipynb"]
    assert "# mine" in paths.executed("demo", "02_scaled-1").read_text()


def test_what_a_person_changed_in_a_copy_whose_stage_is_fresh_stays_where_it_is(fresh, opened):
    edit(add_a_line)
    open_lab("--lab")
    assert "# mine" in copy_of().cells[-1].source
    assert kept() == []


def test_a_run_keeps_what_a_person_changed_too(fresh, opened, capsys):
    edit(add_a_line)
    run("02.factor=3", wanted=[STAGE])
    assert "02_scaled · data/demo/notebooks/02_scaled.ipynb was changed and is now" in capsys.readouterr().out
    assert kept() == ["02_scaled-1.ipynb"]


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: cells.append(nbformat.v4.new_code_cell("")),  # as Shift+Enter on the last cell
        lambda cells: cells[1].update(
            execution_count=7, outputs=[nbformat.v4.new_output("stream", text="x")]
        ),
        lambda cells: cells[0].metadata.update(collapsed=True),
    ],
)
def test_outputs_settings_and_empty_cells_are_no_change(toy, opened, change):
    open_lab("--lab")
    edit(change)
    open_lab("--lab")
    assert kept() == []


NO_SOURCE = json.dumps({"cells": [{"cell_type": "code", "source": None}], "nbformat": 4})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 1}', "\x00", NO_SOURCE, "[" * 100_000])
def test_a_copy_that_is_no_notebook_is_kept(toy, opened, capsys, text):
    open_lab("--lab")
    paths.executed("demo", STAGE).write_text(text)
    open_lab("--lab")
    assert "02_scaled.ipynb may have been changed" in capsys.readouterr().out
    assert paths.executed("demo", "02_scaled-1").read_text() == text


def test_a_copy_of_before_there_were_records_is_kept_only_if_its_cells_differ(toy, opened):
    open_lab("--lab")
    for change, expected in [(lambda cells: None, []), (add_a_line, ["02_scaled-1.ipynb"])]:
        copy = copy_of()
        del copy.metadata[copies.RECORD]
        change(copy.cells)
        nbformat.write(copy, paths.executed("demo", STAGE))
        open_lab("--lab")
        assert kept() == expected


# --- the command line ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_only_root_is_allowed_as_root(toy, monkeypatch, user, allowed):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert ("--allow-root" in lab.command("demo", STAGE)) == allowed


def test_an_option_of_a_person_replaces_the_same_option(toy):
    command = lab.command("demo", STAGE, extra=["--ServerApp.root_dir=/music", "--port=9000"])
    assert [option for option in command if "root_dir" in option] == ["--ServerApp.root_dir=/music"]
    assert command[-1] == "--port=9000"


@pytest.mark.parametrize("opens", ["--lab", "--explore"])
@pytest.mark.parametrize("given", [["--only", "05"], ["--from", "05"], ["--force"]])
def test_stages_are_not_chosen_where_none_is_run(opens, given, capsys):
    with pytest.raises(SystemExit):
        run_all.parse([opens, *given])
    assert f"{given[0]} chooses what is run and means nothing with {opens}" in capsys.readouterr().err


def test_the_explorer_is_one_command_of_several_and_passes_options_on(capsys):
    assert run_all.parse(["--explore", "--", "--no-browser"]).rest == ["--no-browser"]
    for other in ("--lab", "--list", "--test"):
        with pytest.raises(SystemExit):
            run_all.parse(["--explore", other])
    with pytest.raises(SystemExit):
        run_all.parse(["--library", "Music", "--profile", "own"])
    with pytest.raises(SystemExit):
        run_all.parse(["--", "-k"])
    assert "give --test, --lab or --explore before it" in capsys.readouterr().err


# --- what the explorer needs --------------------------------------------------------------------------------


def test_the_explorer_does_not_open_without_a_stage_that_it_needs(toy, opened, capsys):
    assert open_lab("--explore") == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == ["01_numbers has not been run. Run: python3 run_all.py --only 01"]
    assert not opened
    assert not paths.executed("demo", STAGE).exists()
    artifacts.write_text("{", paths.manifest("demo", "01_numbers"))
    assert open_lab("--explore") == 1
    assert "01_numbers left a manifest that cannot be read. Run: " in capsys.readouterr().err


def test_the_command_names_the_profile_and_the_parameters_as_they_were_typed(toy, opened, capsys):
    (toy / "my own.yml").write_text("02_scaled: {factor: 5}")
    with pytest.raises(profiles.ProfileError):
        open_lab("--explore", "--profile", str(toy / "my own.yml"))
    (toy / "own.yml").write_text("02_scaled: {factor: 5}")
    assert open_lab("--explore", "--profile", str(toy / "own.yml"), "-p", "01.count=2") == 1
    command = f"python3 run_all.py --profile {toy}/own.yml -p 01.count=2 --only 01"
    assert capsys.readouterr().err.splitlines() == [f"01_numbers has not been run. Run: {command}"]


def test_a_stale_stage_is_named_with_its_reason_and_the_explorer_opens_alone(fresh, opened, capsys):
    assert open_lab("--explore", "-p", "01.count=2") == 0
    assert capsys.readouterr().out.splitlines() == [
        "01_numbers is stale: parameter count: 3 -> 2. Run: python3 run_all.py -p 01.count=2 --only 01",
        "JupyterLab on data/demo/notebooks/02_scaled.ipynb",
    ]
    command, page = opened[0]
    assert page == "doc/workspaces/explorer/tree/02_scaled.ipynb"
    assert f"--LabApp.default_url=/{page}" in command


def test_a_stage_that_the_explorer_can_do_without_is_named_and_it_opens(fresh, opened, monkeypatch, capsys):
    monkeypatch.setattr(stages, "ALSO_READS", {STAGE: ["03_apart"]})
    paths.manifest("demo", "03_apart").unlink()
    assert open_lab("--explore") == 0
    assert "03_apart has not been run. Run: python3 run_all.py --only 03" in capsys.readouterr().out
    monkeypatch.setattr(lab.freshness, "left_out", lambda *_: "too few artists")
    open_lab("--explore")
    assert "03_apart cannot run: too few artists." in capsys.readouterr().out


def test_a_notebook_that_lacks_a_stage_shows_one_sentence_and_no_trace(toy):
    cell = nbformat.v4.new_code_cell(
        "from lib.workflow import artifacts\nartifacts.manifest('own', '01_numbers')"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    client = nbclient.NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=120)
    client.execute(cwd=str(toy), env={**notebooks.environment(), "PYTHONPATH": str(toy)})
    (output,) = notebook.cells[0].outputs
    sentence = (
        "01_numbers has not been run for the profile own (data/own/manifests/01_numbers.json). "
        "Run: python3 run_all.py --profile own --only 01"
    )
    assert output.traceback == [sentence]
    assert (output.ename, output.evalue) == ("MissingArtifact", sentence)


def test_a_run_still_names_the_cause_where_the_trace_is_short(toy):
    source = "artifacts.manifest('own', '01_numbers')"
    cells = ["from lib.workflow import artifacts", 'profile: str = "demo"', source]
    toy_repository.write(toy, "03_apart", cells)
    with pytest.raises(notebooks.StageFailed, match="MissingArtifact: 01_numbers has not been run for"):
        run(wanted=["03_apart"])


# --- the server ---------------------------------------------------------------------------------------------


def wait_for(condition, process, seconds=300):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def test_jupyterlab_asks_for_no_news_and_one_interrupt_ends_it_with_its_kernels(toy, tmp_path):
    (tmp_path / "home").mkdir()
    home = {"HOME": str(tmp_path / "home"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    command = [sys.executable, "run_all.py", "--lab", "--", "--no-browser", "--ServerApp.port=0"]
    with open(tmp_path / "out.txt", "w") as out:
        process = subprocess.Popen(command, cwd=toy, env=unmoved(**home), stdout=out, stderr=out)
    try:

        def printed(pattern):
            return re.search(pattern, (tmp_path / "out.txt").read_text())

        wait_for(lambda: printed("Ctrl-C ends it, with all its kernels.\n"), process)
        address, token = printed(r"(http://\S+/)lab/tree/01_numbers.ipynb\?token=(\w+)\n").groups()

        def ask(place, **options):
            request = urllib.request.Request(address + place, **options)
            request.add_header("Authorization", f"token {token}")
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode()

        settings = json.loads(ask("lab/api/settings/@jupyterlab/apputils-extension:notification"))
        properties = settings["schema"]["properties"]
        assert (properties["fetchNews"]["default"], properties["checkForUpdates"]["default"]) == (
            "false",
            False,
        )
        assert settings["settings"] == {}  # a person's own, which would come first
        assert re.search(r'"extensionManager": \{[^}]*"can_install": false', ask("lab/tree/01_numbers.ipynb"))
        assert len(json.loads(ask("api/contents"))["content"]) == 3
        ask("api/kernels", data=b"{}", method="POST")
        assert [*(tmp_path / "runtime").glob("kernel-*.json")]
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert len(lines) == 5, lines
    assert lines[0] == "JupyterLab on data/demo/notebooks"
    assert lines[-1] == "JupyterLab has ended."
    assert not [*(tmp_path / "runtime").glob("*.json")]
    assert not (tmp_path / "home" / ".jupyter" / "lab").exists()
    assert (toy / "data" / "demo" / "jupyterlab" / "messages.txt").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("code", "result", "message"),
    [("print('4.6')", 0, "4.6\n"), ("print('Bad config'); raise SystemExit(3)", 1, "Bad config")],
)
def test_what_jupyterlab_wrote_is_shown_where_it_does_not_start(tmp_path, capsys, code, result, message):
    assert lab.serve([sys.executable, "-c", code], "lab", tmp_path / "log.txt") == result
    said = capsys.readouterr()
    assert message in (said.err if result else said.out)
    assert "ended" not in said.out


def test_jupyterlab_ends_when_the_command_that_opened_it_is_killed(tmp_path):
    stands_in = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600)"
    log = tmp_path / "log.txt"
    serve = (
        "import sys; from pathlib import Path; from lib.cli import lab;"
        f" lab.serve([sys.executable, '-c', {stands_in!r}], 'lab', Path({str(log)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", serve], cwd=paths.root())
    try:
        number = int(wait_for(lambda: log.exists() and log.read_text(), process))
    finally:
        process.kill()
        process.wait()
    deadline = time.monotonic() + 60
    while processes.alive(number):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(("found", "expected"), [(True, False), (False, True)])
def test_the_address_is_to_be_opened_by_hand_where_no_browser_starts(monkeypatch, found, expected):
    def get():
        if not found:
            raise lab.webbrowser.Error

    monkeypatch.setattr(lab.webbrowser, "get", get)
    assert ("No browser can be started here" in lab._announced("http://x", [])) == expected
    assert "No browser" not in lab._announced("http://x", ["--no-browser"])


def test_the_address_of_an_earlier_process_of_the_same_number_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "jupyter_runtime_dir", lambda: str(tmp_path))
    file = tmp_path / "jpserver-7.json"
    artifacts.write_json({"url": "http://localhost:8889/base/", "token": ""}, file)
    states = iter([None, 0])
    process = SimpleNamespace(pid=7, poll=lambda: next(states))
    assert lab._address(process, "lab", started=time.time() + 60) is None
    process = SimpleNamespace(pid=7, poll=lambda: None)
    assert lab._address(process, "lab", started=time.time() - 60) == "http://localhost:8889/base/lab"
