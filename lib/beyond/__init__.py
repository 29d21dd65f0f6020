"""Step 07 (beyond the paper): stronger methods under the protocol of notebook 05.

Reads what 05 reads and its scores; notebook 07 writes ``beyond_scores.npz``, ``models/beyond.npz``,
``beyond_track_scores.npz`` for notebook 07b, and ``artist_map.parquet``, ``blend.parquet``, ``moments.npz``
and ``readable.parquet`` for the explorer.

- `factors`: artists as vectors of listening, without the artists that are tested. `tags`: the same from tags.
- `tags_2k`: the tags of Last.fm-2K, read from its zip.
- `audio_features`, `segment_features`: clips as vectors. `factor_models`, `factor_cnn`, `target_encoder`:
  from clips to factors.
- `encoders`, `musicnn`: from clips to vectors, by what was trained elsewhere. `encoder_methods`: with those.
- `adjust`: popularity and hubs in finished scores (07b).
- `protocol`: all methods fitted on all folds. `tables`: choice on dev artists, comparison on test artists.
- `artist_map`, `blends`, `moments`, `readable`: what the explorer shows beside the lists.
- `best_chance`: the paper's network with more training and other targets; 07b shows what a stored run says.
- `similar_artists`: a model that answers for any music file.
"""
