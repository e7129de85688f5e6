"""Pages, letters and till rolls word for word, and what no text of a register can do to them.

`GOLDEN=write` in the environment writes the golden files anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.buyers import (
    LANGUAGES,
    Language,
    Notice,
    compose_receipt_letter,
    receipt_link,
    receipt_view,
    render_notice,
    render_page,
    render_text,
)
from ofd_gateway.buyers.templating import page_style
from ofd_gateway.buyers.till_roll import COLUMNS
from ofd_gateway.ffd import decode
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.ledger import RECEIPT_CODES
from tests.buyers.pictures import read_png, read_svg
from tests.buyers.samples import HOSTILE, SALE, SAMPLES
from tests.ffd.valid_documents import valid_documents

if TYPE_CHECKING:
    from ofd_gateway.ffd import Document

GOLDEN = Path(__file__).with_name("golden")
REWRITE = os.environ.get("GOLDEN") == "write"
WRITTEN_AT = datetime(2026, 11, 24, 9, 24, tzinfo=UTC)
VOID = {"meta", "img", "br", "path"}


def letter_of(document: Document, language: Language = "ru", **changes: str) -> EmailMessage:
    view = receipt_view(document)
    arguments = {
        "sender": "receipts@ofd.example",
        "sender_name": "ОФД Пример",
        "address": "anna@example.com",
        "message_id": "<r1@ofd.example>",
        "link": "" if view.qr is None else receipt_link("https://check.example", view.qr),
        **changes,
    }
    raw = compose_receipt_letter(view, written_at=WRITTEN_AT, language=language, **arguments)
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def page_of(document: Document, language: Language = "ru") -> str:
    return render_page(receipt_view(document), language=language, operator_name="ОФД Пример")


def compare(path: Path, text: str) -> None:
    if REWRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == text


class Outline(HTMLParser):
    """Tags that are open at the end, every attribute, and the text a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


@pytest.mark.parametrize("name", SAMPLES)
def test_every_till_roll_word_for_word(name: str) -> None:
    compare(GOLDEN / f"{name}.txt", render_text(receipt_view(SAMPLES[name])))


@pytest.mark.parametrize("name", ["sale_1.2", "correction_1.2", "hostile"])
def test_pages_word_for_word(name: str) -> None:
    compare(GOLDEN / f"{name}.html", page_of(SAMPLES[name]).replace(page_style(), "…"))


def test_english_word_for_word() -> None:
    compare(GOLDEN / "en" / "sale_1.2.txt", render_text(receipt_view(SALE), language="en"))
    compare(GOLDEN / "en" / "sale_1.2.html", page_of(SALE, "en").replace(page_style(), "…"))
    compare(GOLDEN / "en" / "letter.txt", part(letter_of(SALE, "en"), "plain"))


def test_a_letter_word_for_word() -> None:
    letter = letter_of(SALE)
    compare(GOLDEN / "letter.txt", part(letter, "plain"))
    compare(GOLDEN / "letter.html", part(letter, "html"))


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{name}.txt" for name in [*SAMPLES, "letter", "en/sale_1.2", "en/letter"]}
    wanted |= {f"{name}.html" for name in ("sale_1.2", "correction_1.2", "hostile", "letter", "en/sale_1.2")}
    assert {str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.*") if path.is_file()} == wanted


@pytest.mark.parametrize("name", SAMPLES)
def test_page_and_letter_show_the_same_qr_code(name: str) -> None:
    page, letter = page_of(SAMPLES[name]), letter_of(SAMPLES[name])
    (picture,) = [found for found in letter.walk() if found.get_content_type() == "image/png"]
    shown = read_png(picture.get_content())
    assert read_svg(page) == shown
    assert f"https://check.example/check?{shown}" in part(letter, "plain")
    (source,) = re.findall(r'src="([^"]+)"', part(letter, "html"))
    assert source == f"cid:{str(picture['Content-ID']).strip('<>')}"


def test_a_receipt_without_a_qr_code_has_neither_picture_nor_link() -> None:
    bare = decode(tlv(3, tlv(1020, b"\x64")))
    letter = letter_of(bare)
    assert [found.get_content_type() for found in letter.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert "<svg" not in page_of(bare)
    assert "href" not in part(letter, "html")


def test_the_same_arguments_give_the_same_letter() -> None:
    view = receipt_view(SALE)
    letters = {
        compose_receipt_letter(
            view,
            sender="a@ofd.example",
            sender_name="ОФД",
            address="b@example.com",
            message_id="<r1@ofd.example>",
            written_at=WRITTEN_AT,
        )
        for _ in range(2)
    }
    assert len(letters) == 1


def test_headers_of_a_letter() -> None:
    letter = letter_of(SALE)
    assert letter["Subject"] == 'Кассовый чек 1234.56 ₽, ООО "Булочная у реки", 24.11.2026'
    assert letter["From"] == "ОФД Пример <receipts@ofd.example>"
    assert letter["To"] == "anna@example.com"
    assert letter["Message-ID"] == "<r1@ofd.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert [found.get_content_type() for found in letter.walk()] == [
        *("multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"),
    ]


def test_a_refund_says_so_in_its_subject() -> None:
    subject = letter_of(SAMPLES["refund_1.05"])["Subject"]
    assert subject == 'Возврат прихода 92.00 ₽, ООО "Булочная у реки", 30.10.2018'


def test_a_seller_cannot_add_headers() -> None:
    letter = letter_of(HOSTILE, sender_name="ОФД\r\nBcc: spy@example.com")
    assert set(letter.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
        *("MIME-Version", "Content-Type"),
    }
    assert [address.addr_spec for address in letter["To"].addresses] == ["anna@example.com"]
    assert len(letter["Subject"]) < 150


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "anna@example.com\r\nBcc: spy@example.com"},
        {"address": "anna@example.com, spy@example.com"},
        {"sender": "nobody"},
        {"message_id": "<r1@ofd.example>\r\nBcc: spy@example.com"},
        {"message_id": "r1@ofd.example"},
        {"message_id": ""},
    ],
)
def test_what_would_break_a_header_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is no "):
        letter_of(SALE, **changes)


