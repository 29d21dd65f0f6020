"""All pictures and players, one or two modules a notebook.

A plot takes data and an optional `ax`, and returns its figure; nothing here trains, scores or reads files.
Colours are Okabe & Ito's, maps are viridis (amounts) and a blue-white-brown one (signed values): both read
well with any colour vision. Names from outside are drawn as plain text, never as mathematics.

- `style`: colours, maps and axes; colours of methods are in `lib.registry`, fonts in `lib.workflow.figures`.
- `listening` (01), `sound` (02, 03), `training` (04), `ranking` (05), `tracks` (05b, 07b), `kernels` (06,
  06b), `filters` (06), `more_on_filters` (06b), `beyond` (07, 07b).
- `library`: the map of a person's own music.
- `players`: sounds in notebooks.
"""
