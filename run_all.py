#!/usr/bin/env python3
"""From two commands on a bare machine to every figure and table of the paper.

python3 run_all.py            set up, then run the demo: pictures and tables into figures/
python3 run_all.py --test     set up, then run every test
"""
# The standard library only, in words that Python 3.6 can read: an older one is told what is missing.
# ruff: noqa: E402 (signals come before the other imports)

import os
import signal
import sys

SIGNALS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Ended by SIGTERM"}
RESUMES = "What is finished stays; the next run goes on from there."


def leave(number, _):
    """Say in one line which signal ended this, and end at once."""
    os.write(2, "\n{}. {}\n".format(SIGNALS[number], RESUMES).encode())
    os._exit(128 + number)


if __name__ == "__main__":  # from the first moment on: what follows takes seconds to import
    for each in SIGNALS:
        signal.signal(each, leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # blocked while `become` starts over

import argparse
import glob
import hashlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
LOCK = os.path.join(ROOT, "requirements.lock")
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "complete")
SUPPORTED = ((3, 11), (3, 13))
GIGABYTES = 4  # of disk that the environment takes
LARGEST = "tensorflow"  # as long to unpack as all others together
INSTALLERS = 4
OFFLINE = (
    "NewConnectionError|Connect(ion)?Timeout|ReadTimeout|name resolution|unreachable|ProxyError"
    "|Connection (refused|reset|broken)"
)

EPILOG = """\
examples
  python3 run_all.py --list                             what is fresh, what would run and why
  python3 run_all.py -p 04_siamese_training.epochs=2    another value for one parameter
  python3 run_all.py --profile FILE.yml --only 05       one's own profile, one stage
  python3 run_all.py --verify                           is the last run of the demo the committed one?
  python3 run_all.py --test -- -k ranking               the tests with "ranking" in their names
  python3 run_all.py --test --all                       every test with every fault, not a sample
  python3 run_all.py --lab -- --no-browser              JupyterLab, with an option of its own
  python3 run_all.py --explore                          the artist explorer, in JupyterLab
  python3 run_all.py --library Music                    neighbours and a map of one's own music
  python3 run_all.py --library Music --playlist "Abba"  and a playlist, of a track or an artist

A stage is named by any unique beginning, such as 04. MUSIC_SIMILARITY_DATA and MUSIC_SIMILARITY_FIGURES
move data/ and figures/ elsewhere; MUSIC_SIMILARITY_THREADS sets the number of threads (2).
"""


class SetUpFailed(Exception):
    """A command of the set-up failed; the text is what it said."""


