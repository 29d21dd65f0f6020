"""Pictures show the data that they are given, the right way up, and names from outside as plain text."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lib.listening import labels, trust
from lib.listening import metrics as listening_metrics
from lib.methods import labelled_scores
from lib.plots import beyond as plots
from lib.plots import listening, ranking, sound, style, training
from lib.ranking import baselines, compare, confounds, paper, strata, tables
from lib.ranking import scores as ranking_scores
from lib.spectrograms import picture
from lib.training import drawing, network, pairs
from lib.workflow import figures


@pytest.fixture(autouse=True)
def closed():
    with mpl.rc_context():
        figures.use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def target(miniature):
    return listening_metrics.min_conditional(miniature)


@pytest.fixture(scope="module")
def truths(target):
    return compare.truths(target, [target.index[place] for place in (7, 2, 10, 5, 0, 9)])


@pytest.fixture(scope="module")
def table(study, truths):
    methods = [baselines.Chance(), baselines.Popularity(), baselines.L2()]
    ceiling = baselines.Fixed("siamese", study.target)
    scores = ranking_scores.score_all([(method, 0) for method in (*methods, ceiling)], study)
    return tables.table1(scores, study.target, list(truths["corrected"].index), list_lengths=[2, 4])


def shown(ax, origin="upper"):
    """The values of the axes' picture, as an array; its first row is at the top unless said otherwise."""
    assert ax.images[0].origin == origin
    return np.ma.filled(ax.images[0].get_array().astype(float), np.nan)


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


# Files.


