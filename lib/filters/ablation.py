"""What a trained network loses when a part of it, or of its input, is taken away (beyond the paper).

Conventions
-----------
- To *silence* a filter is to set its response, the first layer's output, to zero for all sounds; what follows
  it stays as it was trained. Batch normalisation makes a constant of that zero.
- Filters are judged on the dev artists: whatever is chosen by it has not seen the test artists.
- The order of the frames is taken away by `lib.filters.time_order`.
- A change is "without the filter" minus "with all of them", query by query: negative where the filter helps.

References
----------
Westfall & Young (1993) for p-values that are corrected for many comparisons by the highest value.
"""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd

from lib.filters import kernels, responses, time_order
from lib.methods import labelled_scores, mean_over_clips
from lib.ranking import metrics
from lib.training import network as training_network

BATCH = 160  # clips encoded at a time
LIST_LENGTH = 10  # n of nDCG


def changes(method, study, artists, groups, *, n=LIST_LENGTH, kept=None):
    """Change of nDCG for each query artist when some filters of the first layer are silent.

    The first layer hears every clip once; only what follows it is computed again for each group.

    Parameters
    ----------
    method : lib.training.siamese.Siamese
        A trained network.
    study : lib.study.Study
    artists : sequence of str
        Queries and candidates: the dev artists.
    groups : sequence of sequence of int
        Filters that are silent together.
    n : int
        Length of the lists, artists.
    kept : lib.workflow.kept.Kept, optional
        Where the result is kept.

    Returns
    -------
    pd.DataFrame, shape=(n_artists, n_groups)
        Index: query.

    Raises
    ------
    ValueError
        If a group names a filter that there is not.

    Examples
    --------
    >>> from lib import study as studies
    >>> from lib.training.siamese import Untrained
    >>> ids, clips = list("abc"), np.random.default_rng(0).random((3, 256, 64), dtype=np.float32)
    >>> target = labelled_scores([[0, 3, 2], [3, 0, 1], [2, 1, 0]], ids)
    >>> study = studies.of_arrays(clips, ids, target, pd.Series([9, 5, 4], index=ids))
    >>> changes(Untrained().build(seed=0), study, ids, [[0], [0, 1, 2]], n=2).shape
    (3, 2)
    """
    groups = [[int(number) for number in group] for group in groups]
    if kept is not None:
        weights = {f"weights {place}": array for place, array in enumerate(method.model.get_weights())}
        inputs = study.inputs() | weights | {"artists": list(artists), "groups": groups, "n": n}

        def make():
            return {"changes": changes(method, study, artists, groups, n=n).to_numpy()}

        values = kept.result("ablation", make, code=__name__, **inputs)["changes"]
        return pd.DataFrame(values, index=pd.Index(artists, name="query", dtype=object))
    clip_encoder = method.model.get_layer("encoder")
    head = method.model.get_layer("head").get_weights()
    clips, owners = study.clips_of(artists)
    target = study.target.loc[artists, artists]
    first_layer, silence, rest = _after_first_layer(clip_encoder, clips)

    def quality(answers):
        embeddings = _in_batches(rest, answers)
        scores = mean_over_clips(training_network.similarities(embeddings, head), owners, len(artists))
        return metrics.ndcg(labelled_scores(scores, artists).reindex_like(target), target, n)

    whole, columns = quality(first_layer), []
    for group in groups:
        if not set(group) <= set(range(len(silence))):
            raise ValueError(f"there are filters 0 to {len(silence) - 1}, asked for {group}")
        if (first_layer[..., group] == silence[group]).all():  # they never answered
            columns.append(whole - whole)
            continue
        answers = first_layer.copy()
        answers[..., group] = silence[group]
        columns.append(quality(answers) - whole)
    return pd.concat(columns, axis=1, keys=range(len(columns)))


