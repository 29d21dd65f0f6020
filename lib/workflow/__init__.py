"""Where things are, what a run was given, and how files are written: nothing about music.

- `paths`: every folder and file name.
- `profiles`: the parameters of the notebooks, and the files in ``profiles/`` that change them.
- `stages`: which notebook needs which, and what code each is made of.
- `artifacts`: files written whole or not at all, and whether a stage is done. `manifests`: what a finished
  stage leaves, and how it is read. `disk`: what is said when there is no room.
- `stored`: files of arrays, tables and JSON read as data, never as code.
- `sizes`: dev and test artists, folds and lists, from the number of artists.
- `machine`: with what results are made: packages, processor, threads. `packages`: how large they are.
- `kept`: expensive results, kept by what they depend on.
- `figures`: the style of pictures, and the only way of a picture into a file.
- `stage`: one notebook at work: what came before it, what it writes.
- `datasets`: the public data sets, their licences and citations. `downloads`: resumed and verified.
- `cluster`: the same work on threads or on the workers of a Dask cluster.
- `progress`: one line that says how far a run is.
"""
