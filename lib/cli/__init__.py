"""What ``run_all.py`` does once there is an environment.

- `runner`: its commands: run, list. `testing`: ``--test``. `lab`: JupyterLab, on the notebooks or on the
  explorer.
- `freshness`: whether a stage would have to run, and whether it can.
- `checks`: what is checked before the first notebook starts.
- `collection`: how many artists there are, and the plan for so many.
- `notebooks`: executing and storing notebooks. `copies`: those in a profile's data, which a person changes.
- `kernels`: how far a kernel is, what it writes past its notebook, what it costs.
- `reproduction`: this run's figures beside the committed ones.
- `real_results`: aggregate results of a run on real music, kept beside the demo's.
- `library`: ``--library``, a person's own music. `library_features`: what its features reach on real
  music. `library_model`: a fitted model as something to publish.
- `book`: the notebooks and pages as a website. `book_sources`: what it is built from. `book_links`: whether
  its links lead somewhere.
- `report`: the part of the README that results fill.
"""