def test_a_figure_is_written_twice_as_the_same_bytes_without_stamps(tmp_path, target):
    for name in ("a.png", "b.png"):
        assert (
            figures.save(listening.similarity_heatmap(target), tmp_path / "figures" / name)
            == tmp_path / "figures" / name
        )
    data = (tmp_path / "figures/a.png").read_bytes()
    assert data == (tmp_path / "figures/b.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert b"Software" not in data
    assert b"tEXt" not in data


HOSTILE = ["$\\frac$ money $x", "_hidden", "<b>&amp;", "é\u2028", "a\nb", "%s {}"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_from_outside_is_drawn_as_it_is(tmp_path, name):
    artists = pd.DataFrame({"name": ["first", name], "listeners": [20, 10]})
    figure = listening.popularity_curve(artists, marked=[name])
    assert name in texts(figure)
    figures.save(figure, tmp_path / "curve.png")
    figure = sound.spectrogram(np.zeros((256, 64)), title=name)
    assert name in texts(figure)
    figures.save(figure, tmp_path / "title.png")


# Listening.


def test_the_popularity_curve_falls_and_points_at_the_marked():
    artists = pd.DataFrame({"name": ["a", "b", "c"], "listeners": [30, 20, 10]})
    ax = listening.popularity_curve(artists, marked=["b"]).axes[0]
    assert ax.lines[0].get_xydata().tolist() == [[1, 30], [2, 20], [3, 10]]
    assert ax.lines[1].get_xydata().tolist() == [[2, 20]]


def test_cluster_order_puts_circles_beside_each_other():
    blocks = np.kron(np.eye(3), np.ones((4, 4)))
    mixed = np.random.default_rng(2).permutation(12)
    order = listening.cluster_order(pd.DataFrame(blocks[np.ix_(mixed, mixed)]))
    circles = mixed[order] // 4
    assert sorted(order) == list(range(12))
    assert (np.diff(circles) != 0).sum() == 2


def test_the_heatmap_shows_all_values_in_cluster_order(target):
    order = listening.cluster_order(target)
    np.testing.assert_array_equal(
        shown(listening.similarity_heatmap(target).axes[0]), target.to_numpy()[np.ix_(order, order)]
    )


def test_the_heatmap_takes_the_order_that_it_is_given(target):
    order = np.arange(12)[::-1]
    picture = shown(listening.similarity_heatmap(target, order=order).axes[0])
    np.testing.assert_array_equal(picture, target.to_numpy()[::-1, ::-1])


def test_co_listeners_are_drawn_as_counts_on_a_logarithmic_scale_and_grey_where_there_are_none():
    counts = pd.DataFrame([[90, 40, 0], [40, 50, 1], [0, 1, 3]])
    figure = listening.cooccurrence_heatmap(counts, order=[2, 0, 1])
    image = figure.axes[0].images[0]
    picture = shown(figure.axes[0])
    assert np.isnan(np.diag(picture)).all()  # an artist's own listeners are no pair
    assert picture[[0, 0, 1], [1, 2, 2]].tolist() == [0.5, 1, 40]
    assert isinstance(image.norm, mpl.colors.LogNorm)
    assert image.get_clim() == (1, 40)
    grey = mpl.colors.to_rgba("#DDDDDD")
    assert tuple(image.cmap(image.norm(picture[0, 1]))) == grey
    assert tuple(image.cmap(image.norm(picture[0, 2]))) != grey
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["1", "3", "10", "30"]


def test_counts_and_target_stand_side_by_side_in_one_order(miniature, target):
    counts = labels.cooccurrence(miniature)
    left, right = listening.cooccurrence_and_similarity(counts.iloc[::-1, ::-1], target).axes[:2]
    order = listening.cluster_order(target)
    np.testing.assert_array_equal(shown(right), target.to_numpy()[np.ix_(order, order)])
    others = ~np.eye(12, dtype=bool)
    drawn = np.where(shown(left) == 0.5, 0, shown(left))
    np.testing.assert_array_equal(drawn[others], counts.to_numpy()[np.ix_(order, order)][others])


def test_popularity_of_the_neighbours_is_their_mean_rank():
    ids = list("abcd")
    listeners = pd.Series([40, 30, 20, 10], index=ids)
    values = np.array([[np.nan, 9, 8, 1], [1, np.nan, 2, 3], [9, 8, np.nan, 1], [1, 2, 3, np.nan]])
    figure = listening.metrics_and_popularity(
        {"one": pd.DataFrame(values, index=ids, columns=ids)}, listeners, n=2
    )
    points = figure.axes[0].collections[0].get_offsets().tolist()
    assert points == [[1, 2.5], [2, 3.5], [3, 1.5], [4, 2.5]]
    again = listening.metrics_and_popularity(
        {"one": pd.DataFrame(values, index=ids, columns=ids)}, listeners.sort_index(ascending=False), n=2
    )
    assert again.axes[0].collections[0].get_offsets().tolist() == points[::-1]


def test_artists_without_neighbours_are_not_given_the_popular_ones():
    """All are equally near: a rule that takes the first ones would call them popular."""
    ids = [f"{k:03d}" for k in range(200)]
    same = pd.DataFrame(1.0, index=ids, columns=ids).where(~np.eye(200, dtype=bool))
    figure = listening.metrics_and_popularity({"one": same}, pd.Series(np.arange(200)[::-1], index=ids), n=50)
    ranks = figure.axes[0].collections[0].get_offsets()[:, 1]
    assert abs(ranks.mean() - 100.5) < 20


@pytest.mark.parametrize(("n_metrics", "n_rows"), [(1, 1), (3, 1), (4, 2), (7, 2), (8, 2)])
def test_metrics_and_popularity_is_a_grid_whose_first_panel_is_the_papers(miniature, n_metrics, n_rows):
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    metrics = [listening_metrics.min_conditional, listening_metrics.pmi] * 4
    targets = {f"metric {k}": metrics[k](miniature) for k in range(n_metrics)}
    figure = listening.metrics_and_popularity(targets, listeners, n=3)
    panels = [ax for ax in figure.axes if ax.axison]
    titles = [ax.get_title().partition("\n")[0] for ax in panels]
    assert titles == ["metric 0 (the paper's)", *(f"metric {k}" for k in range(1, n_metrics))]
    assert panels[0].get_subplotspec().get_gridspec().nrows == n_rows
    words = texts(figure)
    assert words.count("mean rank of all artists") == 1
    assert words.count("rank by listeners") == -(-n_metrics // n_rows)  # one a column
    assert len({ax.get_xlim() for ax in panels}) == 1


def test_the_line_through_the_cloud_is_the_median_of_equal_parts():
    ids = [f"{k:02d}" for k in range(24)]
    rng = np.random.default_rng(4)
    values = pd.DataFrame(rng.random((24, 24)), index=ids, columns=ids)
    ax = listening.metrics_and_popularity(
        {"one": values}, pd.Series(rng.permutation(24), index=ids), n=3
    ).axes[0]
    points = np.asarray(ax.collections[0].get_offsets())
    twelfths = points[points[:, 0].argsort()].reshape(12, 2, 2)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), np.median(twelfths, axis=1))


@pytest.fixture(scope="module")
def summary(miniature):
    return trust.summary(miniature, n_halvings=3, progress=False)


def test_the_summary_of_metrics_has_a_dot_and_a_band_for_each_the_first_on_top(summary):
    figure = listening.metric_summary(summary)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["min-conditional (the paper's)", *map(style.name, summary["metric"][1:])]
    assert figure.axes[0].get_yticks().tolist() == [6, 5, 4, 3, 2, 1, 0]
    for ax, value, interval in zip(
        figure.axes, ("popularity_correlation", "split_half"), ("popularity", "split_half")
    ):
        bands, dots, strokes = ax.collections
        np.testing.assert_allclose(
            strokes.get_offsets(), np.c_[summary[f"{interval}_by_chance"], np.arange(7)[::-1]]
        )
        np.testing.assert_allclose(dots.get_offsets(), np.c_[summary[value], np.arange(7)[::-1]])
        ends = [segment[:, 0] for segment in bands.get_segments()]
        np.testing.assert_allclose(ends, summary[[f"{interval}_low", f"{interval}_high"]])
    assert "3 halvings of the listeners" in " ".join(texts(figure))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "the same for listeners without taste"
    ]


