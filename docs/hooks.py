"""Links that lead out of ``docs/``: right in the repository, and made right in the built pages.

Pictures are built in; of other files the name alone is left, because the pages lie apart from them.
Of the roles in docstrings, ``:func:`fibsem.api.train```, the name is left.
"""

import re
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
FETCHED = re.compile(r'(?:\bsrc|<link[^>]*\bhref)="https?://[^"]*"')
ROLE = re.compile(r":\w+:<code>~?(?:[\w.]+\.)?(\w+)</code>")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(\.\./([^)#\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown, page, config, files):
    """Replace the links of one page; a file that is not there is an error."""

    def replaced(link):
        picture, text, path = link.groups()
        if not (ROOT / path).exists():
            raise PluginError(f"{page.file.src_uri} links to {path}, which is not there")
        if not picture:
            return text
        if files.get_file_from_path(path) is None:
            files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
        return f"![{text}]({path})"

    return LINK.sub(replaced, markdown)


def on_post_page(output, page, config):
    """Refuse a page that would fetch anything: people read them without a network."""
    output = ROLE.sub(r"<code>\1</code>", output)
    if fetched := FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} must need no network, but has {fetched[0]}")
    return output
