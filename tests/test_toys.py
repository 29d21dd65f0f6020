"""Something new is one function or module, and one registration: toys are seen wherever a user would look."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.listening import labels, targets, trust
from lib.listening import metrics as listening_metrics
from lib.plots import listening as listening_plots

REGISTRIES = (listening_metrics.METRICS,)


@pytest.fixture(autouse=True)
def forgotten():
    """What a test registers is unknown after it, and its figures are closed."""
    before = [dict(registry) for registry in REGISTRIES]
    yield
    for registry, known in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(known)
    plt.close("all")


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


# A metric of similarity.


def toy_similarity(listening):
    """Co-listeners over the smaller audience of the two."""
    together = labels.cooccurrence(listening)
    listeners = np.diag(together)
    return labels.finish(together / np.maximum(np.minimum.outer(listeners, listeners), 1))


def test_a_toy_metric_of_similarity_is_made_audited_summed_up_and_drawn_with_the_others(miniature):
    listening_metrics.register(symmetric=True)(toy_similarity)
    made = {name: metric(miniature) for name, metric in listening_metrics.METRICS.items()}
    for name, target in made.items():  # as in notebook 01
        targets.audit(target, symmetric=listening_metrics.METRICS[name].symmetric)
    assert list(made)[-1] == "toy_similarity"
    summary = trust.summary(miniature, n_halvings=2, progress=False)
    row = summary.set_index("metric").loc["toy_similarity"]
    assert row["fame_low"] < row["fame_correlation"] < row["fame_high"]
    assert "toy_similarity" in texts(listening_plots.metric_summary(summary))
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    assert "toy_similarity" in texts(listening_plots.metrics_and_fame(made, listeners, n=3))
    near = trust.neighbours(made, miniature.artists, ["artist-00"], n=3)
    assert (near["metric"] == "toy_similarity").sum() == 3


def test_a_metric_of_similarity_that_is_not_as_symmetric_as_it_says_is_refused(miniature):
    def toy(listening):
        return listening_metrics.conditional(listening)

    listening_metrics.register(symmetric=True)(toy)
    metric = listening_metrics.METRICS["toy"]
    with pytest.raises(ValueError, match="should be symmetric"):
        targets.audit(metric(miniature), symmetric=metric.symmetric)


def test_a_name_of_a_metric_of_similarity_is_taken_once():
    listening_metrics.register(symmetric=True)(toy_similarity)
    with pytest.raises(ValueError, match="there is a metric of similarity 'toy_similarity' already"):
        listening_metrics.register(symmetric=True)(toy_similarity)
