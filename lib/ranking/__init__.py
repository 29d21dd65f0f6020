"""Step 05 (paper, section 5, Tables 1 and 2): how well artists are ranked.

Reads targets, spectrograms and networks; notebook 05 writes ``scores.npz``, the tables and the ledger.

- `ties`: lists in which values tie, in expectation over all orders.
- `matching`: how far two ordered lists agree.
- `influence`: a metric query by query, and what each candidate adds to it.
- `metrics`: the metrics of ranking. A new one is one function and one registration there.
- `lists`: nearest artists, true and predicted places.
- `baselines`: chance, popularity, L2 and other methods without training.
- `scores`: the scores of all methods.
- `significance`: intervals over artists and trainings, tests, corrections.
- `confounds`: what popularity and other nuisances explain. `hubs`: artists who are on too many lists.
- `strata`: results by popularity.
- `compare`: which method is better, decided in one place.
- `tracks`: tracks as queries. `retrieval`: which tracks share an artist or a style with a query.
- `track_results`: how well tracks are ranked.
- `tables`: Table 1. `examples`: Table 2 and single artists. `paper`: the published values.
- `longer_runs`: trainings that take longer than a notebook. `longer_results`: what their tables say.
- `ledger`: the lines and verdicts of the paper's claims. `claims`: the claims and what decides each.
- `words`: the sentences of the notebooks.
- `paper_text`: each statement of the paper and where it is reproduced.
"""
