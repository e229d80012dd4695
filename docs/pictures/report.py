r"""The report of the demo as a browser shows it, report.png.

make demo
for film in HPC22 HPC30 HPC45; do .venv/bin/python -m fibsem.quantify blocks=2 \
  segmentation=outputs/demo/promote/volumes/$film output=outputs/demo/quantify/$film; done
.venv/bin/python -m fibsem.report data=demo folders=[outputs/demo] output=report
.venv/bin/python docs/pictures/report.py report
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

#: Half of a laptop.
WIDTH, HEIGHT = 760, 560


def shown(view: Page, file: Path) -> Image.Image:
    """What a page shows without being moved."""
    view.goto(file.resolve().as_uri())
    if file.name == "slices.html":
        view.get_by_role("button", name="overlay").click()
        view.wait_for_timeout(1000)
    return Image.open(io.BytesIO(view.screenshot())).convert("RGB")


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    folder = parser.parse_args().report
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        view = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        both = [shown(view, folder / name) for name in ("index.html", "slices.html")]
        browser.close()
    picture = Image.new("RGB", (2 * WIDTH, HEIGHT), "white")
    for k, one in enumerate(both):
        picture.paste(one, (k * WIDTH, 0))
    picture.quantize(128).save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
