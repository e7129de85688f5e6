"""Documents and quarantine as commands show them, against a real database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.messages import DEBUG_FN, PLAIN_FN

from .filled import AGAIN, FIRST, RECEIPT, SHIFT, START, fill
from .running import Commands, Shell, child


@pytest_asyncio.fixture(loop_scope="session")
async def filled(dsn: str) -> str:
    await fill(dsn)
    return dsn


@pytest.fixture
def commands(shell: Shell, filled: str) -> Commands:
    return Commands(shell, filled)


def keys(records: list[dict]) -> list[tuple[str, int, int]]:
    return [(record["fn"], record["generation"], record["fd"]) for record in records]


ALL = [(DEBUG_FN, 0, 1), (DEBUG_FN, 1, 1), (PLAIN_FN, 0, 5), (PLAIN_FN, 0, 6)]


class TestList:
    async def test_everything_in_the_order_of_arrival(self, commands: Commands) -> None:
        records = await commands.records("documents", "list")
        assert keys(records) == ALL
        assert await commands.records("documents", "list", "--limit", "0") == records
        receipt = records[2]
        assert list(receipt) == [
            "fn",
            "generation",
            "fd",
            "kind",
            "ffd",
            "response_code",
            "received_at",
            "issued_at",
            "violations",
            "fns",
            "fns_code",
        ]
        assert (receipt["kind"], receipt["ffd"], receipt["response_code"]) == ("receipt", "1.05", 14)
        assert datetime.fromisoformat(receipt["received_at"]) == START + timedelta(hours=2)
        assert receipt["issued_at"] == "2025-11-24T16:00:00"
        assert "R-P1" in receipt["violations"]
        assert (receipt["fns"], receipt["fns_code"]) == (None, None)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (("--fn", PLAIN_FN), ALL[2:]),
            (("--kind", "receipt"), ALL[2:3]),
            (("--kind", "openShift", "--fn", PLAIN_FN), ALL[3:]),
            (("--kind", "closeArchive"), []),
            (("--since", "2026-03-01T10:30:00+00:00"), ALL[2:]),
            (("--since", "1s"), []),
            (("--limit", "1"), ALL[3:]),
            (("--limit", "3"), ALL[1:]),
            (("--fn", "1234567890123456"), []),
        ],
    )
    async def test_filters(self, commands: Commands, options: tuple[str, ...], expected: list) -> None:
        assert keys(await commands.records("documents", "list", *options)) == expected

    async def test_nothing_found_is_said_to_people_only(self, commands: Commands) -> None:
        done = await commands("documents", "list", "--kind", "closeArchive")
        assert (done.code, done.out, done.err) == (0, "", "документов нет / no documents\n")
        done = await commands("quarantine", "list", "--fn", DEBUG_FN)
        assert (done.code, done.out, done.err) == (0, "", "карантин пуст / nothing in quarantine\n")

    async def test_a_table_for_people(self, commands: Commands) -> None:
        done = await commands("documents", "list")
        assert (done.code, done.err) == (0, "")
        row = next(line for line in done.lines if "receipt" in line)
        assert row.split()[:3] == [PLAIN_FN, "receipt", "1.05"]
        assert "1000.05" in row
        assert "R-P1" in row
        assert "жизнь / gen." in done.out

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (("--kind", "cheque"), "'cheque' is none of fiscalReport"),
            (("--since", "lately"), "'lately' is neither a moment"),
            (("--since", "99999999d"), "'99999999d' is neither a moment"),
            (("--limit", "-1"), "--limit"),
            (("--limit", "9223372036854775808"), "--limit"),
        ],
    )
    async def test_a_wrong_filter_is_named(self, commands: Commands, options: tuple[str, ...], complaint: str) -> None:
        done = await commands("documents", "list", *options)
        assert (done.code, done.out) == (2, "")
        assert complaint in " ".join(done.err.replace("│", " ").split())


class TestShow:
    async def test_json_is_one_line_of_the_tax_service(self, commands: Commands) -> None:
        (shown,) = await commands.records("documents", "show", PLAIN_FN, "5")
        assert list(shown) == ["receipt"]
        assert (shown["receipt"]["fiscalDriveNumber"], shown["receipt"]["totalSum"]) == (PLAIN_FN, 100_005)
        assert shown["receipt"]["messageFiscalSign"] == int.from_bytes(RECEIPT[-10:-2], "big")

    async def test_hex_is_the_container_as_received(self, commands: Commands) -> None:
        done = await commands("documents", "show", PLAIN_FN, "6", "--hex")
        assert done.out == SHIFT.hex() + "\n"

    async def test_the_latest_life_unless_another_is_named(self, commands: Commands) -> None:
        assert (await commands("documents", "show", DEBUG_FN, "1", "--hex")).out == AGAIN.hex() + "\n"
        first = await commands("documents", "show", DEBUG_FN, "1", "--generation", "0", "--hex")
        assert first.out == FIRST.hex() + "\n"

    async def test_the_tree_has_everything(self, commands: Commands) -> None:
        done = await commands("documents", "show", PLAIN_FN, "5")
        assert done == await commands("documents", "show", PLAIN_FN, "5", "--tree")
        for text in (
            "контейнер / container",
            "1020 ",
            "1000.05",
            "R-P1 ошибка / error: receipt.",
            "Добавьте реквизит в документ.",
            "код ответа / response code: 14",
            "жизнь ФН / generation of the FN: 0",
            "127.0.0.1:7001",
        ):
            assert text in done.out
        sign = next(line for line in done.lines if line.startswith("ФПО 1078"))
        assert sign.split()[-1].startswith("8806")

    @pytest.mark.parametrize("words", [("5", "--generation", "1"), ("7",)])
    @pytest.mark.parametrize("form", ["--json", "--hex", "--tree"])
    async def test_a_missing_one_leaves_with_1(self, commands: Commands, words: tuple[str, ...], form: str) -> None:
        done = await commands("documents", "show", PLAIN_FN, *words, form)
        assert (done.code, done.out) == (1, "")
        assert "no such document" in done.err

    @pytest.mark.parametrize("options", [("--json", "--hex"), ("--generation", "2147483648"), ("--generation", "-1")])
    async def test_options_that_make_no_sense(self, commands: Commands, options: tuple[str, ...]) -> None:
        done = await commands("documents", "show", PLAIN_FN, "5", *options)
        assert (done.code, done.out) == (2, "")

    async def test_a_number_that_no_document_can_have(self, commands: Commands) -> None:
        assert (await commands("documents", "show", PLAIN_FN, "99999999999")).code == 1

    async def test_names_follow_the_settings(self, commands: Commands, monkeypatch) -> None:
        monkeypatch.setenv("OFD_GATEWAY_FFD__NAMES", "2017")
        assert "receiptCode" in (await commands("documents", "show", PLAIN_FN, "5", "--json")).out


class TestQuarantine:
    async def test_list(self, commands: Commands) -> None:
        first, second = await commands.records("quarantine", "list")
        assert list(first) == ["id", "fn", "fd", "reason", "received_at", "peer"]
        assert (first["fn"], first["fd"], first["reason"]) == (PLAIN_FN, 9, "encrypted_or_corrupt")
        assert (second["fn"], second["fd"], second["peer"]) == ("", None, "[fe80::1]:7001")
        assert await commands.records("quarantine", "list", "--fn", PLAIN_FN) == [first]
        assert await commands.records("quarantine", "list", "--limit", "1") == [second]
        assert await commands.records("quarantine", "list", "--since", "2026-03-01T10:30:00+00:00") == [second]

    async def test_what_was_sent_cannot_steer_the_table(self, commands: Commands) -> None:
        done = await commands("quarantine", "list")
        assert "items[3] [bold]/x[/bold] \\x1b[31m" in done.out

    async def test_show(self, commands: Commands) -> None:
        number = str((await commands.records("quarantine", "list"))[0]["id"])
        assert (await commands("quarantine", "show", number, "--hex")).out == "2a08726177\n"
        (shown,) = await commands.records("quarantine", "show", number)
        assert (shown["raw"], shown["fd"]) == ("2a08726177", 9)
        text = (await commands("quarantine", "show", number)).out
        assert "encrypted_or_corrupt: items[3] [bold]/x[/bold] \\x1b[31m" in text
        assert "[fe80::1]:7001 (c-9)" in text
        assert "00000000  2a 08 72 61 77" in text
        assert "tlv_overrun: " in text

    async def test_what_was_not_read_is_said(self, commands: Commands) -> None:
        number = str((await commands.records("quarantine", "list"))[1]["id"])
        text = (await commands("quarantine", "show", number)).out
        assert text.count("не прочитан / not read") == 2

    async def test_a_missing_one_leaves_with_1(self, commands: Commands) -> None:
        done = await commands("quarantine", "show", "999999999", "--json")
        assert (done.code, done.out) == (1, "")
        assert "999999999" in done.err

    async def test_only_one_form_at_a_time(self, commands: Commands) -> None:
        assert (await commands("quarantine", "show", "1", "--json", "--hex")).code == 2
        assert (await commands("quarantine", "show", "9223372036854775808")).code == 2


def test_an_embedded_database_is_started_for_the_time_of_a_command(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    environment = {"OFD_GATEWAY_STATE_DIR": str(state_dir)}
    nothing = child("documents", "list", "--json", environment=environment)
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "")
    missing = child("documents", "show", PLAIN_FN, "1", "--json", "--state-dir", str(state_dir))
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == f"нет документа: ФН {PLAIN_FN}, ФД 1 / no such document\n"


def test_the_real_command_prints_lines_and_nothing_else(filled: str) -> None:
    done = child("documents", "list", "--json", "--database", filled, "--kind", "receipt")
    assert (done.code, done.err) == (0, "")
    (line,) = done.lines
    assert line.startswith(
        f'{{"fn":"{PLAIN_FN}","generation":0,"fd":5,"kind":"receipt","ffd":"1.05","response_code":14,'
    )
    assert datetime.fromisoformat(json.loads(line)["received_at"]).astimezone(UTC) == START + timedelta(hours=2)


class TestForget:
    OLD = ("--before", (START + timedelta(hours=2, minutes=30)).isoformat())

    async def test_without_yes_it_only_tells(self, commands: Commands) -> None:
        done = await commands("documents", "forget", *self.OLD, "--json")
        told = [json.loads(line) for line in done.lines]
        assert [(one["fn"], one["documents"], one["kept"], one["deleted"]) for one in told] == [
            (PLAIN_FN, 1, 0, False),
            (DEBUG_FN, 2, 0, False),
        ]
        assert "five years" in done.err
        assert keys(await commands.records("documents", "list")) == ALL
        done = await commands("documents", "forget", *self.OLD)
        assert done.lines[-1] == "было бы удалено / would be deleted, --yes: 3"

    async def test_with_yes_it_deletes(self, commands: Commands) -> None:
        done = await commands("documents", "forget", *self.OLD, "--fn", DEBUG_FN, "--yes")
        assert (done.code, done.lines[-1]) == (0, "удалено документов / documents deleted: 2")
        assert keys(await commands.records("documents", "list")) == ALL[2:]
        done = await commands("documents", "forget", *self.OLD, "--yes", "--json")
        assert [json.loads(line)["deleted"] for line in done.lines] == [True]
        assert keys(await commands.records("documents", "list")) == ALL[3:]

    async def test_what_the_law_lets_go_is_not_warned_of(self, commands: Commands) -> None:
        done = await commands("documents", "forget", "--before", "2000-01-01")
        assert (done.code, done.err, done.lines) == (0, "", ["было бы удалено / would be deleted, --yes: 0"])
