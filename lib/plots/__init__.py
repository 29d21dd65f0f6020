"""All pictures of the project.

Conventions
-----------
- A plot takes data and an optional `ax`, and returns its figure; nothing here trains, scores or reads files.
- Colours are Okabe & Ito's, maps are viridis (amounts) and a blue-white-brown one (signed values): both read
  well with any colour vision.
- Names from outside are drawn as plain text, never as mathematics.
- `save_figure` is the only way to a file: PNG, the same bytes for the same figure.
"""

import matplotlib.pyplot as plt

from lib.plots.beyond import beyond_forest, gains, name_of, popularity_weight, target_and_encoder
from lib.plots.filters import (
    ablations,
    before_and_after,
    best_filters,
    figure3_filters,
    figure4_selected_filters,
    filter_twins,
    filters_against_references,
    kernel,
    kernel_structure,
    responses_around,
    time_order_losses,
)
from lib.plots.listening import (
    cluster_order,
    cooccurrence_and_similarity,
    cooccurrence_heatmap,
    metric_summary,
    metrics_and_fame,
    popularity_curve,
    similarity_heatmap,
)
from lib.plots.ranking import (
    clips_curve,
    confound_dots,
    forest,
    mislabelled_truth,
    overlap_by_length,
    overview,
    published_null,
    published_values,
    rank_heatmap,
    strata_bars,
)
from lib.plots.reduced import reduced
from lib.plots.sound import (
    clip_portraits,
    kept_and_lost,
    mean_spectrum,
    sources_bar,
    spectrogram,
    two_readings,
)
from lib.plots.style import (
    AMOUNT,
    METHOD_COLOURS,
    METHOD_NAMES,
    SIGNED,
    SPLIT_COLOURS,
    save_figure,
    use_style,
)
from lib.plots.training import (
    equivalence,
    loss_curves,
    network,
    search_heatmaps,
    tile_picture,
    training_clips,
)
