"""How pytest reads the committed notebooks."""


def pytest_collectstart(collector):
    """Compare no standard error: the stored notebooks hold none, see `lib.cli.notebooks.canonical`."""
    if hasattr(collector, "skip_compare"):  # a notebook, under nbval
        collector.skip_compare += ("stderr",)
