"""From who listens to what, to what sounds alike: a package for each step of the paper.

Each imports only those before it: `workflow`, `numerics`, `maps`, `audio`, `listening` (01), `clips` (02),
`spectrograms` (03), `study`, `methods`, `registry`, `training` (04), `ranking` (05), `filters` (06), `beyond`
(07), `plots`, `explorer` (08), `library` (one's own music), `cli`. ``tests/test_architecture.py`` holds the
order.
"""