def overlapping(figure):
    """Pairs of titles, axis labels and tick labels that cover each other in the drawn figure."""
    figure.canvas.draw()
    words = []
    for ax in (ax for ax in figure.axes if ax.axison):
        words += [ax.title, ax.xaxis.label, ax.yaxis.label]
        for k, ticks, ends in (
            (0, ax.get_xticklabels(), ax.get_xlim()),
            (1, ax.get_yticklabels(), ax.get_ylim()),
        ):
            words += [label for label in ticks if min(ends) <= label.get_position()[k] <= max(ends)]
    words = [text for text in words if text.get_visible() and text.get_text()]
    boxes = [text.get_window_extent() for text in words]
    pairs = [(a, b) for a in range(len(words)) for b in range(a) if boxes[a].overlaps(boxes[b])]
    return [(words[a].get_text(), words[b].get_text()) for a, b in pairs]


def test_no_words_of_the_pictures_of_metrics_cover_each_other(miniature, target, summary):
    targets = {name: metric(miniature) for name, metric in listening_metrics.METRICS.items()}
    listeners = miniature.artists.set_index("artist_id")["listeners"]
    for figure in (
        listening.cooccurrence_and_similarity(labels.cooccurrence(miniature), target),
        listening.metrics_and_popularity(targets, listeners, n=3),
        listening.metric_summary(summary),
    ):
        assert overlapping(figure) == []


def test_bars_count_the_clips_of_artists_with_so_many_by_source():
    clips = pd.DataFrame(
        {
            "clip_id": range(6),
            "artist_id": list("aaabbc"),
            "source": ["spotify", "spotify", "itunes", "itunes", "itunes", "spotify"],
        }
    )
    ax = sound.sources_bar(clips).axes[0]
    itunes, spotify = ([patch.get_width() for patch in container] for container in ax.containers)
    assert (itunes, spotify) == ([0, 2, 1], [1, 0, 2])  # artists with one clip, with two, with three
    assert [patch.get_x() for patch in ax.containers[1]] == itunes
    artists = ["1 artist\nhas 1 clip", "1 artist\nhas 2 clips", "1 artist\nhas 3 clips"]
    assert [label.get_text() for label in ax.get_yticklabels()] == artists
    as_asked = sound.sources_bar(clips, ["spotify", "itunes", "deezer"]).axes[0]
    assert [container.get_label() for container in as_asked.containers] == [
        "Spotify: 3 clips", "iTunes: 3 clips", "Deezer: 0 clips",
    ]  # fmt: skip
    assert [patch.get_x() for patch in as_asked.containers[1]] == spotify


# Sound.


def test_a_spectrogram_runs_to_the_right_with_low_bands_at_the_bottom():
    values = np.zeros((256, 64))
    values[0, 0], values[255, 10] = 1, 0.5
    ax = sound.spectrogram(values).axes[0]
    picture = shown(ax, origin="lower")
    assert picture.shape == (64, 256)
    assert (picture[0, 0], picture[10, 255]) == (1, 0.5)
    assert (ax.images[0].origin, ax.images[0].get_extent()) == ("lower", [0, 30, 0, 64])


def test_frequencies_stand_beside_their_bands():
    ax = sound.spectrogram(np.zeros((256, 64))).axes[0]
    centres = picture.mel_frequencies()
    for tick, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True):
        hertz = float(label.get_text().replace(",", ""))
        band = np.abs(centres - hertz).argmin()
        assert abs(tick - (band + 0.5)) <= 0.51


def test_portraits_show_waveform_and_spectrogram_of_each_and_hide_what_is_left_over(rng):
    items = [(f"clip {k} " + "x" * 60, rng.uniform(-1, 1, 9000), rng.random((256, 64))) for k in range(3)]
    figure = sound.clip_portraits(items)
    figure.canvas.draw()
    seen = [ax for ax in figure.axes if ax.get_visible()]
    assert len(seen) == 7  # the colour bar is one of them
    titles = [ax.get_title() for ax in seen if ax.get_title()]
    assert [title[:6] for title in titles] == ["clip 0", "clip 1", "clip 2"]
    outline = seen[0].collections[0].get_paths()[0].vertices[:, 1]
    assert outline.max() == pytest.approx(items[0][1].max())
    assert outline.min() == pytest.approx(items[0][1].min())


