"""The page in a real browser: on a phone, on paper, in the dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.buyers import Notice, receipt_view, render_notice, render_page
from ofd_gateway.ffd.domain import format_qr
from tests.buyers.samples import SALE, SAMPLES
from tests.storage.test_receipts import keep, qr_of
from tests.web.browser import chromium, first_pixel, measure, needs_chromium
from tests.web.running import running_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_chromium

URL = f"/check?{format_qr(qr_of(SALE))}"
LIGHT, DARK = (0xE9, 0xED, 0xF2), (0x0E, 0x13, 0x18)


@pytest.mark.parametrize("width", [320, 360])
@pytest.mark.parametrize("name", ["sale_1.2", "correction_1.2", "hostile"])
async def test_nothing_sticks_out_on_a_phone(tmp_path: Path, name: str, width: int) -> None:
    page = render_page(receipt_view(SAMPLES[name]), operator_name="ОФД Пример")
    found = await measure(tmp_path, page, width=width)
    assert (found.width, found.beyond) == (width, [])
    assert found.qr >= 150
    assert found.ground == f"rgb{LIGHT}"


async def test_a_notice_fits_a_phone(tmp_path: Path) -> None:
    found = await measure(tmp_path, render_notice(Notice.NOT_FOUND), width=320)
    assert (found.width, found.beyond) == (320, [])


async def test_the_browser_applies_the_style_that_the_policy_allows(dsn: str, tmp_path: Path) -> None:
    await keep(dsn, SALE)
    async with running_site(dsn) as site:
        for name, options, ground in (
            ("light", (), LIGHT),
            ("dark", ("--blink-settings=preferredColorScheme=0",), DARK),
        ):
            picture = tmp_path / f"{name}.png"
            await chromium(
                tmp_path / name, *options, "--window-size=600,600", f"--screenshot={picture}", f"{site.base}{URL}"
            )
            assert first_pixel(picture.read_bytes()) == ground


async def test_it_prints_on_one_page(dsn: str, tmp_path: Path) -> None:
    await keep(dsn, SALE)
    paper = tmp_path / "receipt.pdf"
    async with running_site(dsn) as site:
        await chromium(tmp_path / "profile", f"--print-to-pdf={paper}", "--no-pdf-header-footer", f"{site.base}{URL}")
    pdf = paper.read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
