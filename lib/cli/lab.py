"""JupyterLab: on the copies of a profile's notebooks, or on the artist explorer alone.

**Conventions.** The committed notebooks are never opened: JupyterLab changes a notebook that it saves. Its
messages go to a file; the terminal shows its address and how to end it. Its settings and open tabs lie in
``data/PROFILE/jupyterlab``; the settings there are defaults, so that a person's own come first.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from urllib.parse import urlencode

from jupyter_core.paths import jupyter_runtime_dir

from lib.cli import freshness, notebooks
from lib.workflow import artifacts, paths, stages

EXPLORER = "08"
SETTINGS = {  # no question whether to fetch news, and no look for a newer version
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}
LAST = 5  # lines shown of what JupyterLab wrote, where it fails
PATIENCE = 20  # seconds until a server that is to end is killed


def main(profile, parameters, options):
    """Prepare the copies and show them until a person ends it.

    Parameters
    ----------
    profile : str
    parameters : dict of str to dict
        Of all stages.
    options : argparse.Namespace
        As ``run_all.py`` reads it: ``explore`` for the explorer alone, ``rest`` for JupyterLab, and what was
        typed as ``profile`` and ``parameters``.

    Returns
    -------
    int
        Exit code: 1 if the explorer lacks a stage or JupyterLab fails, else 0.
    """
    names = [stages.find(EXPLORER)] if options.explore else stages.names()
    if options.explore and not _complete(names[0], profile, parameters, options):
        return 1
    prepare(profile, parameters, names)
    copy = paths.executed(profile, names[0])
    print(f"JupyterLab on {paths.place(copy if options.explore else copy.parent)}", flush=True)
    own = _folder(profile)
    artifacts.write_json(SETTINGS, own / "settings" / "overrides.json")
    called = command(profile, names[0], options.explore, options.rest)
    return serve(called, _page(names[0], options.explore), own / "messages.txt")


def prepare(profile, parameters, names):
    """Prepare each copy anew whose stage is not fresh, or that was made of other cells.

    Parameters
    ----------
    profile : str
    parameters : dict of str to dict
        Of all stages.
    names : sequence of str
        Of stages. A copy that a person has changed is moved aside, and a line says so.
    """
    for stage in names:
        fresh = freshness.why_stale(stage, profile, parameters) is None
        left_out = freshness.shortened(stage, profile, parameters)
        if aside := notebooks.prepare(stage, profile, parameters[stage], left_out, fresh):
            print(aside)


def lacking(stage, profile, parameters, typed_profile="demo", options=()):
    """What a stage reads that is not there, or not of today.

    Parameters
    ----------
    stage, profile : str
    parameters : dict of str to dict
        Of all stages.
    typed_profile : str
        The profile as it was typed: a name, or the path of a file.
    options : sequence of str
        Of ``run_all.py``, for the commands.

    Returns
    -------
    missing, noted : list of str
        A sentence with its command for each stage that is needed and not there; and for each that is stale,
        or that is not there and can be done without.
    """
    missing, noted = [], []
    for need in stages.reads(stage):
        run = f"Run: {artifacts.command(need, typed_profile, *options)}"
        if problem := _unread(profile, need):
            why = freshness.left_out(need, profile, parameters)
            text = f"{need} cannot run: {why}." if why else f"{need} {problem}. {run}"
            (missing if need in stages.NEEDS[stage] else noted).append(text)
        elif reason := freshness.why_stale(need, profile, parameters):
            noted.append(f"{need} is stale: {reason}. {run}")
    return missing, noted


def command(profile, stage, alone=False, extra=()):
    """The command that starts JupyterLab on the copies of a profile.

    Parameters
    ----------
    profile, stage : str
        The stage is shown first.
    alone : bool
        Show that notebook and none that was open before.
    extra : sequence of str
        Options of JupyterLab; one of them replaces the same option here.

    Returns
    -------
    list of str
    """
    own = _folder(profile)
    options = [
        f"--ServerApp.root_dir={paths.executed(profile, stage).parent}",
        f"--LabApp.default_url=/{_page(stage, alone)}",
        f"--LabApp.app_settings_dir={own / 'settings'}",
        f"--LabApp.workspaces_dir={own / 'workspaces'}",
        "--LabApp.extension_manager=readonly",  # packages are those of the lock
    ]
    options += ["--allow-root"] if os.geteuid() == 0 else []
    replaced = {option.partition("=")[0] for option in extra}
    options = [option for option in options if option.partition("=")[0] not in replaced]
    return [sys.executable, "-m", "jupyterlab", *options, *extra]


def serve(command, page, log):
    """Run JupyterLab until it ends or a person interrupts it; print its address.

    Parameters
    ----------
    command : list of str
    page : str
        What is shown first, below the server's address.
    log : Path
        File for what JupyterLab writes.

    Returns
    -------
    int
        Exit code: 1 if JupyterLab fails, else 0. Ctrl-C is how a person ends it, and no failure.
    """
    environment = {"JUPYTER_TOKEN": secrets.token_hex(24), **os.environ}  # set here, for it is printed here
    started = time.time()
    log.unlink(missing_ok=True)
    process = watch = None
    try:
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as messages:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,  # on a terminal it would ask whether Ctrl-C was meant
                stdout=messages,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C reaches this process only, which then ends that one
            )
        watch = _watch(process)
        if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
            signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))  # the terminal was closed
        if address := _address(process, page, started):
            print(_announced(address, command), flush=True)
        while process.poll() is None:
            time.sleep(0.2)  # in wait(), an interrupt that another thread receives would go unnoticed
        if process.returncode:
            text = "\n  ".join(log.read_text(errors="replace").strip().splitlines()[-LAST:])
            print(f"\nJupyterLab failed. It wrote last:\n  {text}\nAll of it: {log}", file=sys.stderr)
            return 1
        if not address:  # such as --help and --version, which are answered and no more
            print(log.read_text(errors="replace"), end="")
            return 0
    except KeyboardInterrupt:
        print()
    finally:
        _end(process)
        if watch:
            watch.kill()
            watch.wait()
            watch.stdin.close()
    print("JupyterLab has ended.")
    return 0


def _complete(stage, profile, parameters, options):
    """Print what a stage lacks; whether it can be shown."""
    typed = [part for value in options.parameters for part in ("-p", value)]
    missing, noted = lacking(stage, profile, parameters, options.profile, typed)
    for line in noted:
        print(line)
    for line in missing:
        print(line, file=sys.stderr)
    return not missing


def _unread(profile, stage):
    """Why the manifest of a stage cannot be read; empty if it can."""
    try:
        artifacts.manifest(profile, stage)
    except artifacts.MissingArtifact:
        there = paths.manifest(profile, stage).exists()
        return "left a manifest that cannot be read" if there else "has not been run"
    return ""


def _folder(profile):
    """Where JupyterLab keeps what is this profile's."""
    return paths.data(profile) / "jupyterlab"