def test_the_letter_needs_nothing_from_elsewhere() -> None:
    html = part(letter_of(SALE), "html")
    assert set(re.findall(r'(?:src|href)="([^":]+):', html)) == {"cid", "https"}
    assert not re.search(r"<(script|link|style|iframe)|url\(|@import", html)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("notice", Notice)
def test_notices_are_whole_pages(notice: Notice, language: Language) -> None:
    outline = Outline(render_notice(notice, language=language))
    assert outline.open == []
    assert outline.text.strip()


def check_renderings(document: Document, said: str = "") -> None:
    """Nothing that the document says becomes markup, steers a terminal or leaves the roll."""
    view = receipt_view(document)
    for language in LANGUAGES:
        text = render_text(view, language=language)
        assert all(len(line) <= COLUMNS for line in text.splitlines())
        assert all(line.isprintable() for line in text.split("\n"))
        for html, allowed in ((page_of(document, language), PAGE_TAGS), (part(letter_of(document), "html"), MAIL_TAGS)):
            outline = Outline(html)
            assert outline.open == []
            assert outline.tags <= allowed
            assert not [name for name, _ in outline.attributes if name.startswith("on")]
            assert "".join(said.split()) in "".join(outline.text.split())


PAGE_TAGS = Outline(page_of(SALE)).tags | Outline(page_of(SAMPLES["correction_1.1"])).tags
MAIL_TAGS = Outline(part(letter_of(SALE), "html")).tags


def test_a_hostile_receipt_does_no_harm() -> None:
    check_renderings(HOSTILE, said="<script>alert(1)</script>\"'& [31m Bcc: x@y.example")


RECEIPTS = valid_documents().filter(lambda made: made[1] in RECEIPT_CODES)


@settings(max_examples=60)
@given(RECEIPTS)
def test_every_valid_receipt_is_rendered(made: tuple[bytes, int, str]) -> None:
    plain, _, ffd = made
    check_renderings(decode(plain, version_hint=ffd))


ANY_VALUE = st.binary(max_size=80)
SHOWN_TAGS = st.sampled_from((1048, 1009, 1187, 1021, 1060, 1117, 1036, 1008, 1192, 1018, 1037, 1041, 1020, 1054, 1012))
INNER_TAGS = st.sampled_from((1030, 1023, 1043, 1079, 1197, 1199, 1200, 1212, 1214, 1162, 1163, 1226, 1191, 2106, 2108))
ITEMS = st.lists(st.tuples(INNER_TAGS, ANY_VALUE), max_size=6).map(
    lambda records: b"".join(tlv(tag, value) for tag, value in records if tag != 1163)
)


@settings(max_examples=150)
@given(st.sampled_from(sorted(RECEIPT_CODES)), st.lists(st.tuples(SHOWN_TAGS, ANY_VALUE), max_size=8), ITEMS)
def test_any_bytes_are_rendered(code: int, records: list[tuple[int, bytes]], item: bytes) -> None:
    body = b"".join(tlv(tag, value) for tag, value in records) + tlv(1059, item)
    check_renderings(decode(tlv(code, body)))


@given(st.text(st.sampled_from("<>&\"'{}%`=/абв \x00\x1b\r\n"), max_size=60))
def test_whatever_an_item_is_called_is_text(name: str) -> None:
    document = decode(tlv(3, tlv(1059, tlv(1030, name.encode("cp866")))))
    check_renderings(document, said="".join(sign for sign in name if sign.isprintable()))