@pytest.mark.parametrize(
    "name", ["W" * 300, "Hungarian Dance number 5, Allegro in F sharp minor", "$\\frac$" * 20]
)
def test_titles_of_portraits_beside_each_other_do_not_meet(rng, name):
    figure = sound.clip_portraits([(name, rng.uniform(-1, 1, 9000), rng.random((256, 64)))] * 2)
    figure.canvas.draw()
    left, right = (ax.title.get_window_extent() for ax in figure.axes if ax.get_title())
    assert left.x1 < right.x0
    assert left.x0 >= 0 and right.x1 <= figure.bbox.width
    assert figure.axes[0].get_title().startswith(name[:15])


def test_a_short_title_of_a_portrait_stays_whole(rng):
    figure = sound.clip_portraits(
        [("darkest: Domino Bishop", rng.uniform(-1, 1, 9000), rng.random((256, 64)))]
    )
    assert figure.axes[0].get_title() == "darkest: Domino Bishop"


def test_what_is_kept_stands_beside_a_finer_picture_of_the_same_seconds(rng):
    figure = sound.kept_and_lost(-80 * rng.random((1292, 128)), rng.random((256, 64)), start=10, seconds=6)
    assert [ax.get_xlim() for ax in figure.axes[:2]] == [(10, 16)] * 2
    assert [ax.get_title() for ax in figure.axes[:2]] == [
        "the sound: 128 bands, every 23 ms",
        "what is kept: 64 bands, every 117 ms",
    ]


def test_both_readings_of_a_clip_and_the_mean_spectrum_are_drawn(rng):
    figure = sound.two_readings(np.zeros((256, 64)), np.ones((256, 64)))
    assert [shown(ax, "lower").mean() for ax in figure.axes[:2]] == [0, 1]
    array = rng.random((5, 256, 64)).astype(np.float16)
    line = sound.mean_spectrum(array).axes[0].lines[0]
    np.testing.assert_allclose(
        line.get_ydata(), np.median(array.astype(np.float32).mean(axis=1), axis=0), rtol=1e-5
    )


# Network and training.


def test_figure_1_names_every_layer_twice_and_its_kernel_pool_and_parameters_once():
    model = network.tile_model(network.encoder())
    words = texts(training.network(*network.describe(model), drawing.details(model)))
    assert words.count("convolution 1") == words.count("embedding") == 2
    assert words.count("24,704") == words.count("over 4 frames") == 1
    assert words.count("128 kernels of 3 frames, ReLU") == 3
    assert {"clip a", "clip b", "the same weights", "|a − b|", "128 units, ReLU"} <= set(words)


@pytest.mark.parametrize("n_clips", [24, 40])
def test_the_tile_picture_covers_each_pair_of_different_artists_once(n_clips):
    owners = np.arange(n_clips) // 2
    walked = pairs.tiles(n_clips, batch_size=64, seed=0, epoch=1)
    picture = shown(training.tile_picture(walked, owners).axes[0])
    assert np.isnan(picture[np.tril_indices(n_clips)]).all()
    assert np.isfinite(picture).sum() == n_clips * (n_clips - 1) // 2 - n_clips // 2
    assert set(picture[np.isfinite(picture)]) <= set(range(len(walked)))


def test_loss_curves_show_the_mean_the_range_and_the_constant_beside_the_paper():
    rows = [
        (seed, epoch, split, 1.0 + seed + epoch)
        for seed in (0, 1)
        for epoch in (1, 2)
        for split in ("train", "dev")
    ]
    history = pd.DataFrame(rows, columns=["seed", "epoch", "split", "loss"])
    figure = training.loss_curves(history, {"dev": 9.0})
    ax, beside = figure.axes
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(drawn["train"].get_ydata(), [2.5, 3.5])
    assert drawn["train"].get_linestyle() != drawn["dev"].get_linestyle()
    band = ax.collections[0].get_datalim(ax.transData)
    assert (band.ymin, band.ymax) == (2, 4)
    assert [9, 9] in [list(line.get_ydata()) for line in ax.lines]
    assert [list(line.get_ydata())[-1] for line in beside.lines[:2]] == [0.0022, 0.0044]
    assert texts(figure).count("epoch 5") == 2
    assert figure.get_suptitle() == "The mean loss is lowest in epoch 1 (train), 1 (dev)"


