"""How the play is shown: on wide and narrow terminals, and as plain lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ofd_gateway.demo.chain import DAYS, chain
from ofd_gateway.demo.ending import print_ending
from ofd_gateway.demo.lines import Lines
from ofd_gateway.demo.scene import Countdown, Ending, NewsItem, RegisterView, Scene, SentLetter
from ofd_gateway.demo.stage import Stage, picture
from ofd_gateway.demo.words import RULES, level_words

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
REGISTERS = tuple(
    RegisterView(
        name=member.name,
        store=member.store.name,
        works=member.index != 4,
        shift_open=member.index % 2 == 0,
        receipts_today=member.index,
        sold_kopecks=123_456_700,
        unconfirmed=7 if member.index == 5 else 0,
        history=(0, 5, 10, 20, 40),
        alerts=(("fn_expiring", "3d", True), ("fn_filling", "80", False)) if member.index == 3 else (),
    )
    for member in chain()
)
NEWS = tuple(
    NewsItem(at=NOW + timedelta(minutes=n), kind=kind, rule=rule, level="30d", critical=n % 2 == 0, about=f"касса {n}")
    for n, (kind, rule) in enumerate(
        [("opened", "service_ending"), ("raised", "fn_expiring"), ("resolved", "fn_expiring"), ("opened", "new_rule")]
        * 4
    )
)
SCENE = Scene(
    now=NOW,
    day=57,
    days=60,
    registers=REGISTERS,
    news=NEWS,
    documents=10_494,
    mismatches=0,
    letters=26,
    messages_left=40,
)
ENDING = Ending(
    scene=SCENE,
    letters=(SentLetter(number=7, at=NOW, address="owner@example.org", subject="ФН: заменить"),),
    countdowns=(
        Countdown(name="касса 1", at=NOW, days_left=3, cause="fn_expiring"),
        Countdown(name="касса 2", at=None, days_left=None, cause=None),
    ),
    alert_types=("fault", "service"),
    seconds=55.4,
)


def drawn(scene: Scene, *, width: int, height: int) -> str:
    out = StringIO()
    Console(file=out, width=width, height=height, color_system=None).print(picture(scene, width=width, height=height))
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (116, 40), (200, 60)])
def test_a_scene_fits_its_terminal(width: int, height: int) -> None:
    lines = drawn(SCENE, width=width, height=height).splitlines()

    assert all(len(line) <= width for line in lines)
    assert len(lines) <= max(height, 27)
    text = "\n".join(lines)
    assert "день 57 из / of 60" in text
    assert all(register.name in text for register in REGISTERS)
    assert ("1 234 567" in text) is (width >= 100)
    assert "касса 15" in text


def test_troubles_stand_beside_their_register() -> None:
    (line,) = [line for line in drawn(SCENE, width=116, height=40).splitlines() if "Мясницкая, касса 4" in line]

    assert "ключи ФН 3d" in line
    assert "ФН полон 80%" in line


def test_the_stage_draws_in_place_and_leaves_the_last_scene() -> None:
    out = StringIO()
    stage = Stage(Console(file=out, force_terminal=True, width=116, height=40))
    stage.starting("одну минуту")
    stage.show(SCENE)
    stage.show(replace(SCENE, day=58))
    stage.end()

    assert "одну минуту" in out.getvalue()
    assert "58" in out.getvalue()


def test_plain_lines_tell_each_day_and_each_change_once() -> None:
    out = StringIO()
    lines = Lines(out)
    lines.starting("запуск / start")
    lines.show(replace(SCENE, news=NEWS[:2]))
    lines.show(replace(SCENE, news=NEWS[:2]))
    lines.show(replace(SCENE, day=58, news=NEWS[:3]))
    lines.end()

    written = out.getvalue().splitlines()
    assert [line.split()[3] for line in written if line.startswith("день")] == ["57", "58"]
    assert sum("▲" in line or "✔" in line for line in written) == 3
    assert "\x1b" not in out.getvalue()


def test_the_last_page_says_what_to_type() -> None:
    out = StringIO()
    print_ending(ENDING, Path("/somewhere"), Console(file=out, width=10_000), command="ofd-gateway")
    text = out.getvalue()

    assert "ofd-gateway letters show 7 --state-dir /somewhere" in text
    assert "nothing in sight" in text
    assert "неисправность / fault, услуга / service" in text
    assert max(map(len, text.splitlines())) < 250


def test_every_rule_has_words() -> None:
    from ofd_gateway.alerts import RULES as KNOWN
    from ofd_gateway.alerts.incident import INCIDENT_RULE

    assert set(RULES) == {rule.name for rule in KNOWN} | {INCIDENT_RULE}
    assert level_words("messages_low", "50") == "≤50"
    assert level_words("fn_filling", "80") == "80%"
    assert level_words("fd_gap", "gap") == ""


def test_every_fate_of_the_chain_happens_within_its_days() -> None:
    members = chain()
    assert len(members) == 12
    assert len({member.store.name for member in members}) == 3
    for member in members:
        fate = member.fate
        for days in (fate.dead, fate.stuck, fate.wrong_totals):
            assert not days or 0 <= days.start < DAYS