def _page(stage, alone):
    return f"{'doc/workspaces/explorer' if alone else 'lab'}/tree/{stage}.ipynb"


def _address(process, page, started):
    """Address of a page with its token, once the server answers; None if it ends before."""
    file = Path(jupyter_runtime_dir(), f"jpserver-{process.pid}.json")
    while process.poll() is None:
        try:
            if file.stat().st_mtime >= started - 1:  # else of an earlier process of the same number
                server = json.loads(file.read_text())
                query = urlencode({"token": server["token"]}) if server["token"] else ""
                return f"{server['url']}{page}{'?' if query else ''}{query}"
        except (OSError, ValueError):
            pass  # not there yet, or not whole
        time.sleep(0.1)
    return None


def _announced(address, command):
    """The lines that say where JupyterLab is, and how it is ended."""
    where = f"  {address}"
    if "--no-browser" not in command:
        try:
            webbrowser.get()
        except webbrowser.Error:
            where = f"No browser can be started here. Open this address in yours:\n{where}"
    return f"{where}\nCtrl-C ends it, with all its kernels."


def _watch(process):
    """A shell that ends a process when this one is gone, however it went: then its standard input ends."""
    script = 'read -r line || kill "$1"'
    return subprocess.Popen(
        ["sh", "-c", script, "sh", str(process.pid)], stdin=subprocess.PIPE, process_group=0
    )


def _end(process):
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
