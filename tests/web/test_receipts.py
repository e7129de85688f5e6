"""The page of a receipt over real HTTP, from a real database."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import structlog

from ofd_gateway.buyers import page_style
from ofd_gateway.ffd import parse_json, to_fns_json, to_json_bytes
from ofd_gateway.ffd.domain import ReceiptQr, format_qr
from ofd_gateway.storage import DatabaseUnavailable
from tests.buyers.samples import SALE, SAMPLES
from tests.storage.test_receipts import keep, qr_of
from tests.web.running import running_site

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from ofd_gateway.ffd import Document
    from ofd_gateway.storage import StoredReceipt

QUERY = format_qr(qr_of(SALE))
KEYS = ("t", "s", "fn", "i", "fp", "n")
VALUES = dict(pair.split("=") for pair in QUERY.split("&"))


def query(**changes: str | None) -> str:
    return urlencode({key: value for key, value in {**VALUES, **changes}.items() if value is not None})


SPELLINGS = {
    "as in the code": QUERY,
    "another order": "&".join(reversed(QUERY.split("&"))),
    "seconds": query(t="20261124T092300"),
    "other seconds": query(t="20261124T092359"),
    "a comma": query(s="1234,56"),
    "zeros before the sign": query(i="00107541"),
    "something else beside": f"{QUERY}&utm_source=mail",
    "a dot that is escaped": QUERY.replace(".", "%2E"),
}
WRONG = {
    **{f"without {key}": query(**{key: None}) for key in KEYS},
    **{f"empty {key}": query(**{key: ""}) for key in KEYS},
    **{f"{key} twice": f"{QUERY}&{key}={VALUES[key]}" for key in KEYS},
    **{f"{key} is text": query(**{key: "x"}) for key in KEYS},
    **{f"NUL in {key}": query(**{key: f"{VALUES[key]}\0"}) for key in KEYS},
    "nothing": "",
    "another minute": query(t="20261124T0924"),
    "no such moment": query(t="20261324T0923"),
    "a kopeck more": query(s="1234.57"),
    "a rouble without kopecks": query(s="1234"),
    "three decimals": query(s="1234.560"),
    "a minus": query(s="-1234.56"),
    "another FN": query(fn="9960440301643002"),
    "another document": query(i="107542"),
    "too large a document": query(i="99999999999"),
    "another sign": query(fp="3678250788"),
    "too large a sign": query(fp="4294967296"),
    "another operation": query(n="2"),
    "no such operation": query(n="5"),
    "digits of another script": query(fn="٩٩٦٠٤٤٠٣٠١٦٤٣٠٠١"),
    "very long": f"{QUERY}&x={'y' * 5000}",
    "broken escapes": "%ff%zz&t=%",
    "SQL": query(fn="' OR 1=1 --"),
}


class Finder:
    """Answers or fails as it is told, and counts."""

    def __init__(self, act: Callable[[], StoredReceipt | None] = lambda: None) -> None:
        self.asked: list[ReceiptQr | None] = []
        self._act = act

    async def find(self, qr: ReceiptQr | None) -> StoredReceipt | None:
        self.asked.append(qr)
        return self._act()


def stable(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer but the moment."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name != "date"]
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize("name", SPELLINGS)
async def test_the_receipt_is_shown(dsn: str, name: str) -> None:
    await keep(dsn, SALE)
    async with running_site(dsn) as site:
        answer = await site.check(SPELLINGS[name])
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "1234.56" in answer.text
        assert "Кофе зерновой Эфиопия Сидамо" in answer.text
        assert "ОФД Пример" in answer.text
        assert site.counted("found") == 1


@pytest.mark.parametrize("name", ["sale_1.05", "sale_1.0", "refund_1.05", "correction_1.2", "purchase_bso_1.1"])
async def test_every_kind_and_version_is_shown(dsn: str, name: str) -> None:
    document = SAMPLES[name]
    await keep(dsn, document)
    async with running_site(dsn) as site:
        assert (await site.check(format_qr(qr_of(document)))).status_code == 200


async def test_a_sign_may_have_its_zeros_as_on_paper(dsn: str) -> None:
    document = SAMPLES["refund_1.05"]
    await keep(dsn, document)
    printed = format_qr(qr_of(document)).replace("fp=41465479", "fp=0041465479")
    assert "fp=0041465479" in printed
    async with running_site(dsn) as site:
        assert (await site.check(printed)).status_code == 200


async def test_json_for_machines(dsn: str) -> None:
    await keep(dsn, SALE)
    async with running_site(dsn) as site:
        answer = await site.check(QUERY, accept="application/json")
    assert answer.headers["content-type"] == "application/json"
    expected = parse_json(to_json_bytes(to_fns_json(SALE)))
    shown = parse_json(answer.content)
    assert isinstance(shown, dict)
    assert isinstance(expected, dict)
    assert shown["receipt"].pop("rawData")
    assert shown["receipt"].pop("messageFiscalSign")
    assert shown == expected


@pytest.mark.parametrize(
    ("wanted", "title"),
    [("en", "Receipt"), ("en-GB,ru;q=0.5", "Receipt"), ("de,ru;q=0.5,en;q=0.4", "Кассовый чек"), ("", "Кассовый чек")],
)
async def test_the_language_is_the_reader_s(dsn: str, wanted: str, title: str) -> None:
    await keep(dsn, SALE)
    async with running_site(dsn) as site:
        assert f"<h1>{title} " in (await site.check(QUERY, accept_language=wanted)).text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_whatever_is_wrong_gets_one_answer(dsn: str, accept: str) -> None:
    """Byte for byte and header for header."""
    await keep(dsn, SALE, SAMPLES["refund_1.05"])
    async with running_site(dsn) as site:
        answers = {name: stable(await site.check(asked, accept=accept)) for name, asked in WRONG.items()}
        assert site.counted("not_found") == len(WRONG)
    first = answers["nothing"]
    assert first[0] == 404
    assert {name for name, answer in answers.items() if answer != first} == set()


async def test_whatever_is_wrong_costs_one_question() -> None:
    finder = Finder()
    async with running_site("", finder=finder) as site:
        for asked in WRONG.values():
            await site.check(asked)
    assert len(finder.asked) == len(WRONG)


async def test_a_miss_in_json_says_so() -> None:
    async with running_site("", finder=Finder()) as site:
        answer = await site.check(QUERY, accept="application/json")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": {"reason": "not_found", "detail": "Чек не найден / No such receipt"}},
    )


async def test_head_is_get_without_a_body(dsn: str) -> None:
    await keep(dsn, SALE)
    async with running_site(dsn) as site:
        for asked in (QUERY, ""):
            got = await site.check(asked)
            head = await site.client.head(f"{site.base}/check?{asked}")
            assert head.content == b""
            assert stable(head)[:2] == stable(got)[:2]


async def test_nothing_else_is_a_question(dsn: str) -> None:
    async with running_site(dsn) as site:
        assert (await site.client.post(f"{site.base}/check?{QUERY}")).status_code == 405


@pytest.mark.parametrize("asked", [QUERY, ""], ids=["found", "not found"])
async def test_headers_keep_the_receipt_to_its_reader(dsn: str, asked: str) -> None:
    await keep(dsn, SALE)
    async with running_site(dsn) as site:
        answer = await site.check(asked)
    headers = answer.headers
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-robots-tag"] == "noindex, nofollow, noarchive"
    assert headers["vary"] == "Accept, Accept-Language"
    digest = base64.b64encode(hashlib.sha256(page_style().encode()).digest()).decode()
    assert headers["content-security-policy"].split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert f"<style>{page_style()}</style>" in answer.text
    assert not re.search(r"<script| style=| on\w+=|src=", answer.text)


async def test_an_address_that_asks_too_often_has_to_wait() -> None:
    async with running_site("", finder=Finder(), per_s=0.5, burst=3) as site:
        assert [(await site.check(QUERY)).status_code for _ in range(4)] == [404, 404, 404, 429]
        refused = await site.check(QUERY)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert "Слишком много запросов" in refused.text
        site.now_s += 2
        assert [(await site.check(QUERY)).status_code for _ in range(2)] == [404, 429]
        assert site.counted("limited") == 3


async def test_health_is_never_limited() -> None:
    async with running_site("", finder=Finder(), per_s=0.001) as site:
        await site.check(QUERY)
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await site.client.get(f"{site.base}{path}")).status_code == 200


async def test_the_word_of_a_stranger_on_addresses_is_not_taken() -> None:
    async with running_site("", finder=Finder(), per_s=0.001) as site:
        assert (await site.check("", x_forwarded_for="192.0.2.1")).status_code == 404
        assert (await site.check("", x_forwarded_for="192.0.2.2")).status_code == 429


async def test_behind_a_proxy_each_address_has_its_own_limit() -> None:
    async with running_site("", finder=Finder(), per_s=0.001, proxies=["127.0.0.0/8"]) as site:
        assert (await site.check("", x_forwarded_for="192.0.2.1")).status_code == 404
        assert (await site.check("", x_forwarded_for="192.0.2.2")).status_code == 404
        assert (await site.check("", x_forwarded_for="203.0.113.9, 192.0.2.2")).status_code == 429


async def test_a_database_that_is_gone_is_our_failure() -> None:
    def fail() -> StoredReceipt | None:
        raise DatabaseUnavailable("connection refused")

    with structlog.testing.capture_logs() as lines:
        async with running_site("", finder=Finder(fail)) as site:
            answer = await site.check(QUERY)
            assert site.counted("unavailable") == 1
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Чек сейчас недоступен" in answer.text
    (line,) = [line for line in lines if line["event"] == "receipt.unavailable"]
    assert line == {"event": "receipt.unavailable", "log_level": "error", "reason": "connection refused"}


class Silent(Finder):
    """Never answers."""

    async def find(self, qr: ReceiptQr | None) -> StoredReceipt | None:
        await asyncio.Event().wait()
        return await super().find(qr)


async def test_a_database_that_does_not_answer_holds_nobody_up() -> None:
    async with running_site("", finder=Silent(), timeout_s=0.01) as site:
        assert (await site.check(QUERY)).status_code == 503


async def test_the_query_is_in_no_line_of_the_log(dsn: str) -> None:
    await keep(dsn, SALE)
    with structlog.testing.capture_logs() as lines:
        async with running_site(dsn) as site:
            await site.check(QUERY)
            await site.check(query(fp="1"))
    assert [(line["event"], line["outcome"]) for line in lines] == [
        ("receipt.checked", "found"),
        ("receipt.checked", "not_found"),
    ]
    assert all(set(line) == {"event", "outcome", "log_level"} for line in lines)


async def test_a_hostile_receipt_is_shown_as_text(dsn: str) -> None:
    document: Document = SAMPLES["hostile"]
    await keep(dsn, document)
    async with running_site(dsn) as site:
        answer = await site.check(format_qr(qr_of(document)))
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