def summary(change, *, n_draws=9999, seed=0):
    """Mean change of each group with its interval over query artists, corrected for their number.

    Parameters
    ----------
    change : pd.DataFrame, shape=(n_queries, n_groups)
        From `changes`.
    n_draws, seed : int
        Random signs behind the p-values, and resamples behind the intervals.

    Returns
    -------
    pd.DataFrame
        ``group, change, ci_low, ci_high`` (95 %, of this group alone), ``p_value`` (two-sided, of no change
        on average: how often the largest of all groups' changes, in standard errors, is as large when the
        signs of each query's changes are drawn), ``n_queries``. A group that changes nothing has p = 1.

    Examples
    --------
    >>> helps, idle = [-0.1, -0.12, -0.09, -0.11, -0.1, -0.13], [0.01, -0.01, 0.02, -0.02, 0.0, 0.0]
    >>> results = summary(pd.DataFrame({0: helps, 1: idle}))
    >>> results["change"].round(3).tolist(), (results["p_value"] < 0.05).tolist()
    ([-0.108, 0.0], [True, False])
    """
    values = change.to_numpy()
    mean, low, high = responses.mean_and_interval(values, seed=seed)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_draws, len(values)))
    scale = np.sqrt(np.square(values).sum(axis=0))  # the same for all signs
    sums = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    largest = np.abs(signs @ sums).max(axis=1)
    observed = np.abs(sums.sum(axis=0))
    p_values = (1 + (largest[:, None] >= observed - 1e-12).sum(axis=0)) / (1 + n_draws)
    return pd.DataFrame({
        "group": change.columns, "change": mean, "ci_low": low, "ci_high": high, "p_value": p_values,
        "n_queries": len(values),
    })  # fmt: skip


def in_words(single, groups):
    """What silencing filters changes: one of them, and many.

    Parameters
    ----------
    single : pd.DataFrame
        From `summary`, with ``seed``.
    groups : pd.DataFrame
        From `summary`, with ``name``; rows named random are groups drawn at random.

    Returns
    -------
    str

    Examples
    --------
    >>> single = pd.DataFrame({"seed": [0, 0], "change": [-0.02, 0.01], "p_value": [0.01, 0.9]})
    >>> groups = pd.DataFrame({"name": ["moved most", "random", "random"], "change": [-0.04, -0.05, -0.01]})
    >>> print(in_words(single.assign(n_queries=49), groups))
    One filter silenced: the ranking loses more than by chance in 1 of 2 cases (1 training, 49 queries each);
    changes of nDCG from -0.020 to +0.010.
    Many silenced: moved most -0.040; as many at random -0.050 to -0.010.
    """
    lost = (single["p_value"] <= kernels.LEVEL) & (single["change"] < 0)
    n_trainings, random = single["seed"].nunique(), groups.loc[groups["name"] == "random", "change"]
    named = groups[groups["name"] != "random"]
    of_names = ", ".join(f"{row['name']} {row['change']:+.3f}" for row in named.to_dict("records"))
    return (
        f"One filter silenced: the ranking loses more than by chance in {lost.sum()} of {len(single)} cases"
        f" ({n_trainings} training{'s' if n_trainings > 1 else ''}, {single['n_queries'].max()} queries"
        " each);\n"
        f"changes of nDCG from {single['change'].min():+.3f} to {single['change'].max():+.3f}.\n"
        f"Many silenced: {of_names}; as many at random {random.min():+.3f} to {random.max():+.3f}."
    )


def random_groups(n_filters, size, n_groups, *, seed=0):
    """Groups of as many filters, drawn at random: what silencing that many costs, whichever they are.

    Returns
    -------
    list of list of int

    Examples
    --------
    >>> [len(group) for group in random_groups(128, 5, 3)]
    [5, 5, 5]
    """
    rng = np.random.default_rng(seed)
    return [sorted(rng.permutation(n_filters)[:size].tolist()) for _ in range(n_groups)]


