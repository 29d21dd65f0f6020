"""Whether a stage would have to run, and whether it can: by its manifest and the number of artists."""

from lib.cli import copies, notebooks
from lib.workflow import artifacts, paths, sizes, stages


def why_stale(stage, profile, parameters):
    """Why a stage would have to run, in a few words; None if it is fresh.

    Parameters
    ----------
    stage, profile : str
    parameters : dict of str to dict
        Of all stages.

    Returns
    -------
    str or None
        As `lib.workflow.artifacts.why_stale`; also, that its executed notebook is gone or damaged, or that
        cells which were left out of it can run now.
    """
    reason = artifacts.why_stale(stage, profile, parameters[stage])
    if reason:
        return reason
    gone, why = unlike_stored(stage, profile)
    if gone:
        return why
    if was_shortened(stage, profile) and not shortened(stage, profile, parameters):
        return "its cells on rankings were left out"
    return None


def left_out(stage, profile, parameters):
    """Why a stage cannot run with so few artists; empty if it can."""
    size = _size(stage, profile, parameters)
    return size.left_out().get(stage, "") if size else ""


def shortened(stage, profile, parameters):
    """Why the cells of a stage on rankings are left out; empty if they are not."""
    size = _size(stage, profile, parameters)
    return size.not_evaluated() if size and stage in size.shortened() else ""


def was_shortened(stage, profile):
    """Whether a stage was last executed without its cells on rankings."""
    if stage not in sizes.WITH_RANKINGS:
        return False
    if stored := _stored(stage, profile):
        return stored["shortened"]
    copy = copies.read(paths.executed(profile, stage))  # of a stage that a person has stepped through
    return copy is not None and any(
        notebooks.LEFT_OUT in cell.metadata.get("tags", []) for cell in copy.cells
    )


def unlike_stored(stage, profile):
    """Why the executed notebook of a stage is not the one that was stored, in a few words.

    Parameters
    ----------
    stage, profile : str

    Returns
    -------
    gone : bool
        Whether it is not there, or no notebook at all.
    why : str
        Empty if it is as it was stored, or if nobody stored it.
    """
    path, stored = paths.executed(profile, stage), _stored(stage, profile)
    if not stored:
        return False, ""
    if not path.exists():
        return True, f"{paths.place(path)} is gone"
    if artifacts.sha256(path) == stored["sha256"]:
        return False, ""
    if copies.read(path) is None:
        return True, f"{paths.place(path)} is damaged"
    return False, f"{paths.place(path)} is not as it was executed: it was changed in JupyterLab, or damaged"


def check_needs(stage, profile, parameters, wanted):
    """Say so when a stage reads results that are not there, or not of today."""
    for need in stages.reads(stage):
        if need not in stages.NEEDS[stage] and not paths.manifest(profile, need).exists():
            continue
        if need in wanted:
            artifacts.manifest(profile, need)
            continue
        artifacts.verified(profile, need)
        if reason := artifacts.why_stale(need, profile, parameters[need]):
            print(f"{stage} · reads {need} as it is, though that is stale: {reason}")


def ahead(profile, todo):
    """How long stages took when they last ran.

    Parameters
    ----------
    profile : str
    todo : sequence of str
        The stages that will run, in order.

    Returns
    -------
    dict of str to dict
        ``expected``, seconds of the stage, and ``later``, seconds of all stages after it; only of those
        where both are known.
    """
    times, later = {}, 0.0
    for stage in reversed(todo):
        seconds = _stored(stage, profile).get("seconds")
        if seconds is None:
            break
        times[stage] = {"expected": seconds, "later": later}
        later += seconds
    return times


def _size(stage, profile, parameters):
    """Sizes by the artists of notebook 03; None for stages before, and where it has not run."""
    if stage not in sizes.TRAINING:
        return None
    from lib.cli import collection

    count = collection.exact(profile)
    return sizes.given(count.n_artists, parameters) if count else None


def _stored(stage, profile):
    """What the manifest of a stage says of its executed notebook."""
    try:
        return artifacts.manifest(profile, stage).notebook
    except artifacts.MissingArtifact:
        return {}
