"""One file a stage; each prints one JSON line, with ratios measured in the same run."""
