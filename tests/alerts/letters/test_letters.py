"""Letters word for word, and what no text of a register can do to them.

`GOLDEN=write` in the environment writes the golden files anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.alerts.letters import Composer, Letter, LetterLine, UnknownRule, build_message, make_message_id
from ofd_gateway.alerts.letters.compose import MOST_ROWS
from ofd_gateway.alerts.letters.language import clean, language_of, plural
from ofd_gateway.alerts.letters.message import wire_address
from ofd_gateway.alerts.notices import NoticeReason
from ofd_gateway.alerts.rules import RULES
from tests.alerts.letters.samples import ENDED, FIRING, OPENED_AT, REGISTER, RESOLVED_AT, line, recipient

GOLDEN = Path(__file__).with_name("golden")
REWRITE = os.environ.get("GOLDEN") == "write"
COMPOSER = Composer(operator_name="ОФД Пример", register_timezone="Europe/Moscow")
CLOSED = {"html", "head", "title", "body", "table", "tr", "td", "th", "div", "h1", "h2", "ol", "li", "p", "b", "span"}


def compose(*lines: LetterLine, locale: str = "ru", **changes: Any) -> Letter:
    return COMPOSER.compose(recipient(locale, **changes), lines)


def compare(path: Path, text: str) -> None:
    if REWRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("locale", ["ru", "en"])
@pytest.mark.parametrize("name", [*FIRING, *ENDED])
def test_every_letter_word_for_word(name: str, locale: str) -> None:
    letter = compose(line(name), locale=locale)
    compare(GOLDEN / locale / f"{name}.txt", letter.text)


MIXED = ["service_ending", "documents_unsent", "fn_filling", "fns_rejected", "register_silent_over", "messages_low"]


@pytest.mark.parametrize("locale", ["ru", "en"])
def test_a_table_word_for_word(locale: str) -> None:
    letter = compose(*(line(name, number) for number, name in enumerate(MIXED, 1)), locale=locale)
    compare(GOLDEN / locale / "table.txt", letter.text)
    compare(GOLDEN / locale / "table.html", letter.html)


def test_one_letter_as_html_word_for_word() -> None:
    compare(GOLDEN / "ru" / "service_ending.html", compose(line("service_ending")).html)


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{locale}/{name}.txt" for locale in ("ru", "en") for name in [*FIRING, *ENDED, "table"]}
    wanted |= {"ru/table.html", "en/table.html", "ru/service_ending.html"}
    assert {str(path.relative_to(GOLDEN)) for path in GOLDEN.glob("*/*")} == wanted


def test_every_rule_has_a_sample_and_an_end() -> None:
    rules = {rule.name for rule in RULES} | {"many_registers", "fns_delayed", "address_dead"}
    assert {sample[0] for sample in FIRING.values()} == rules
    assert {FIRING[name][0] for name, _ in ENDED.values()} == rules


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("service_ending", "ККТ Кофейня: обслуживание ОФД заканчивается 01.12.2026 (через 7 дн.)"),
        ("messages_low", "Осталось 48 сообщений; при текущем расходе хватит на 3 дн."),
        ("register_silent_no_contact", "ККТ Кофейня: нет чеков с 23.11.2026 12:00 (24 ч), смена закрыта"),
        ("fn_filling", "ФН 9999078900001234: заполнен ≈80.1% (ФД 200250 из 250000); при текущем темпе до 02.03.2027"),
        ("fn_expiring", "ФН 9999078900001234: заменить до 21.12.2026 (осталось 27 дн.)"),
        ("fns_rejected", "ККТ Кофейня: ФНС не приняла 2 док. – 7: Нет РНМ"),
        ("documents_unsent", "ККТ Кофейня: 3 док. не переданы с 04.11.2026; ФН заблокируется 04.12.2026"),
        ("shift_too_long", "Смена №12 открыта более 24 ч"),
        ("fd_gap", "Пропущены ФД 3–5"),
        ("fd_conflict", "ФД 9 пришёл с другим содержанием"),
    ],
)
def test_subjects_are_those_of_the_catalogue(name: str, subject: str) -> None:
    assert compose(line(name)).subject == subject


@pytest.mark.parametrize("rule", sorted({sample[0] for sample in FIRING.values()}))
@pytest.mark.parametrize("locale", ["ru", "en"])
def test_alerts_of_older_versions_have_words_too(rule: str, locale: str) -> None:
    """Whatever facts are missing, a letter is composed."""
    letter = compose(line(next(name for name in FIRING if FIRING[name][0] == rule), facts={}), locale=locale)
    assert letter.subject
    ended = line(next(name for name, (of, _) in ENDED.items() if FIRING[of][0] == rule), facts={})
    assert compose(ended, locale=locale).text


@pytest.mark.parametrize("locale", ["ru", "en"])
def test_an_operator_has_words_of_its_own_for_a_code(locale: str) -> None:
    composer = Composer(operator_name="ОФД", register_timezone="Europe/Moscow", remedies={"507": "Позвоните нам."})
    letter = composer.compose(recipient(locale), [line("fns_rejected_507")])
    assert "507: Позвоните нам." in letter.subject
    assert letter.text.count("Позвоните нам.") == 2
    ours = composer.compose(
        recipient(locale), [line("fns_rejected_by_us_14", facts={"source": "operator", "code": "507"})]
    )
    assert "Позвоните" not in ours.text


def test_a_rule_without_words() -> None:
    with pytest.raises(UnknownRule, match="unknown_rule"):
        compose(line("fd_gap", rule="unknown_rule"))


class TestSubjectsOfSeveral:
    def test_one_rule(self) -> None:
        lines = [line("service_ending", n, registration_number=f"{n:016d}") for n in range(1, 41)]
        assert compose(*lines).subject == "ККТ: 40 касс, обслуживание ОФД заканчивается"
        assert compose(*lines[:2]).subject == "ККТ: 2 кассы, обслуживание ОФД заканчивается"

    def test_one_rule_that_is_over(self) -> None:
        lines = [line("service_ending_over", n, registration_number=f"{n:016d}") for n in range(1, 6)]
        assert compose(*lines).subject == "ККТ: 5 касс, обслуживание ОФД продлено"

    def test_several_rules(self) -> None:
        lines = [line("service_ending", n, registration_number=f"{n % 3:016d}") for n in range(1, 5)]
        lines.append(line("shift_too_long", 5))
        assert compose(*lines).subject == "Предупреждения: 5 по 4 кассам"
        assert compose(*lines[3:]).subject == "Предупреждения: 2 по 2 кассам"

    def test_several_rules_of_one_register(self) -> None:
        assert compose(line("service_ending"), line("fn_filling", 2)).subject == "Предупреждения: 2 по 1 кассе"

    def test_several_that_are_over(self) -> None:
        subject = compose(line("service_ending_over"), line("register_silent_over", 2)).subject
        assert subject == "Закончилось: 2 по 1 кассе"

    def test_english(self) -> None:
        lines = [line("service_ending"), line("fn_filling", 2)]
        assert compose(*lines, locale="en_US").subject == "Alerts: 2 at 1 register"


def test_critical_alerts_come_first_and_ends_last() -> None:
    lines = [
        line("service_ending_over", 1, register_name="Е"),
        line("service_ending", 2, register_name="Касса 10"),
        line("service_ending", 3, register_name="Касса 9"),
        line("documents_unsent", 4, register_name="Я"),
    ]
    rows = [row for row in compose(*lines).text.splitlines() if " | " in row][1:]
    assert [row.split(" | ")[1].split(" · ")[0].strip() for row in rows] == ["Я", "Касса 9", "Касса 10", "Е"]
    assert [row[0] for row in rows] == ["!", " ", " ", "✓"]


def test_advice_is_given_once() -> None:
    letter = compose(*(line("service_ending", n) for n in range(1, 41)))
    assert letter.text.count("Продлите договор") == 1
    assert letter.html.count("Продлите договор") == 1


def test_a_table_has_bounds() -> None:
    letter = compose(*(line("service_ending", n) for n in range(MOST_ROWS + 7)))
    assert letter.text.count("обслуживание ОФД заканчивается 01.12.2026") == MOST_ROWS
    assert "… и ещё 7" in letter.text
    assert "… и ещё 7" in letter.html


def test_an_alert_that_is_over_already_is_told_with_its_end() -> None:
    letter = compose(line("fns_rejected", reason=NoticeReason.OCCURRED, resolved_at=RESOLVED_AT))
    assert letter.subject == "ККТ Кофейня: ФНС не приняла 2 док. – 7: Нет РНМ"
    assert "последний документ ФНС приняла" in letter.text
    assert "Закончилось: 25.11.2026 09:30" in letter.text


def test_moments_are_told_on_the_readers_clock_and_days_on_the_registers() -> None:
    there = line("service_ending", timezone="Asia/Vladivostok", facts={"paid_until": "2026-11-30T14:00:00+00:00"})
    letter = compose(there, timezone="Europe/Kaliningrad")
    assert "01.12.2026" in letter.subject
    assert "Замечено: 24.11.2026 11:00" in letter.text


@pytest.mark.parametrize(
    ("hours", "ru", "en"),
    [
        (25.4, "25 ч", "25 h"),
        (1.0, "1 ч", "1 h"),
        (0.75, "45 мин", "45 min"),
        (0.0008, "3 с", "3 s"),
        (None, "–", "–"),
    ],
)
def test_a_silence_is_told_in_a_unit_that_fits(hours: float | None, ru: str, en: str) -> None:
    silent = line(
        "register_silent_no_sales", facts={"silent_hours": hours, "silent_since": "2026-11-24T08:00:00+00:00"}
    )
    for locale, spelt in (("ru", ru), ("en", en)):
        assert f"({spelt})" in compose(silent, locale=locale).subject


def test_a_register_without_name_or_number() -> None:
    nameless = line("service_ending", register_name=None, registration_number=None)
    assert compose(nameless).subject.startswith("ККТ ФН 9999078900001234: ")
    assert compose(line("service_ending", register_name=None)).subject.startswith(f"ККТ {REGISTER}: ")


class Tags(HTMLParser):
    """The elements of a page, and whether each is closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        if tag in CLOSED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", [*FIRING, *ENDED])
