"""Whether a stage would have to run, and whether it can: by its manifest and the number of artists."""

from lib.cli import notebooks
from lib.workflow import artifacts, sizes


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
        As `lib.workflow.artifacts.why_stale`; also, that cells which were left out of it can run now.
    """
    reason = artifacts.why_stale(stage, profile, parameters[stage])
    if reason or not notebooks.was_shortened(stage, profile) or shortened(stage, profile, parameters):
        return reason
    return "its cells on rankings were left out"


def left_out(stage, profile, parameters):
    """Why a stage cannot run with so few artists; empty if it can."""
    size = _size(stage, profile, parameters)
    return size.left_out().get(stage, "") if size else ""


def shortened(stage, profile, parameters):
    """Why the cells of a stage on rankings are left out; empty if they are not."""
    size = _size(stage, profile, parameters)
    return size.not_evaluated() if size and stage in size.shortened() else ""


def _size(stage, profile, parameters):
    """Sizes by the artists of notebook 03; None for stages before, and where it has not run."""
    if stage not in sizes.TRAINING:
        return None
    from lib.cli import collection

    count = collection.exact(profile)
    return sizes.given(count.n_artists, parameters) if count else None