def test_a_high_first_epoch_or_one_bad_training_does_not_flatten_the_loss_curves():
    history = pd.DataFrame(
        [(0, e, "dev", 0.003) for e in range(1, 101)], columns=["seed", "epoch", "split", "loss"]
    )
    history.loc[[0, 70], "loss"] = 0.9
    ax = training.loss_curves(history, {"dev": 0.0025}).axes[0]
    assert ax.get_ylim()[1] < 0.004
    assert ax.get_title() == "this run, 1 training (first epochs above the picture)"


def test_the_authors_own_test_loss_has_a_colour_and_a_line_of_its_own():
    history = pd.DataFrame(
        [(0, epoch, split, 1.0) for epoch in (1, 2) for split in ("test", "test, as published")],
        columns=["seed", "epoch", "split", "loss"],
    )
    ax = training.loss_curves(history, {}).axes[0]
    lines = {line.get_label(): line for line in ax.lines}
    test, published = lines["test"], lines["test, as published"]
    assert test.get_color() != published.get_color()
    assert test.get_marker() != published.get_marker()


def test_the_search_is_drawn_as_one_table_a_measure_depth_and_length():
    search = pd.DataFrame({
        "batch_size": [1, 2, 1, 2] * 2, "learning_rate": [0.1, 0.1, 0.2, 0.2] * 2,
        "n_convolutions": 3, "epochs": [1] * 4 + [2] * 4,
        "dev_loss": np.arange(1, 9) / 1000, "dev_ndcg": np.arange(1, 9) / 10,
    })  # fmt: skip
    axes = training.search_heatmaps(search).axes[:4]  # the others are colour bars
    assert [[float(text.get_text()) for text in ax.texts] for ax in axes] == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [0.1, 0.2, 0.3, 0.4],
        [0.5, 0.6, 0.7, 0.8],
    ]
    assert [ax.get_title() for ax in axes[:2]] == ["3 convolutions\n1 epoch", "3 convolutions\n2 epochs"]


def test_a_setting_that_was_not_trained_is_grey_and_the_best_one_framed():
    search = pd.DataFrame({
        "batch_size": [1, 2, 1, 2, 2], "learning_rate": [0.1, 0.1, 0.2, 0.2, 0.1],
        "n_convolutions": [3] * 4 + [5], "epochs": 1,
        "dev_loss": np.arange(1, 6) / 1000, "dev_ndcg": np.arange(1, 6) / 10,
    })  # fmt: skip
    axes = training.search_heatmaps(search).axes[:4]
    full, lonely = axes[:2]
    assert [text.get_text() for text in lonely.texts] == ["not\ntrained", "5", *["not\ntrained"] * 2]
    assert lonely.texts[1].get_position() == full.texts[1].get_position()
    image = lonely.images[0]
    assert tuple(image.cmap(image.norm(image.get_array()))[0, 0]) == mpl.colors.to_rgba("#DDDDDD")
    frames = [[frame.get_xy() for frame in ax.patches] for ax in axes]
    assert frames == [[(-0.46, -0.46)], [], [], [(0.54, -0.46)]]  # lowest loss, highest nDCG


def test_ways_of_taking_pairs_are_drawn_as_means_within_their_range():
    table = pd.DataFrame({
        "way": ["tiles"] * 4 + ["pairs"] * 4, "seed": [0, 0, 1, 1] * 2, "step": [10, 20] * 4,
        "dev_loss": [4.0, 2, 6, 3, 5, 2, 5, 2], "dev_ndcg": np.arange(8) / 10,
    })  # fmt: skip
    loss, _ = training.equivalence(table).axes
    drawn = {line.get_label(): line.get_ydata().tolist() for line in loss.lines}
    assert drawn == {"tiles": [5, 2.5], "pairs": [5, 2]}
    (low, high), *_ = [
        (band.get_datalim(loss.transData).ymin, band.get_datalim(loss.transData).ymax)
        for band in loss.collections
    ]
    assert (low, high) == (2, 6)


def test_training_with_more_clips_is_drawn_training_by_training():
    rows = [
        (clips, seed, part, query, clips + seed / 10 + query, 0.5)
        for clips in (1, 3)
        for seed in (0, 1)
        for part in ("dev", "test")
        for query in (0, 1)
    ]
    table = pd.DataFrame(rows, columns=["clips", "seed", "part", "query", "overlap", "ndcg"])
    ax = training.training_clips(table).axes[0]
    (line,) = [line for line in ax.lines if line.get_label() == "test artists"]
    np.testing.assert_allclose(line.get_xydata(), [[1, 1.55], [3, 3.55]])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.5, 1.6, 3.5, 3.6])


