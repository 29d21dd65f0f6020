"""Trained networks, each trained once and kept (`lib.workflow.kept`), several at a time.

Two trainings side by side, each on half of the threads (`lib.cli.notebooks.environment`), end sooner than one
after the other, because a step on one thread does not wait between its layers. Each gives the weights that it
gives alone.
"""

from __future__ import annotations

import concurrent.futures
import threading

from lib.methods import EARLY
from lib.training import devices
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
    stopping=None,
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
    stopping : threading.Event, optional
        As for `siamese.Siamese`.
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
    method.stopping = stopping
    depends_on = method.depends_on(study, train, dev, watch, seed)
    depends_on |= {"epochs": method.epochs, "patience": method.patience, "keep": sorted(map(int, keep))}

    def make():
        how = {"seed": seed, "watch": watch, "keep": keep, "checkpoint_folder": checkpoint_folder}
        return method.fit(study, train, dev, **how).recorded()

    code = type(method).__module__
    return method.restored(kept.result("network", make, code=code, **depends_on), seed=seed)


def several(each, *, at_once=None, n_devices=1, **common):
    """Trained networks as `trained` gives them, trained side by side where the machine allows it.

    Parameters
    ----------
    each : sequence of dict
        Arguments of `trained` by name, one dict a training.
    at_once : int, optional
        Trainings side by side; as many as `devices.trainings_at_once` says if not given.
    n_devices, **common
        Arguments of `trained` for all trainings.

    Returns
    -------
    list of lib.training.siamese.Siamese
        In the order of `each`.

    Raises
    ------
    Exception
        Of the first training that fails; the others are stopped, as they are by Ctrl-C. Their checkpoints
        stay.

    Examples
    --------
    >>> of_seeds = [{"seed": seed} for seed in (0, 1, 2)]
    >>> parts = {"study": study, "train": study.train, "dev": study.dev}  # doctest: +SKIP
    >>> len(several(of_seeds, **parts, kept=run.kept, epochs=25))  # doctest: +SKIP
    3
    """
    stopping = threading.Event()
    common |= {"n_devices": n_devices, "stopping": stopping}
    with concurrent.futures.ThreadPoolExecutor(at_once or devices.trainings_at_once(n_devices)) as threads:
        try:
            waiting = [threads.submit(trained, **common, **given) for given in each]
            failed, unfinished = [], waiting
            while unfinished and not failed:  # once a second: Polars lets Ctrl-C interrupt no endless waiting
                done, unfinished = concurrent.futures.wait(waiting, 1, concurrent.futures.FIRST_EXCEPTION)
                failed = [future for future in waiting if future in done and future.exception()]
            return [future.result() for future in failed or waiting]
        except BaseException:
            stopping.set()
            threads.shutdown(cancel_futures=True)
            raise