def test_html_is_whole_and_needs_nothing_from_outside(name: str) -> None:
    for letter in (compose(line(name)), compose(line(name), line("fn_filling", 2))):
        tags = Tags()
        tags.feed(letter.html)
        assert tags.open == []
        assert tags.seen <= CLOSED | {"meta", "br"}
        assert not [
            value for key, value in tags.attributes if key in ("src", "href", "background") or "url(" in str(value)
        ]


hostile = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x>', "a\r\nBcc: evil@test.ru", "{{ 7 * 7 }}", "\x1b[2J\0", "\u202etxt"]
)


@given(text=hostile)
def test_text_of_a_register_breaks_no_letter(text: str) -> None:
    facts = {"place": text, "text": text, "source": "fns", "code": text, "fn": text, "documents": text}
    lines = [
        line("fns_rejected", facts=facts, register_name=text, place=text, subject=text, fn=text),
        line("service_ending", 2, register_name=text, registration_number=text),
    ]
    for chosen in (lines[:1], lines):
        letter = compose(*chosen, name=text)
        tags = Tags()
        tags.feed(letter.html)
        assert tags.open == []
        assert tags.seen <= CLOSED | {"meta", "br"}
        assert letter.subject.isprintable()
        assert all(part.isprintable() for part in letter.text.split("\n"))
        message = parsed(letter, sender_name=text)
        assert set(message.keys()) == HEADERS
        assert message["To"] == "shop@example.ru"


HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
}
ENVELOPE: dict[str, Any] = {
    "sender": "ofd@gateway.example",
    "sender_name": "ОФД Пример",
    "address": "shop@example.ru",
    "message_id": "<abc123@gateway.example>",
    "written_at": OPENED_AT,
}


def parsed(letter: Letter, **changes: Any) -> EmailMessage:
    return message_from_bytes(build_message(letter, **{**ENVELOPE, **changes}), policy=policy.default)


class TestMessage:
    def test_it_says_what_the_letter_says(self) -> None:
        letter = compose(line("service_ending"))
        message = parsed(letter)
        plain, html = message.get_body(("plain",)), message.get_body(("html",))
        assert plain is not None
        assert html is not None
        assert message["Subject"] == letter.subject
        assert plain.get_content().replace("\r\n", "\n") == letter.text
        assert html.get_content().replace("\r\n", "\n") == letter.html
        assert set(message.keys()) == HEADERS

    def test_it_is_mail_of_a_machine(self) -> None:
        message = parsed(compose(line("service_ending")))
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["List-ID"] == "<alerts.gateway.example>"
        assert message["Message-ID"] == "<abc123@gateway.example>"
        assert message["Date"].datetime == OPENED_AT
        assert message["From"] == "ОФД Пример <ofd@gateway.example>"

    def test_the_same_letter_has_the_same_bytes(self) -> None:
        letter = compose(line("service_ending"))
        assert build_message(letter, **ENVELOPE) == build_message(letter, **ENVELOPE)

    def test_lines_are_short_and_end_with_crlf(self) -> None:
        raw = build_message(compose(*(line("service_ending", n) for n in range(40))), **ENVELOPE)
        assert max(map(len, raw.split(b"\r\n"))) <= 78
        assert re.search(rb"[^\r]\n", raw) is None

    def test_a_domain_in_other_letters(self) -> None:
        assert parsed(compose(line("fd_gap")), address="shop@почта.рф")["To"] == "shop@xn--80a1acny.xn--p1ai"

    @pytest.mark.parametrize(
        "address",
        ["", "shop", "@test.ru", "shop@", "магазин@test.ru", "a b@test.ru", "a@b@test.ru", "a@test.ru\r\nX: 1"],
    )
    def test_what_is_no_address(self, address: str) -> None:
        with pytest.raises(ValueError, match=r"no address of mail|label|ASCII|Invalid"):
            wire_address(address)

    def test_ids_are_of_the_senders_host(self) -> None:
        assert make_message_id("abc123", "ofd@gateway.example") == "<abc123@gateway.example>"