def test_target_and_encoder_are_told_apart_by_colour_and_filling():
    summary = pd.DataFrame({
        "method": ["siamese", "pair_ridge", "unlisted"], "encoder": ["paper", "features", "none"],
        "target": ["pairs", "pairs", "none"], "value": [1.0, 2.0, 3.0], "ci_low": 0.5, "ci_high": 3.5,
    })  # fmt: skip
    ax = plots.target_and_encoder(summary, ["siamese"]).axes[0]
    points = [line for line in ax.lines if line.get_xdata() is not None and len(line.get_xdata()) == 1]
    assert [point.get_xdata()[0] for point in points] == [3, 2, 1]  # the first one is at the top
    assert [label.get_text() for label in ax.get_yticklabels()][::-1] == [
        "siamese network", "pairs by ridge", "unlisted"
    ]  # fmt: skip
    assert points[1].get_color() == "white"
    assert points[1].get_markeredgecolor() == points[2].get_color()


# Results.


def test_both_truths_are_drawn_on_one_scale_in_the_order_of_similar_artists(truths, table):
    order = ranking.truth_order(truths)
    corrected = truths["corrected"].to_numpy()[np.ix_(order, order)]
    published = truths["as_published"].to_numpy()[np.ix_(order, order)]
    assert (published < 0).any()  # where the candidate is the query itself
    published = np.where(published < 0, np.nan, published)
    for figure in (ranking.mislabelled_truth(truths), ranking.overview(table, truths)):
        for ax, values in zip(figure.axes[:2], (published, corrected), strict=True):
            np.testing.assert_array_equal(shown(ax), values)
        assert figure.axes[0].images[0].get_clim() == figure.axes[1].images[0].get_clim()
        assert "similarity by shared listeners\n(white: the query itself)" in texts(figure)


def test_the_arrow_points_at_a_query_under_the_name_of_another_artist(target, truths):
    test = list(truths["corrected"].index)
    names = {artist: f"${artist}" for artist in test}
    figure = ranking.mislabelled_truth(truths, names)
    (arrow,) = [text for text in figure.axes[0].texts if isinstance(text, mpl.text.Annotation)]
    column, row = (np.asarray(test)[ranking.truth_order(truths)][place] for place in arrow.xy)
    assert sorted(target.index)[test.index(column)] == row  # the k-th name has the k-th values by id
    title = f"As published, the column named ${column} holds the similarities of ${row} (arrow)"
    assert figure.get_suptitle() == title


def test_overlap_by_length_draws_the_gain_of_every_method_over_chance(table):
    axes = ranking.overlap_by_length(table).axes
    titles = [ax.get_title() for ax in axes]
    assert titles == ["popularity alone", "L2 of spectrograms", "siamese network"]  # chance is the line at 0
    rows = table.query("truth == 'corrected' and candidates == 'test' and metric == 'unordered'")
    for ax, method in zip(axes, ("popularity", "l2", "siamese"), strict=True):
        part = rows[rows["method"] == method]
        np.testing.assert_allclose(ax.lines[-1].get_ydata(), part["value"] - [2 / 5, 4 / 5])
        band = ax.collections[0].get_datalim(ax.transData)
        assert band.ymax == pytest.approx(max(part["ci_high"] - [2 / 5, 4 / 5]))


def test_the_forest_has_a_point_and_an_interval_for_each_method_but_chance(table):
    figure = ranking.forest(table, metric="ndcg", n=2)
    for ax, truth in zip(figure.axes, ("as_published", "corrected"), strict=True):
        rows = table[table["truth"] == truth]
        rows = rows.query("candidates == 'test' and metric == 'ndcg' and n == 2 and method != 'chance'")
        points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
        assert points == rows["value"].tolist()[::-1]
        intervals = [
            list(line.get_xdata())
            for line in ax.lines
            if line.get_marker() == "None" and line.get_linewidth() == 2
        ]
        assert intervals == rows[["ci_low", "ci_high"]].to_numpy().tolist()[::-1]


def test_the_overview_says_what_it_is_made_of_and_shows_few_methods(table, truths):
    figure = ranking.overview(table, truths)
    words = " ".join(texts(figure))
    assert "share of the 4 true neighbours found\n(95 % interval over 6 artists and 1 training)" in words
    names = [label.get_text() for label in figure.axes[-1].get_yticklabels()]
    assert names == ["siamese network", "L2 of spectrograms", "popularity alone"]
    assert "share of the 2 true" in " ".join(texts(ranking.overview(table, truths, n=2)))