def main(arguments):
    """Read the command line, see to an environment, and hand over to `lib.cli.runner`."""
    use_supported_python(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # of a terminal that cannot show a character
    options = parse(arguments)
    use_environment(arguments)
    sys.modules.setdefault("rfc3987_syntax", None)  # its grammar takes two seconds to load; unused here
    from lib.cli import runner

    code = runner.main(options)
    if code in [128 + number for number in SIGNALS]:
        sys.stdout.flush()
        os._exit(code)  # what the notebook client left behind would otherwise complain of the end
    return code


def parse(arguments):
    """Options of the command line, and what follows ``--`` for pytest or JupyterLab."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--profile", default="demo", metavar="NAME", help="demo, open, paper, own, or the path of a .yml file"
    )
    add(
        "-p", dest="parameters", action="append", default=[], metavar="STAGE.NAME=VALUE", help="one parameter"
    )
    add("--only", nargs="+", action="extend", default=[], metavar="NN", help="these stages and no others")
    add("--from", dest="first", metavar="NN", help="this stage and those behind it")
    add("--dask", metavar="ADDRESS", help="read plays and make spectrograms on this cluster")
    add("--force", action="store_true", help="run stages that are fresh, too")
    add = parser.add_argument_group("one's own music").add_argument
    add("--playlist", metavar="NAME", help="with --library: what goes with this track or artist, as m3u8")
    add("--length", type=int, metavar="N", help="with --playlist: tracks of the list (30)")
    add("--model", metavar="FILE", help="with --library: a model of notebook 07 instead of plain features")
    add("--excerpts", type=int, metavar="N", help="with --library: half minutes of each track (3)")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--library", metavar="MUSIC", help="neighbours, a map and playlists of a music folder")
    add("--list", action="store_true", help="show the stages: which are fresh, which would run and why")
    add(
        "--refresh-notebooks", action="store_true", help="execute the committed notebooks and store them anew"
    )
    add("--verify", action="store_true", help="compare the last run of the demo with the committed figures")
    add("--lab", action="store_true", help="open JupyterLab, on copies of the notebooks for the profile")
    add("--explore", action="store_true", help="open JupyterLab, on the artist explorer of the profile")
    add("--test", action="store_true", help="run every test")
    parser.add_argument("--all", action="store_true", help="with --test: every fault, not a sample")
    own, rest = arguments, []
    if "--" in arguments:
        own, rest = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    options = parser.parse_args(own)
    options.rest = rest
    check_library(parser, options)
    check_lab(parser, options)
    if options.all and not options.test:
        parser.error("--all goes with --test")
    if options.dask and not options.library:
        stages = ("01_listening_data", "03_spectrograms")
        options.parameters += [f"{stage}.dask={options.dask}" for stage in stages]
    if rest and not (options.test or options.lab or options.explore):
        parser.error(
            "what follows -- goes to pytest or JupyterLab: give --test, --lab or --explore before it"
        )
    return options


def check_library(parser, options):
    """Refuse options that mean nothing with, or without, ``--library``."""
    own = [name for name in ("playlist", "length", "model", "excerpts") if getattr(options, name) is not None]
    if own and options.library is None:
        parser.error(f"--{own[0]} goes with --library MUSIC, a music folder")
    if options.length is not None and options.playlist is None:
        parser.error("--length goes with --playlist NAME, a track or an artist")
    others = {
        "-p": options.parameters,
        "--only": options.only,
        "--from": options.first,
        "--force": options.force,
    }
    given = [name for name, value in others.items() if value]
    given += ["--profile"] if options.profile != "demo" else []
    if options.library is not None and given:
        parser.error(f"{given[0]} is for the notebooks and means nothing with --library")


def check_lab(parser, options):
    """Refuse options that choose stages to run, where none runs."""
    chosen = {"--only": options.only, "--from": options.first, "--force": options.force}
    given = [name for name, value in chosen.items() if value]
    if given and options.verify:
        parser.error(f"{given[0]} chooses what is run and means nothing with --verify, which runs no stage")
    if given and (options.lab or options.explore):
        opened = "--lab" if options.lab else "--explore"
        parser.error(f"{given[0]} chooses what is run and means nothing with {opened}, which runs no stage")


def use_supported_python(arguments):
    """Go on under a Python that the packages are made for, or say which one to install."""
    oldest, newest = SUPPORTED
    if oldest <= sys.version_info[:2] <= newest:
        return
    for minor in range(newest[1], oldest[1] - 1, -1):
        python = shutil.which(f"python3.{minor}")
        if python and works(python):
            become(python, arguments)
    stop(
        "This needs Python 3.{} to 3.{}, but {} is {}.{}, and no other is on the PATH.\n"
        "On Debian or Ubuntu: sudo apt-get install python3.11 python3.11-venv".format(
            oldest[1], newest[1], sys.executable, *sys.version_info[:2]
        )
    )


def use_environment(arguments):
    """Go on in an environment that satisfies the lock: the active one, or `.venv`, built if need be."""
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV) and built():
        return
    wrong = differences()
    if not wrong:
        return
    if os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX"):
        print(
            f"The active environment is not the one of requirements.lock ({wrong[0]}): .venv is used instead."
        )
        print(f"To use it: {sys.executable} -m pip install --no-deps --require-hashes -r requirements.lock")
    import fcntl

    with open(os.path.abspath(__file__)) as own:
        fcntl.flock(own, fcntl.LOCK_EX)  # a second run waits until the first has built it
        if not built():
            build()
    become(os.path.join(VENV, "bin", "python"), arguments)


def built():
    """Whether `.venv` is complete, for this lock and this place: its stamp is written last."""
    try:
        with open(STAMP) as file:
            return file.read() == stamp() and works(os.path.join(VENV, "bin", "python"))
    except OSError:
        return False


def stamp():
    """What a complete `.venv` was built from, and where: its scripts hold whole paths."""
    with open(LOCK, "rb") as file:
        return f"{hashlib.sha256(file.read()).hexdigest()} {ROOT}\n"


def differences():
    """Packages of the lock that the running interpreter lacks or has in another version."""
    from importlib import metadata

    try:
        from packaging.requirements import Requirement
    except ImportError:
        return ["packaging is missing"]
    wrong = []
    for package in packages():
        wanted = Requirement(package.split("\\")[0].strip())
        if wanted.marker is None or wanted.marker.evaluate():
            try:
                installed = metadata.version(wanted.name)
            except metadata.PackageNotFoundError:
                installed = "no version"
            if installed == "no version" or not wanted.specifier.contains(installed, prereleases=True):
                wrong.append(f"{wanted.name}{wanted.specifier} wanted, {installed} found")
    return wrong


def packages():
    """The lock, package by package: requirement, marker and hashes as they stand there."""
    with open(LOCK) as file:
        return re.findall(r"^[A-Za-z0-9].*==(?:.*\\\n)*.*\n", file.read(), re.MULTILINE)


def build():
    """Build `.venv` from the hashed lock, or leave nothing and say why not."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        version = "{}.{}".format(*sys.version_info[:2])
        stop(
            f"{sys.executable} cannot make environments: ensurepip is missing.\n"
            f"On Debian or Ubuntu: sudo apt-get install python3-venv (or python{version}-venv)"
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES:
        stop(f"The environment needs {GIGABYTES} GB of disk, but only {free:.1f} GB are free at {ROOT}.")
    from lib.workflow.packages import outlook
    from lib.workflow.progress import Line

    print(outlook())

    def interrupt(number, _):
        ended.append(number)
        raise KeyboardInterrupt

    ended, before = [], [signal.signal(each, interrupt) for each in SIGNALS]
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        with Line("setting up .venv") as line:
            line.say("a fresh environment")
            fetch([[base_python(), "-m", "venv", VENV]])
            line.say("installing packages")
            install(lambda count: line.say(f"{count} packages") if line.rewrites else None)
        with open(STAMP + ".partial", "w") as file:
            file.write(stamp())
        os.replace(STAMP + ".partial", STAMP)
    except BaseException as problem:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        shutil.rmtree(VENV, ignore_errors=True)
        if ended:
            which = SIGNALS[ended[0]]
            print(f"\n{which} while .venv was set up; nothing of it stays. Run this again.", file=sys.stderr)
            sys.exit(128 + ended[0])
        if isinstance(problem, (SetUpFailed, OSError)):
            stop(cause(str(problem)))
        raise
    finally:
        for each, handler in zip(SIGNALS, before):
            signal.signal(each, handler)


def install(report):
    """Install the lock with several pips at once: they wait and unpack side by side.

    Nothing is compiled: notebooks import 4,300 of 13,700 modules, and Python compiles these the first time.
    """
    everything = packages()
    large = [package for package in everything if package.startswith(LARGEST + "==")]
    small = [package for package in everything if package not in large]
    shares = [large] + [small[start :: INSTALLERS - 1] for start in range(INSTALLERS - 1)]
    pip = [os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "--no-deps", "--require-hashes"]
    pip += ["--no-compile", "--disable-pip-version-check", "--no-input", "--retries", "3"]
    pip += ["--progress-bar", "off", "-r"]
    library = glob.glob(os.path.join(VENV, "lib", "python3*", "site-packages"))[0]
    with tempfile.TemporaryDirectory() as folder:
        lists = []
        for share in filter(None, shares):
            lists.append(os.path.join(folder, f"{len(lists)}.txt"))
            with open(lists[-1], "w") as file:
                file.writelines(share)
        fetch(
            [pip + [name] for name in lists],
            meanwhile=lambda: report(len(glob.glob(os.path.join(library, "*.dist-info")))),
        )
    with open(os.path.join(library, "music_similarity.pth"), "w") as file:
        file.write(ROOT + "\n")  # `from lib import ...` then works wherever the interpreter is started


def fetch(commands, meanwhile=lambda: None):
    """Run commands side by side; if one fails, end the others and raise what it said."""
    running = []
    try:
        for command in commands:
            log = tempfile.TemporaryFile("w+")
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
            running.append((process, log))
        while True:
            at_work = [process for process, _ in running if process.poll() is None]
            for process, log in running:
                if process.poll():
                    log.seek(0)
                    raise SetUpFailed(log.read())
            if not at_work:
                return
            meanwhile()
            time.sleep(0.5)
    finally:
        for process, log in running:
            if process.poll() is None:
                process.terminate()
            process.wait()
            log.close()


def cause(output):
    """What a failed set-up most likely lacked, and what to do about it."""
    last = "\n  ".join(output.strip().splitlines()[-8:])
    if "No space left on device" in output:
        return (
            f"The disk ran full. The environment needs {GIGABYTES} GB at {ROOT} and, while it is built, "
            f"1 GB at {tempfile.gettempdir()} (TMPDIR moves that)."
        )
    if "DO NOT MATCH THE HASHES" in output:
        return f"A package that came is not the one that was locked, so nothing was installed:\n  {last}"
    if re.search(OFFLINE, output):
        return "The packages could not be fetched: no connection. Check the network, then run this again."
    return f"The environment could not be built:\n  {last}"


def base_python():
    """The interpreter itself, also where this runs inside the `.venv` that is about to be replaced."""
    return getattr(sys, "_base_executable", None) or sys.executable


def works(python):
    """Whether an interpreter starts at all: some names on the PATH only say that it is not installed."""
    try:
        return subprocess.call([python, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def become(python, arguments):
    """Start over under another interpreter, in the same process."""
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # or every kernel compiles TensorFlow again, for seven seconds
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.execv(python, [python, os.path.abspath(__file__), *arguments])


def stop(message):
    """End with a message and exit code 1."""
    sys.exit("\n" + message)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
