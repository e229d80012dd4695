"""README and the built pages in a real browser, as wide as a desk's screen and as a telephone's."""

import functools
import json
import os
import queue
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SITE, BUILDER = ROOT / "build" / "site", ROOT / "build" / "docs" / "bin" / "python"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
#: Widths of a desk's screen and of a telephone in CSS pixels.
WIDTHS = {"desk": 1280, "telephone": 390}
#: README on GitHub: an article of 1012 px at most; code and tables are moved by themselves.
GITHUB = """<!doctype html><meta charset="utf-8"><title>README</title><style>
* {{ box-sizing: border-box }}
body {{ margin: 0; font: 16px/1.5 sans-serif }}
article {{ max-width: 1012px; margin: auto; padding: 16px; overflow-wrap: break-word }}
img {{ max-width: 100% }}
code {{ font: 13.6px monospace; padding: .2em .4em; background: #eee; white-space: break-spaces }}
pre {{ padding: 16px; overflow: auto; background: #eee }}
pre code {{ padding: 0; white-space: pre }}
table {{ display: block; max-width: 100%; overflow: auto }}
</style><body><article>{}</article>"""
#: Converts Markdown in the environment that builds the pages.
CONVERT = """import sys, markdown
print(markdown.markdown(sys.stdin.read(), extensions=["fenced_code", "tables", "toc"]))"""
#: Opens every page in a frame of a given width, and writes down what is wider than it.
LOOK = """<!doctype html><title>look</title><body><script>
const pages = %s, told = {};
async function look() {
  for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.style.cssText = "width: %dpx; height: 800px; border: 0";
    frame.src = page;
    document.body.append(frame);
    await new Promise(ready => frame.onload = ready);
    const seen = frame.contentDocument;
    told[page] = {
      wide: seen.documentElement.scrollWidth,
      links: [...seen.links].map(link => link.getAttribute("href")),
      heading: seen.querySelector("article h1")?.textContent ?? "",
      lost: [...seen.images].filter(one => !one.complete || !one.naturalWidth).map(one => one.src),
      beyond: [...seen.querySelectorAll("article :is(p, li, h1, h2, h3, img, pre, code, a)")]
        .filter(one => !one.parentNode.closest("table, pre"))  // these are moved by themselves
        .filter(one => one.getBoundingClientRect().right > %d)
        .map(one => one.textContent.trim().slice(0, 60) || one.src),
      narrow: [...seen.querySelectorAll("article td")]
        .filter(cell => cell.textContent.trim().length > 40 && cell.offsetWidth < 90)
        .map(cell => cell.textContent.trim().slice(0, 60)),
    };
    frame.remove();
  }
  await fetch("/told", {method: "POST", body: JSON.stringify(told)});
}
look();
</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the pages and the one that looks at them, whose findings it puts into a queue."""

    def do_GET(self):
        if not self.path.startswith("/look-"):
            return super().do_GET()
        pages = [page.name for page in sorted(Path(self.directory).glob("*.html"))]
        width = int(self.path[6:])
        self._answer((LOOK % (json.dumps(pages), width, width)).encode())

    def do_POST(self):
        self.server.told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(b"")

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def look(tmp_path):
    """Function (folder, width) -> what is told of every page of a folder at that width."""

    def told(folder, width):
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        server.told = queue.Queue()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            f"--user-data-dir={tmp_path / 'browser'}", "--remote-debugging-port=0",
            f"--window-size={width + 100},900", f"http://127.0.0.1:{server.server_port}/look-{width}",
        ]  # fmt: skip
        browser = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return server.told.get(timeout=120)
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
            server.server_close()

    return told


def check_read_without_moving(page, seen, width):
    assert seen["wide"] <= width, f"{page} is {seen['wide']} px wide"
    assert not seen["beyond"], f"{page} has text beyond its edge: {seen['beyond'][:3]}"
    assert not seen["lost"], f"{page} lacks pictures"
    assert not seen["narrow"], f"{page} has cells that nobody can read: {seen['narrow'][:3]}"


pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (package chromium)"),
    pytest.mark.skipif(not SITE.is_dir(), reason="the pages are not built (make docs)"),
    pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS),
]


def test_pages_are_read_without_moving_them_sideways(look, width):
    told = look(SITE, width)
    assert {"index.html", "data.html", "sweeps.html", "api.html", "glossary.html"} <= set(told)
    for page, seen in told.items():
        check_read_without_moving(page, seen, width)
        assert seen["heading"] or page == "404.html"


@pytest.fixture
def readme(tmp_path):
    """A folder with README as a page, and beside it what README has in the repository."""
    done = subprocess.run(
        [BUILDER, "-c", CONVERT], input=(ROOT / "README.md").read_text(encoding="utf-8"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder = tmp_path / "repository"
    folder.mkdir()
    for path in ROOT.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "README.html").write_text(GITHUB.format(done.stdout), encoding="utf-8")
    return folder


def leads_somewhere(link):
    """Whether a link of README has its file, and a heading of a page has its place in it."""
    path, _, heading = link.partition("#")
    if heading:
        page = SITE / f"{Path(path).stem}.html"
        return f'id="{heading}"' in page.read_text(encoding="utf-8")
    return link.startswith("https://") or (ROOT / path).exists()


def test_readme_is_read_as_github_shows_it(look, readme, width):
    told = look(readme, width)
    assert set(told) == {"README.html"}
    seen = told["README.html"]
    check_read_without_moving("README.md", seen, width)
    assert seen["heading"] == "fibsem"
    assert len(seen["links"]) > 10
    assert [link for link in seen["links"] if not leads_somewhere(link)] == []