class TestLanguage:
    @pytest.mark.parametrize(
        ("count", "spelt"),
        [
            (1, "1 касса"),
            (2, "2 кассы"),
            (5, "5 касс"),
            (11, "11 касс"),
            (21, "21 касса"),
            (112, "112 касс"),
            (0, "0 касс"),
        ],
    )
    def test_russian_numbers(self, count: int, spelt: str) -> None:
        assert plural(count, "касса", "кассы", "касс") == spelt

    def test_english_numbers(self) -> None:
        assert [plural(n, "day", "days", "days") for n in (1, 2, 21)] == ["1 day", "2 days", "21 days"]

    @pytest.mark.parametrize(
        ("locale", "language"), [("ru", "ru"), ("en", "en"), ("en_GB", "en"), ("de", "ru"), ("", "ru")]
    )
    def test_locales(self, locale: str, language: str) -> None:
        assert language_of(locale) == language

    def test_long_texts_are_cut(self) -> None:
        assert clean("а" * 400) == "а" * 299 + "…"


@pytest.mark.parametrize("name", ["fd_gap", "fd_conflict", "address_dead"])
def test_advice_about_many_names_no_single_one(name: str) -> None:
    """The operator's daily letter may tell of hundreds."""
    lines = [line(name, n, subject=f"99990789{n:08d}", facts={"inn": str(n), "letter": n, "fd": n}) for n in range(9)]
    assert compose(*lines).text.count("Что делать:") == 1


def test_the_operator_is_no_customer() -> None:
    letter = compose(line("fd_gap"), id="operator", name="ОФД Пример")
    assert letter.text.splitlines()[2] == "ОФД Пример"
    assert "настраивает оператор" not in letter.text
