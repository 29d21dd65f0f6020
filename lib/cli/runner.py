"""What the door does once there is an environment: list, run, refresh, test."""

import os
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

from lib.cli import freshness, notebooks, testing
from lib.workflow import artifacts, disk, kept, paths, profiles, progress, sizes, stages

SIGNALS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Ended by SIGTERM"}
NO_READER = 141  # exit code where whoever read the output has left, as of a program that SIGPIPE ends
RESUMES = "What is finished stays; the next run goes on from there."


def main(options):
    """Do what the command line asks.

    Parameters
    ----------
    options : argparse.Namespace
        As ``run_all.py`` reads it.

    Returns
    -------
    int
        Exit code: 0 if all went well, 1 if not, 130 after Ctrl-C, 143 after SIGTERM.
    """
    ended = []

    def interrupt(number, _):
        """Raise once: what then ends kernels and removes files is not to be interrupted."""
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        ended.append(number)
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        code = _done(options)
        sys.stdout.flush()
    except (profiles.ProfileError, stages.UnknownStage, notebooks.StageFailed, OSError) as problem:
        if isinstance(problem, BrokenPipeError) and _nobody_reads():
            return NO_READER
        print(f"\n{_in_words(problem)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        code = 128 + (ended or [signal.SIGINT])[0]
    if signal.SIGTERM in ended:  # Ctrl-C is how a person ends JupyterLab, and no failure
        code = 128 + signal.SIGTERM
    if code - 128 in SIGNALS:
        print(f"\n{SIGNALS[code - 128]}. {RESUMES}", file=sys.stderr)
    return code


def _nobody_reads():
    """Whether the output leads nowhere; the interpreter then has nothing to complain of at its end."""
    pipe = select.poll()
    pipe.register(sys.stdout.fileno(), 0)  # errors are reported whatever is waited for
    if not any(event & select.POLLERR for _, event in pipe.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _done(options):
    """Do what the command line asks; the exit code."""
    os.environ.update(notebooks.environment(bars=not options.test))
    if options.test:
        return testing.test(options.rest, everything=options.all)
    if options.library is not None:
        from lib.cli import library  # draws with Matplotlib, as below

        return library.main(options)
    profile, parameters = profiles.resolve(options.profile, options.parameters)
    wanted = selected(options.only, options.first)
    if options.list:
        return show(profile, parameters, wanted, options.force)
    if options.verify:
        return verify(parameters)
    if options.lab or options.explore:
        from lib.cli import lab

        return lab.main(profile, parameters, options)
    with alone(profile):
        if options.refresh_notebooks:
            return refresh(profile, parameters, wanted)
        return run(profile, parameters, wanted, options.force)


def _in_words(problem):
    """What is said of an error: where there was no room, the file, how much is free, and what to do."""
    if not disk.is_full(problem) or isinstance(problem, (disk.DiskFull, notebooks.StageFailed)):
        return str(problem)
    return str(disk.refused(problem.filename or paths.located("data"), problem))


def selected(only=(), first=None):
    """Stages by the beginnings of their names, in the order of the pipeline; all if nothing is said."""
    names = stages.names()
    named = {stages.find(prefix) for prefix in only or ()}
    start = names.index(stages.find(first)) if first else 0
    return [stage for stage in names[start:] if not only or stage in named]


def plan(profile, parameters, wanted, force=False, left_out=None):
    """Why each stage would run.

    Parameters
    ----------
    profile : str
    parameters : dict of str to dict
    wanted : sequence of str
    force : bool
    left_out : dict of str to str, optional
        Stages that cannot run, and why not.

    Returns
    -------
    dict of str to (bool, str)
        For every stage whether it would run, and the reason. A fresh stage that needs one that is not runs
        only if that one comes out different.
    """
    decisions, runs = {}, set()
    for stage in stages.names():
        reason = freshness.why_stale(stage, profile, parameters)
        before = [need for need in stages.reads(stage) if need in runs]
        if stage in (left_out or {}):
            decisions[stage] = (False, f"will not run: {left_out[stage]}")
        elif stage not in wanted:
            decisions[stage] = (False, f"not asked for; stale: {reason}" if reason else "fresh")
        elif force or reason:
            decisions[stage] = (True, "forced" if force else reason)
        elif before:
            decisions[stage] = (True, f"unless {' and '.join(before)} comes out the same")
        else:
            decisions[stage] = (False, "fresh")
        if decisions[stage][0]:
            runs.add(stage)
    return decisions


def show(profile, parameters, wanted, force=False):
    """List the stages: which are fresh, which would run and why; then what is kept of expensive results.

    Returns
    -------
    int
        1 if it cannot run as it is, else 0.
    """
    print(f"profile {profile}, data in {paths.data(profile)}, figures in {paths.figures(profile)}")
    left_out, code = {}, 0
    try:
        count = beforehand(profile, parameters, running(plan(profile, parameters, wanted, force)))
    except profiles.ProfileError as problem:
        print(f"This cannot run as it is:\n{problem}")
        code = 1
    else:
        left_out = sizes.given(count.n_artists, parameters).left_out() if count else {}
    decisions = plan(profile, parameters, wanted, force, left_out)
    for stage, (runs, reason) in decisions.items():
        print(
            f"  {stage:24} {'would run: ' if runs else ''}{reason}{'' if runs else _unlike(stage, profile)}"
        )
    todo = running(decisions)
    if todo and (took := freshness.ahead(profile, todo).get(todo[0])):
        print(f"the last time, these {len(todo)} took {progress.clock(took['expected'] + took['later'])}")
    results = kept.of(profile).listed()
    size = sum(n_bytes for _, _, n_bytes, _ in results) / 1e6
    print(
        f"kept in {paths.kept(profile)}: {len(results)} results, {size:.0f} MB of {kept.LIMIT / 1e6:.0f} MB"
    )
    for name in sorted({name for name, *_ in results}):
        of_name = [(n_bytes, seconds) for each, _, n_bytes, seconds in results if each == name]
        n_bytes, seconds = (sum(values) for values in zip(*of_name, strict=True))
        made = f", made in {progress.clock(seconds)}" if seconds == seconds else ""  # NaN: not written down
        print(f"  {name:24} {len(of_name)}, {n_bytes / 1e6:.1f} MB{made}")
    return code


def run(profile, parameters, wanted, force=False):
    """Run every wanted stage that is not fresh, and say what was written."""
    started, ran, n_left_out = time.monotonic(), [], 0
    todo = running(plan(profile, parameters, wanted, force))
    able = [stage for stage in todo if not freshness.left_out(stage, profile, parameters)]
    times = freshness.ahead(profile, able)  # before manifests are replaced
    artifacts.sweep(profile)
    expected = beforehand(profile, parameters, todo)
    for stage in wanted:
        if stage in sizes.TRAINING:
            expected = recounted(profile, parameters, expected)
        if why := freshness.left_out(stage, profile, parameters):
            paths.manifest(profile, stage).unlink(missing_ok=True)  # of a larger collection
            print(f"{stage} · left out: {why}")
            n_left_out += 1
            continue
        reason = "forced" if force else freshness.why_stale(stage, profile, parameters)
        if reason is None:
            print(f"{stage} · fresh{_unlike(stage, profile)}")
            continue
        freshness.check_needs(stage, profile, parameters, wanted)
        _execute(stage, profile, parameters, times.get(stage))
        ran.append(stage)
    written = [name for stage in ran for name in _written(profile, stage)]
    took = progress.clock(time.monotonic() - started)
    less = f", {n_left_out} cannot and were left out" if n_left_out else ""
    print(f"\n{len(ran)} of {len(wanted)} stages ran in {took}{less}." + (" They wrote:" if written else ""))
    for name in written:
        print(f"  {name}")
    if parameters == profiles.resolve("demo")[1]:
        print(reproduced())
    return 0


def running(decisions):
    """The stages of a `plan` that would run, in order."""
    return [stage for stage, (runs, _) in decisions.items() if runs]


def beforehand(profile, parameters, todo):
    """Check what can be checked before anything runs; print the plan for a person's own plays and music.

    Parameters
    ----------
    profile : str
    parameters : dict of str to dict
    todo : list of str
        From `running`.

    Returns
    -------
    lib.cli.collection.Count or None
        How many artists there are; None where nobody can tell yet.

    Raises
    ------
    ProfileError
        If something cannot run; the message names the parameters as they are typed.
    """
    if not set(sizes.TRAINING) <= set(parameters):
        return None
    from lib.cli import checks, collection  # read plays and music, which other commands need not wait for

    count = checks.check(profile, parameters, todo)
    for sentence in checks.outlook(parameters, todo):
        print(sentence)
    if parameters[collection.LISTENING]["simulate"]:
        return count
    if count is None:
        print("How many artists have music is counted when 01 to 03 have run; then the plan follows.")
    else:
        print("\n".join(collection.described(count, parameters)))
    return count


def recounted(profile, parameters, expected):
    """The number of artists when notebook 03 has run; the plan once more, where it was not exact before."""
    from lib.cli import collection

    if parameters[collection.LISTENING]["simulate"] or (expected and expected.exact):
        return expected
    count = collection.exact(profile)
    if count:
        print("\n".join(collection.described(count, parameters)))
        if (expected is None or count.n_artists < expected.n_artists) and collection.reasons(profile):
            print(f"Why others have no music: {', '.join(collection.reasons(profile))}")
    return count or expected


def reproduced():
    """Whether the figures of the demo came out as the committed ones, in words."""
    from lib.cli import reproduction

    try:
        with tempfile.TemporaryDirectory(prefix="music-similarity-") as folder:
            committed = reproduction.committed_figures(Path(folder))
            if committed is None:
                return "Nothing to compare the figures with: this is no git checkout with committed figures."
            return reproduction.compare(committed, paths.figures("demo")).in_words()
    except OSError as problem:  # the run itself is complete
        lacking = isinstance(problem, FileNotFoundError) and problem.filename
        why = f"{Path(problem.filename).name} is missing." if lacking else _in_words(problem)
        return f"The figures were not compared with the committed ones: {why}"


def verify(parameters):
    """Say whether the last run of the demo is the committed one; the exit code."""
    if parameters != profiles.resolve("demo")[1]:
        raise profiles.ProfileError(
            "The committed figures are of the demo: --verify goes without --profile and -p."
        )
    from lib.cli import reproduction

    reasons = {stage: freshness.why_stale(stage, "demo", parameters) for stage in stages.names()}
    return reproduction.verify(parameters, {stage: why for stage, why in reasons.items() if why})


def refresh(profile, parameters, wanted):
    """Execute the committed notebooks and their lessons, store them in canonical form, renew the README's
    tables."""
    if parameters != profiles.resolve("demo")[1]:
        raise profiles.ProfileError(
            "The committed notebooks hold the demo: --refresh-notebooks goes without --profile and -p."
        )
    artifacts.sweep(profile)
    for stage in wanted:
        freshness.check_needs(stage, profile, parameters, wanted)
        notebooks.store(_execute(stage, profile, parameters), stage)
    for stage in wanted:
        if paths.lesson(stage).exists():
            with progress.Line(f"lesson {stage}"):
                notebooks.refresh_lesson(stage)
    from lib.cli import report  # draws with Matplotlib, which no other command of the door should wait for

    report.refresh_readme(paths.root())
    return 0


def alone(profile):
    """Keep a second run of the same profile out, for the length of a block.

    Raises
    ------
    StageFailed
        If one is at work.
    """
    refusal = f"Another run of the profile {profile} is at work. Wait for it, or stop it."
    return artifacts.locked(paths.data(profile), notebooks.StageFailed(refusal))


def _execute(stage, profile, parameters, took=None):
    with progress.Line(stage, **(took or {})) as line:
        left_out = freshness.shortened(stage, profile, parameters)
        return notebooks.execute(
            stage, profile, parameters[stage], say=line.say, note=line.note, left_out=left_out
        )


def _unlike(stage, profile):
    """That the executed notebook of a stage that will not run is another one than was stored."""
    _, why = freshness.unlike_stored(stage, profile)
    return f"; {why} (--force --only {stages.number(stage)} makes it again)" if why else ""


def _written(profile, stage):
    made = artifacts.manifest(profile, stage)
    files = [paths.located(name) for name in sorted({**made.outputs, **made.records})]
    return [paths.place(file) for file in [*files, paths.executed(profile, stage)]]
