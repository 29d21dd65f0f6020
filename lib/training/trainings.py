"""Trained networks, each trained once and kept (`lib.workflow.kept`)."""

from __future__ import annotations

from lib.methods import EARLY
from lib.training.devices import OnDevices
from lib.training.siamese import Siamese


def trained(
    study,
    train,
    dev,
    *,
    kept,
    seed=0,
    watch=None,
    keep=(EARLY,),
    checkpoint_folder=None,
    n_devices=1,
    **settings,
):
    """The trained network: the kept one, or else it is trained and kept.

    Parameters
    ----------
    study, train, dev, seed, watch, keep, checkpoint_folder
        As for `siamese.Siamese.fit`.
    kept : lib.workflow.kept.Kept
    n_devices : int
        Devices that share each step (`devices.OnDevices`).
    **settings
        As for `siamese.Siamese`.

    Returns
    -------
    lib.training.siamese.Siamese

    Examples
    --------
    >>> method = trained(study, study.train, study.dev, kept=run.kept, epochs=25)  # doctest: +SKIP
    >>> sorted(method.kept)  # epochs; called again, it is read and not trained  # doctest: +SKIP
    [5]
    """
    method = Siamese(**settings) if n_devices == 1 else OnDevices(n_devices, **settings)
    depends_on = method.depends_on(study, train, dev, watch, seed)
    depends_on |= {"epochs": method.epochs, "patience": method.patience, "keep": sorted(map(int, keep))}

    def make():
        how = {"seed": seed, "watch": watch, "keep": keep, "checkpoint_folder": checkpoint_folder}
        return method.fit(study, train, dev, **how).recorded()

    code = type(method).__module__
    return method.restored(kept.result("network", make, code=code, **depends_on), seed=seed)
