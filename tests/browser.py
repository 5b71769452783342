"""A real Chromium without a window: what a page looks like to it, and pictures of it."""

import json
import os
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any, Final

import pytest

# The page in a frame of the wanted width: a window itself has a least width of some 500 pixels.
_LOOKING: Final = """<!doctype html><meta charset="utf-8">
<iframe id="frame" srcdoc="{page}" style="width: {width}px; height: 3000px; border: 0"></iframe>
<pre id="seen"></pre>
<script>
frame.onload = () => {{
  const page = frame.contentDocument, root = page.documentElement;
  const right = [...page.body.querySelectorAll('*')].filter(
    each => each.getBoundingClientRect().right > {width} + 1 && !each.closest('.bar, .label'));
  const bars = [...page.querySelectorAll('.bar')].map(each => each.getBoundingClientRect());
  document.getElementById('seen').textContent = JSON.stringify({{
    scroll_width: root.scrollWidth, overflowing: right.map(each => each.outerHTML.slice(0, 200)),
    bars: bars.filter(each => each.width >= 1 && each.height >= 10).length,
    scripts: page.scripts.length, elements: [...new Set([...page.body.querySelectorAll('*')].map(
      each => each.localName))], text: page.body.innerText,
    background: getComputedStyle(page.body).backgroundColor,
  }});
}};
</script>
"""


def find_chromium() -> str | None:
    """Return the program's path."""
    return shutil.which("chromium")


def require_chromium() -> str:
    """Return the program's path; without it a test is skipped, but in CI it fails."""
    found = find_chromium()
    if found is None and not os.environ.get("CI"):
        pytest.skip("needs Debian's package chromium")
    assert found is not None, "CI needs the package chromium"
    return found


def look(page: str, width: int, folder: Path, *, dark: bool = False) -> dict[str, Any]:
    """Let Chromium lay a page out at a width, and return what it saw; no error in its console."""
    looking = folder / "looking.html"
    looking.write_text(_LOOKING.format(page=escape(page), width=width), encoding="utf-8")
    options = ["--force-dark-mode"] if dark else []
    result = chromium(folder, "--dump-dom", *options, looking.as_uri())
    assert "CONSOLE" not in result.stderr, result.stderr
    seen = re.search(r'<pre id="seen">(.*?)</pre>', result.stdout, re.S)
    assert seen, result.stderr
    return dict(json.loads(unescape(seen[1])))


def take_picture(page: Path, picture: Path, width: int, height: int, folder: Path) -> None:
    """Let Chromium make a picture of the top of a page."""
    chromium(
        folder,
        *("--hide-scrollbars", f"--window-size={width},{height}", f"--screenshot={picture}"),
        page.resolve().as_uri(),
    )


def chromium(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it with a profile of its own."""
    program = find_chromium()
    assert program
    return subprocess.run(
        [
            *(program, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}"),
            *("--virtual-time-budget=5000", *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
