"""All pictures and players, one module a notebook.

A plot takes data and an optional `ax`, and returns its figure; nothing here trains, scores or reads files.
Colours are Okabe & Ito's, maps are viridis (amounts) and a blue-white-brown one (signed values): both read
well with any colour vision. Names from outside are drawn as plain text, never as mathematics.

- `style`: colours, maps and axes. A change of a colour goes here, one of fonts into `lib.workflow.figures`.
- `listening` (01), `sound` (02, 03), `training` (04), `ranking` (05), `filters` (06), `beyond` (07).
- `players`: sounds in notebooks.
"""
