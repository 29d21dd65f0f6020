"""The paper's text, statement by statement, and what this repository does about each.

Conventions
-----------
- ``STATEMENTS`` follows the paper section by section: every statement that can be checked, every number,
  table and figure. ``status`` is *reproduced* (the same thing is made), *decided* (a claim with a verdict in
  the ledger or in the filter claims), *described* (shown, but not decided), or *not reproduced*, with the
  reason in ``remark``.
- ``where`` names notebooks by their number, files of ``figures/`` and ``benchmarks/``, modules of ``lib``; a
  test checks that all of them exist.

References
----------
Allen, N. (2018). Assessing Music Similarity Using Deep Learning. CS230, Stanford University.
The author's code: https://github.com/naallen/music-similarity-deep-learning
"""

from __future__ import annotations

import pandas as pd

STATUSES = ("reproduced", "decided", "described", "not reproduced")
COLUMNS = ["section", "statement", "status", "where", "remark"]
LEDGER, FILTERS = "figures/ledger.csv", "figures/filter_claims.csv"

STATEMENTS = [
    # abstract and introduction
    ("Abstract", "the model attained good performance over the baseline", "decided", f"05b, {LEDGER}", ""),
    (
        "Abstract",
        "subjectively suitable results for a set of sampled artists",
        "decided",
        f"05b, {LEDGER}",
        "closeness in style, in the simulated world; real artists: described in Table 2 only",
    ),
    (
        "1",
        "similarity is built from user listening preferences and reviews",
        "not reproduced",
        "",
        "neither the author's code nor Last.fm-360K has reviews",
    ),
    (
        "1",
        "audio is represented as 256 × 64 mel-spectrogram images",
        "reproduced",
        "03, lib/spectrograms/picture.py",
        "the author's screenshots are a parameter of 03",
    ),
    (
        "1",
        "the siamese part has five convolution layers",
        "reproduced",
        "04, 07b, benchmarks/best_chance.csv",
        "the author's code has three; both are trained in full",
    ),
    (
        "1",
        "a densely-connected layer, L1 distance, a sigmoidal output",
        "reproduced",
        "04, figures/figure1_network.png",
        "",
    ),
    (
        "2",
        "convolutional networks on mel-spectrograms tag music (Choi et al. 2016, 2017; Million Song Dataset)",
        "not reproduced",
        "",
        "prior work; tags as a target are an option of 07",
    ),
    (
        "2",
        "van den Oord et al. (2013) predict latent factors of listening from audio",
        "reproduced",
        "07, lib/beyond/factors.py",
        "prior work; 07 takes up this idea and the paper does not",
    ),
    # 3 dataset
    (
        "3",
        "over 17 million entries of users, artists and plays",
        "reproduced",
        "01, lib/listening/plays.py",
        "profiles open and paper",
    ),
    (
        "3",
        "only the top 1,000 artists were considered",
        "reproduced",
        "01, profiles/paper.yml",
        "206 in the demo",
    ),
    (
        "3",
        "co-occurrences, normalised column-wise by the listeners of each artist",
        "reproduced",
        "01, lib/listening/metrics.py",
        "the column is the query: P(other | listens to the query)",
    ),
    (
        "3",
        "minimum of the two values of a pair, scaled over the whole data set",
        "reproduced",
        "01, lib/listening/metrics.py",
        "",
    ),
    (
        "3",
        "obscure artists then have other obscure artists more highly scored",
        "decided",
        f"05b, {LEDGER}",
        "",
    ),
    (
        "3",
        "... and stylistically similar ones",
        "decided",
        f"05b, {LEDGER}",
        "needs the styles of the simulated world",
    ),
    (
        "3",
        "popular artists dominate the scores of the original metric",
        "described",
        "01, figures/similarity_summary.csv",
        "",
    ),
    ("3", "the metric is symmetric, which training needs", "decided", f"05b, {LEDGER}", ""),
    (
        "3",
        "Spotify, iTunes as fallback, 30-second previews",
        "reproduced",
        "02, profiles/paper.yml",
        "against a local server with the shapes of the services; Spotify gives no previews to new"
        " applications",
    ),
    (
        "3",
        "audio of 975 of the 1,000 artists",
        "described",
        "02, figures/clip_sources.csv",
        "200 of 206 in the demo",
    ),
    (
        "3",
        "49 artists for the dev set, 49 for the test set",
        "reproduced",
        "04, lib/study.py",
        "by artist, with the author's two seeds",
    ),
    # 4 methods
    ("4", "mean squared error, Adam", "reproduced", "04, lib/training/siamese.py", ""),
    ("4, Figure 1", "diagram of the network", "reproduced", "04, figures/figure1_network.png", ""),
    (
        "4",
        "1D convolutions along time with MaxPool, BatchNorm and padding",
        "reproduced",
        "04, lib/training/network.py",
        "",
    ),
    (
        "4",
        "global max pooling removes any time-dependency",
        "decided",
        f"06, {FILTERS}",
        "frames shuffled, reversed and shifted",
    ),
    (
        "4",
        "the input consists of all pairs of clips",
        "reproduced",
        "04, 04b, lib/training/pairs.py",
        "taken as tiles; equivalence to plain pairs: benchmarks/equivalence.csv",
    ),
    (
        "4",
        "the score of two artists is the mean over their pairs of clips",
        "reproduced",
        "05, lib/methods.py",
        "",
    ),
    (
        "4",
        "the baseline computes the L2 norm between the tracks",
        "reproduced",
        "05, lib/ranking/baselines.py",
        "",
    ),
    ("4", "the baseline performs respectably, better than random selection", "decided", f"05b, {LEDGER}", ""),
    # 5 experiments
    ("5", "grid search on the dev set", "reproduced", "04, figures/search.csv", ""),
    (
        "5",
        "batch size 2,048 and learning rate 0.001 are optimal",
        "decided",
        f"05b, {LEDGER}",
        "the author's saved log trains with batches of 1,024",
    ),
    (
        "5",
        "no appreciable reduction in test loss with more epochs",
        "decided",
        f"05b, {LEDGER}",
        "appreciable: 5 % of the constant's loss",
    ),
    (
        "5",
        "test loss tends to increase after approximately epoch 5",
        "decided",
        f"05b, {LEDGER}",
        "both truths",
    ),
    (
        "5, Figure 2",
        "test and training loss for each epoch",
        "reproduced",
        "04, figures/figure2_loss.png",
        "the author's test loss, with its wrong names, is a line of its own",
    ),
    ("5", "the final model was trained for 25 epochs", "reproduced", "04", ""),
    ("5", "unordered accuracy", "reproduced", "05, lib/ranking/metrics.py", ""),
    (
        "5",
        "edit distance",
        "reproduced",
        "05, lib/ranking/metrics.py",
        "the code computes difflib's ratio; Levenshtein's beside it",
    ),
    (
        "5, Table 1",
        "16 accuracies of model and baseline",
        "reproduced",
        "05, figures/published_values.csv",
        "measured against candidates under wrong names; not comparable with right ones",
    ),
    (
        "5",
        "the model consistently outperforms the baseline",
        "decided",
        f"05b, {LEDGER}, figures/published_counts.csv",
        "",
    ),
    ("5", "... especially at lower values of n", "decided", f"05b, {LEDGER}", ""),
    (
        "5",
        "accuracies using this metric are quite low",
        "described",
        "05, figures/table1_ranking.csv",
        "beside chance and references",
    ),
    (
        "5",
        "Radiohead and The Beatles are extremely similar by the metric, in reality dissimilar",
        "described",
        "05b, figures/confounds.csv",
        "an instance of popularity as a confound",
    ),
    (
        "5",
        "an obscure copy of The Beatles would have a lower similarity",
        "decided",
        f"05b, {LEDGER}",
        "a copy is planted in the demo; decided over all artists",
    ),
    (
        "5",
        "popularity makes it difficult to extract relations from audio",
        "described",
        "05b, figures/confounds.csv",
        "",
    ),
    (
        "5",
        "the variance between an artist's tracks makes learning difficult",
        "decided",
        f"04, 05b, {LEDGER}",
        "trained with one and three clips an artist at equal steps",
    ),
    (
        "5, Figure 3",
        "heatmaps of all first-layer filters",
        "reproduced",
        "06, figures/figure3_filters.png",
        "",
    ),
    ("5", "most filters appear noisy", "decided", f"06, {FILTERS}", ""),
    (
        "5, Figure 4",
        "a selection of interesting filters",
        "reproduced",
        "06, figures/figure4_selected_filters.png",
        "selected by criteria",
    ),
    ("5", "a selection corresponds to specific audio patterns", "decided", f"06, {FILTERS}", ""),
    (
        "5",
        "filters 4 and 64 respond to a sharp bassy sound",
        "decided",
        f"06, {FILTERS}",
        "any filter, held against controls",
    ),
    (
        "5",
        "filter 99 responds to a pattern followed by silence",
        "decided",
        f"06, {FILTERS}",
        "any filter, held against controls",
    ),
    (
        "5, Table 2",
        "five most similar artists of three artists, from train and test",
        "reproduced",
        "05, figures/table2_similar_artists.csv",
        "the author's three are training artists; the truth there ranks training artists only",
    ),
    (
        "5",
        "the model comes close to the style of the query artists",
        "decided",
        f"05b, {LEDGER}",
        "in the simulated world",
    ),
    (
        "5",
        "the baseline has little to do with the style of The Beatles and of Tupac",
        "decided",
        f"05b, {LEDGER}",
        "model against L2, unheard artists",
    ),
    (
        "5",
        "the clips of In Flames are from newer albums, which explains its neighbours",
        "described",
        "05b",
        "neighbours by early and by late clips of the act with the shifting style",
    ),
    (
        "5",
        "low diversity of metal artists explains the baseline's neighbours of In Flames",
        "described",
        "05b",
        "how much the artists around it differ by L2, among all artists of the demo",
    ),
    (
        "5",
        "the architecture groups artists loosely by stylistic similarity",
        "decided",
        f"05b, {LEDGER}",
        "in the simulated world",
    ),
    # 6 conclusion
    (
        "6",
        "the model attained a good mean squared error on training and test data",
        "decided",
        f"05b, {LEDGER}",
        "against one constant",
    ),
    ("6", "the model tended to rank artists inaccurately", "described", "05, figures/table1_ranking.csv", ""),
    (
        "6",
        "future work: refine the similarity metric and the input",
        "described",
        "01, 07",
        "seven metrics; other targets in 07",
    ),
    (
        "6",
        "future work: perhaps similarity between tracks would be better suited",
        "decided",
        f"05b, 07b, lib/ranking/track_results.py, {LEDGER}",
        "tracks ranked as artists are; there is no listening by track, so that the truth is the artists'",
    ),
    ("6", "future work: review data", "not reproduced", "", "no such data"),
    ("6", "future work: more audio samples of each artist would help", "decided", f"04, 05b, {LEDGER}", ""),
]


def coverage():
    """The table.

    Returns
    -------
    pd.DataFrame
        ``section, statement, status, where, remark``.

    Examples
    --------
    >>> coverage()["status"].isin(STATUSES).all()
    np.True_
    """
    return pd.DataFrame(STATEMENTS, columns=COLUMNS)
