"""Where clips come from: one module a source, all behind the interface of `source`.

- `http`: one client for all services: limits, repeats, what to do when a service fails.
- `source`: what a source is asked and what it answers.
- `musicbrainz`: which artist of a service an MBID is linked to.
- `spotify`, `itunes`, `deezer`: services. `merge`: a data set. `folder`: music on this machine.
- `registry`: their names, addresses and terms. A new source is one module, named in one line there.
"""
