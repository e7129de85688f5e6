"""A headless Chromium, where there is one."""

from __future__ import annotations

import asyncio
import html
import os
import re
import shutil
import signal
import struct
import zlib
from pathlib import Path

import msgspec
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

_DEADLINE_S = 100.0
_MEASURE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe id="phone" style="width:{width}px;height:{height}px;border:0;display:block" srcdoc="{page}"></iframe>
<pre id="measured"></pre>
<script>
phone.onload = () => {{
  const page = phone.contentDocument;
  const beyond = [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > {width} + 0.5);
  measured.textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    height: page.documentElement.scrollHeight,
    beyond: beyond.map(e => e.tagName + "." + e.getAttribute("class")),
    qr: page.querySelector(".qr svg") ? page.querySelector(".qr svg").getBoundingClientRect().width : 0,
    ground: getComputedStyle(page.body).backgroundColor,
  }});
}};
</script>"""


class Measured(msgspec.Struct):
    """What a phone makes of a page, in CSS pixels; `beyond` are elements that stick out on the right."""

    width: int
    height: int
    beyond: list[str]
    qr: float
    ground: str


async def chromium(profile: Path, *arguments: str) -> bytes:
    """What a headless Chromium prints; it ends by itself or is ended, with all its children."""
    assert CHROMIUM is not None
    browser = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
        *("--no-first-run", "--disable-extensions", f"--user-data-dir={profile}", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            printed, _ = await browser.communicate()
    finally:
        if browser.returncode is None:
            os.killpg(browser.pid, signal.SIGKILL)
            await browser.wait()
    assert browser.returncode == 0
    return printed


def phone_page(page: str, *, width: int, height: int) -> str:
    """A document that shows a page as a phone of this size does, and measures it."""
    return _MEASURE.format(page=html.escape(page), width=width, height=height)


async def measure(folder: Path, page: str, *, width: int) -> Measured:
    """How a page stands on a screen this wide."""
    file = folder / "measured.html"
    file.write_text(phone_page(page, width=width, height=800), encoding="utf-8")
    dom = (await chromium(folder / "profile", "--dump-dom", file.as_uri())).decode()
    found = re.search(r'<pre id="measured">(\{.*?\})</pre>', dom)
    assert found is not None, dom[-500:]
    return msgspec.json.decode(html.unescape(found[1]), type=Measured)


def first_pixel(png: bytes) -> tuple[int, int, int]:
    """Red, green and blue of the upper left corner, before which no filter of PNG finds anything."""
    depth, colour = struct.unpack(">BB", png[24:26])
    assert (depth, colour in (2, 6)) == (8, True)
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    red, green, blue = zlib.decompress(data)[1:4]
    return red, green, blue
