"""Pictures of the explorer's page: ``python -m benchmarks.explorer_screenshots OUT [--page FILE]``.

Writes ``1440.png``, ``1024.png`` and the same with the suffix ``_dark`` into the folder OUT: the page as it
opens in Chromium in windows of these widths.
"""

import argparse
from pathlib import Path

from lib.workflow import paths
from tests import explorer_harness as harness

WIDTHS, HEIGHT = (1440, 1024), 900
DRAWN = """() => document.querySelector(".mse-go")
    && [...document.querySelectorAll(".mse img")].every(image => image.complete && image.naturalWidth)"""


def main():
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--page", type=Path, default=paths.figures("demo") / "explorer.html")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with harness.chromium() as browser:
        for width in WIDTHS:
            for scheme, suffix in (("light", ""), ("dark", "_dark")):
                tab = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)
                tab.goto(given.page.resolve().as_uri())
                tab.wait_for_function(DRAWN)
                tab.screenshot(path=given.out / f"{width}{suffix}.png", full_page=True, animations="disabled")
                tab.close()


if __name__ == "__main__":
    main()