@pytest.fixture(scope="module")
def confounded(study, truths):
    """Predictions and the tables of confounds that their pictures show."""
    truth = truths["corrected"]
    methods = [baselines.Chance(), baselines.Popularity(), baselines.L2()]
    scores = ranking_scores.score_all([(method, 0) for method in methods], study)
    predicted = ranking_scores.predictions(scores, truth)
    clips = pd.DataFrame({"artist_id": truth.index, "source": list("ababab"), "loudness": range(6)})
    nuisance = confounds.nuisances(clips, list(truth.index))
    table = confounds.table(predicted, truth, study.listeners, nuisance, n=2)
    return predicted, table, strata.table(predicted, truth, study.listeners, n=2)


@pytest.fixture(scope="module")
def null(confounded, truths):
    test = list(truths["corrected"].index)
    return compare.published_null(confounded[0], truths["as_published"], test, [2, 3, 4], n_permutations=9)


def test_the_published_null_draws_a_bar_of_permutations_and_a_dot_a_method(null):
    ax = ranking.published_null(null, n=2).axes[0]
    rows = null[(null["n"] == 2) & (null["method"] != "chance")].iloc[::-1]
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    bars = [list(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 7]
    assert dots == rows["value"].tolist()
    assert bars == rows[["null_low", "null_high"]].to_numpy().tolist()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["L2 of spectrograms", "popularity alone"]


def test_the_papers_own_value_is_a_cross_where_it_has_one(null):
    for n, wanted in ((2, []), (3, [0.0748])):
        ax = ranking.published_null(null, n=n).axes[0]
        crosses = [
            line.get_xdata()[0] for line in ax.lines if line.get_marker() == "x" and len(line.get_xdata())
        ]
        assert [value for value in crosses if not np.isnan(value)] == wanted


def test_all_published_values_are_crosses_beside_those_of_this_run(study, truths, null):
    scores = ranking_scores.score_all([(baselines.L2(), 0)], study)
    test = list(truths["corrected"].index)
    table = tables.table1(scores, study.target, test, list_lengths=[3, 5])
    both = paper.beside_the_published(table, null)
    figure = ranking.published_values(both)
    for ax, metric in zip(figure.axes, ("unordered", "sequence_matcher"), strict=True):
        crosses = {}
        for line in ax.lines:
            if line.get_marker() == "x":
                crosses[line.get_label()] = list(line.get_ydata())
        lengths = (3, 5, 10, 25)
        assert crosses == {
            "siamese network, paper": [paper.PAPER_TABLE_1[n, metric][0] for n in lengths],
            "L2 of spectrograms, paper": [paper.PAPER_TABLE_1[n, metric][1] for n in lengths],
        }
        diamonds = [list(line.get_ydata()) for line in ax.lines if line.get_marker() == "d"]
        place = metric == "unordered"
        assert diamonds == [[paper.UNPUBLISHED_EPOCH_5[n][place] for n in lengths]]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["3", "5", "10", "25"]


def test_the_rank_heatmap_is_centred_on_chance_and_leaves_it_out(confounded, truths):
    ranks = compare.rank_table(confounded[0], truths["corrected"])
    ax = ranking.rank_heatmap(ranks).axes[0]
    others = ranks.drop(index="chance").to_numpy()
    means = [others[:, 0], others[:, 1:3].mean(axis=1), others[:, 3:].mean(axis=1)]
    np.testing.assert_allclose(shown(ax), np.transpose(means))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2–3", "4–5"]
    assert np.mean(ax.images[0].get_clim()) == pytest.approx(3)  # of five others


def test_strata_are_dots_of_each_method_with_chance_beside(confounded):
    table = confounded[2]
    figure = ranking.strata_dots(table)
    strata = sorted(table["stratum"].unique())
    for row, kind in zip((figure.axes[: len(strata)], figure.axes[len(strata) :]), ("queries", "candidates")):
        for ax, stratum in zip(row, strata, strict=True):
            part = table[(table["strata_of"] == kind) & (table["stratum"] == stratum)]
            values = part.loc[part["method"] != "chance", "value"].tolist()[::-1]
            assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"] == values
            high, low = part.iloc[0][["listeners_high", "listeners_low"]]
            assert ax.get_title() == f"{kind} with\n{low:,} to {high:,} listeners"
    assert "share of the 2 true\nneighbours found" in texts(figure)


def test_confounds_are_dots_of_every_method_that_has_the_measure(confounded):
    table = confounded[1]
    figure = ranking.confound_dots(table, measures=("popularity_correlation", "matched_concordance"))
    for ax, measure in zip(figure.axes, ("popularity_correlation", "matched_concordance"), strict=True):
        rows = table[(table["measure"] == measure) & (table["method"] != "chance")].iloc[::-1]
        dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
        np.testing.assert_array_equal(dots, rows["value"])
    assert "the truth itself" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_the_curve_over_clips_has_a_line_a_method(rng):
    truth, owners = labelled_scores(rng.random((9, 9)), list("abcdefghi")), np.repeat(np.arange(9), 2)
    clip_scores = {name: [rng.random((18, 18))] for name in ("l2", "siamese")}
    table = compare.clips_curve(clip_scores, owners, truth, n=3)
    ax = ranking.clips_curve(table).axes[0]
    drawn = [container.lines[0].get_ydata().tolist() for container in ax.containers]
    assert drawn == [part["value"].tolist() for _, part in table.groupby("method", sort=False)]
    assert ax.get_xticks().tolist() == [1, 2]


@pytest.mark.parametrize("draw", [
    lambda ax: listening.popularity_curve(pd.DataFrame({"name": ["a"], "listeners": [1]}), ax=ax),
    lambda ax: sound.spectrogram(np.zeros((256, 64)), ax=ax),
    lambda ax: sound.sources_bar(pd.DataFrame({"clip_id": [1], "artist_id": "a", "source": "x"}), ax=ax),
    lambda ax: sound.mean_spectrum(np.zeros((2, 256, 64)), ax=ax),
    lambda ax: listening.cooccurrence_heatmap(pd.DataFrame([[2, 1], [1, 3]]), ax=ax),
])  # fmt: skip
def test_a_plot_draws_into_the_axes_it_is_given(draw):
    figure, (left, right) = plt.subplots(1, 2)
    assert isinstance(draw(right), Figure)
    assert draw(right) is figure
    assert right.has_data()
    assert not left.has_data()


# Beyond the paper.

COMPARED = pd.DataFrame({
    "reference": "l2", "method": ["factor_sum", "siamese"] * 2,
    "measure": ["ndcg"] * 2 + ["matched_concordance"] * 2, "difference": [0.1, 0.0, 0.05, -0.01],
    "ci_low": [0.05, -0.05, 0.01, -0.04], "ci_high": [0.15, 0.05, 0.09, 0.02],
    "decision": ["higher", "inconclusive"] * 2,
})  # fmt: skip


def test_gains_are_drawn_where_they_are_against_no_gain():
    figure = plots.gains(COMPARED, measures=("ndcg", "matched_concordance"))
    ax = figure.axes[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["siamese network", "factors: ridge and kernel"]
    intervals = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
    assert [list(x) for x in intervals[:2]] == [[-0.05, 0.05], [0.05, 0.15]]
    assert list(intervals[2]) == [0, 0]  # the line of no gain
    assert figure.get_suptitle().startswith("1 of 2 methods have a higher nDCG than L2")


def test_the_forest_has_at_most_ten_rows_and_always_the_chosen_method():
    wanted = ["popularity", "l2", "mfcc_gaussian", "siamese", "factor_cnn", "factor_ridge", "segment_sum"]
    wanted += ["chosen", "musicnn_mtt", "split_half", "all_factors"]
    rows = plots.rows_of_forest([*wanted, "factor_kernel"], "segment_sum", ["musicnn_mtt"])
    assert rows == [name for name in wanted if name != "factor_ridge"]
    assert plots.rows_of_forest(["l2", "factor_ridge"], "factor_ridge") == ["l2", "factor_ridge"]


def test_the_forest_of_08_shows_all_folds_together_where_there_are_any():
    rows = [
        {"fold": fold, "method": method, "metric": metric, "n": n, "value": value}
        for fold, shift in ((0, 0.0), (pd.NA, 0.1))
        for method, base in (("chance", 0.2), ("factor_sum", 0.4))
        for metric, n, value in (("ndcg", 10, base + shift), ("matched_concordance", pd.NA, base + shift))
    ]
    table = pd.DataFrame(rows).assign(truth="corrected", candidates="test", chance=0.2).astype({"n": "Int64"})
    table = table.assign(ci_low=table["value"] - 0.05, ci_high=table["value"] + 0.05)
    for some, value in ((table, 0.5), (table[table["fold"].notna()], 0.4)):
        figure = plots.beyond_forest(some, n=10, best="factor_sum")
        for ax in figure.axes:
            (dot,) = [line for line in ax.lines if line.get_marker() == "o"]
            assert list(dot.get_xdata()) == [value]
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert names == ["factors: ridge and kernel"]


def test_the_chosen_weight_of_popularity_is_marked():
    by_weight = pd.DataFrame({"weight": [0, 0.5, 1], "ndcg": [0.3, 0.4, 0.35]})
    curve, mark, alone = plots.popularity_weight(by_weight, chosen=0.5).axes[0].lines
    assert list(curve.get_ydata()) == [0.3, 0.4, 0.35]
    assert list(mark.get_xdata()) == [0.5, 0.5]
    assert list(alone.get_ydata()) == [0.3, 0.3]