def time_orders(networks, study, artists, *, n=LIST_LENGTH, seed=0):
    """What networks make of clips whose frames stand in another order.

    Parameters
    ----------
    networks : dict of int to lib.training.siamese.Siamese
        Trainings by seed.
    study : lib.study.Study
    artists : sequence of str
        Queries and candidates.
    n : int
        Length of the lists, artists.
    seed : int
        Of the random orders, the same for all networks.

    Returns
    -------
    scores : dict of str to list of pd.DataFrame, shape=(n_artists, n_artists)
        By order (`time_order.ORDERS`), one frame a training.
    measured : pd.DataFrame
        ``seed, order`` and the columns of `time_order.MEASURES`; in the row `time_order.CHANCE` the cosine is
        that of clips of different artists.

    Examples
    --------
    >>> from lib import study as studies
    >>> from lib.training.siamese import Untrained
    >>> target, listeners = labelled_scores([[0, 1], [1, 0]], ["a", "b"]), pd.Series([9, 5], ["a", "b"])
    >>> study = studies.of_arrays(np.eye(256, 64)[None].repeat(2, 0), ["a", "b"], target, listeners)
    >>> scores, measured = time_orders({0: Untrained().build(seed=0)}, study, ["a", "b"], n=1)
    >>> len(scores["reversed"]), measured["order"].tolist()[:3]
    (1, ['unchanged', 'shifted, multiples of 16 frames', 'shifted, any number of frames'])
    """
    clips, owners = study.clips_of(artists)
    truth = study.target.loc[artists, artists]
    scores, embeddings = {}, {}
    for order in time_order.ORDERS:
        changed = time_order.reordered(clips, order, seed=seed)
        embeddings[order] = {each: network.embed(changed) for each, network in networks.items()}
        scores[order] = []
        for each, network in networks.items():
            head = network.model.get_layer("head").get_weights()
            similar = training_network.similarities(embeddings[order][each], head)
            frame = labelled_scores(mean_over_clips(similar, owners, len(artists)), artists)
            scores[order].append(frame.reindex_like(truth))
    tables = []
    for place, each in enumerate(networks):
        untouched = embeddings[time_order.UNCHANGED][each]
        cosines = {
            order: time_order.cosines(untouched, of_order[each]).mean()
            for order, of_order in embeddings.items()
        } | {time_order.CHANCE: time_order.cosine_of_others(untouched, owners)}
        table = time_order.quality({order: frames[place] for order, frames in scores.items()}, truth, n)
        tables.append(table.assign(seed=each, cosine=table["order"].map(cosines)))
    return scores, pd.concat(tables, ignore_index=True)


def maxima_at_edges(networks, study, artists, *, n_places=2):
    """How many of the maxima that global max pooling takes lie at either end of the clip.

    Each convolution pads with zeros, which no sound has there, so that the ends differ from all other places.

    Parameters
    ----------
    networks : dict of int to lib.training.siamese.Siamese
        Trainings by seed.
    study : lib.study.Study
    artists : sequence of str
    n_places : int
        Places at either end, of those that pooling chooses among.

    Returns
    -------
    pd.DataFrame
        ``seed, at_edges`` (share over clips and filters), ``expected`` (share of places).

    Examples
    --------
    >>> from lib import study as studies
    >>> from lib.training.siamese import Untrained
    >>> target, listeners = labelled_scores([[0, 1], [1, 0]], ["a", "b"]), pd.Series([9, 5], ["a", "b"])
    >>> study = studies.of_arrays(np.eye(256, 64)[None].repeat(2, 0), ["a", "b"], target, listeners)
    >>> maxima_at_edges({0: Untrained().build(seed=0)}, study, ["a", "b"])[["seed", "expected"]]
       seed  expected
    0     0     0.125
    """
    clips, _ = study.clips_of(artists)
    rows = []
    for seed, network in networks.items():
        clip_encoder = network.model.get_layer("encoder")
        before = keras.Model(clip_encoder.input, clip_encoder.get_layer("max_over_time").input)
        values = _in_batches(before, clips)
        n, places = values.shape[1], values.argmax(axis=1)
        at_edges = (places < n_places) | (places >= n - n_places)
        answers = values.max(axis=1) > values.min(axis=1)  # a filter that never changes has no maximum
        rows.append((seed, at_edges[answers].mean(), 2 * n_places / n))
    return pd.DataFrame(rows, columns=["seed", "at_edges", "expected"])


def _after_first_layer(clip_encoder, clips):
    """First layer's output for all clips (normalised, pooled), that of a silent filter, and what follows."""
    pooled, norm = clip_encoder.get_layer("max_pool_1"), clip_encoder.get_layer("batch_norm_1")
    first = keras.Model(clip_encoder.input, pooled.output)
    rest = keras.Model(pooled.output, clip_encoder.output)
    nothing = np.zeros((1, 1, pooled.output.shape[-1]), dtype=np.float32)
    silence = keras.ops.convert_to_numpy(norm(nothing, training=False))
    return _in_batches(first, clips), silence[0, 0], rest


def _in_batches(model, values):
    parts = [values[start : start + BATCH] for start in range(0, len(values), BATCH)]
    return np.concatenate([model.predict_on_batch(part) for part in parts])  # compiled: half the time
