"""Step 01 (paper, section 3): who listens to whom, and how similar that makes two artists.

Reads files of plays; notebook 01 writes ``artists.parquet``, ``listening.npz`` and a target for each metric.

- `spelling`: forms in which names are compared, and names that stand for nobody.
- `names`: when two names are the same artist.
- `characters`: text from outside as files and screens can hold it.
- `text`: a file of delimited text, its encoding, delimiter and quotes.
- `zips`: zips from outside, read within bounds.
- `columns`: which column is meant, by its usual names.
- `history`: one person's listening history.
- `layouts`: the layouts of files of plays.
- `plays`: a file of plays becomes a clean matrix, and a table of what was left out.
- `counts`: the rows of such a file, numbered, spilled to files where they are many, and counted.
- `notices`: what a person should know of plays that were read.
- `matrix`: the matrix of listeners and artists.
- `labels`: frames labelled with artists: counts of shared listeners, scaling, blank diagonals.
- `factors`: artists as vectors of listening, for two of the metrics.
- `metrics`: the metrics of similarity, the paper's among them. A new one is one registered function there.
- `ranks`: Spearman's correlation of two matrices, row by row, a block of rows at a time.
- `trust`: how far a metric can be trusted: popularity in it, agreement of two halves of the listeners.
- `targets`: a similarity on disk, audited when it is read.
- `words`: what the notebook says came out, computed.
- `published`: the mistake in the published evaluation, repeated as the author's code makes it.
"""
