"""What a script may say, what it may not, and how its rules count."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.fns_emulator import ScriptError, read_script, short_rule
from ofd_gateway.fns_emulator.contract import SentDocument
from ofd_gateway.fns_emulator.playbook import Playbook

from .sending import NOW

REFUSED = 'answer = {status = "refused", code = 420}'


def sent(fd: int = 1, *, fn: str = "9999000007000000", kind: str = "receipt", inn: Any = "7707083893") -> SentDocument:
    return SentDocument(
        fn=fn, generation=0, fd=fd, ffd="1.2", kind=kind, received_at=NOW, document={kind: {"userInn": inn}}
    )


def playbook(script: str) -> Playbook:
    return Playbook(read_script(script.encode()), loaded_at=NOW)


def decided(script: str, *documents: SentDocument, seconds: float = 0) -> list[str | None]:
    """The names of the rules that decide each document."""
    played = playbook(script)
    moment = NOW + timedelta(seconds=seconds)
    decisions = [played.decide(one, moment, is_known=False) for one in documents]
    return [None if one is None else one.rule for one in decisions]


@pytest.mark.parametrize(
    ("condition", "document", "matches"),
    [
        ("", sent(), True),
        ('fn = "9999000007000000"', sent(), True),
        ('fn = "999900000700000"', sent(), False),
        ('fn = "9999*"', sent(), True),
        ('fn = "*"', sent(), True),
        ('fn = ["8710*", "9999000007000000"]', sent(), True),
        ('fn = ["8710*", "9999000007000001"]', sent(), False),
        ('kind = "receipt"', sent(), True),
        ('kind = ["bso", "openShift"]', sent(), False),
        ('inn = "7707083893"', sent(), True),
        ('inn = ["7707083894"]', sent(), False),
        ('inn = "7707083893"', sent(inn="7707083893  "), True),
        ('inn = "7707083893"', sent(inn=7707083893), False),
        ("fd = 5", sent(5), True),
        ("fd = 5", sent(6), False),
        ('fd = "5-7"', sent(7), True),
        ('fd = "5-7"', sent(8), False),
        ('fd = "5-"', sent(4_294_967_295), True),
        ('fd = "5-"', sent(4), False),
        ('kind = "receipt", fd = 5', sent(5, kind="bso"), False),
        ("share = 1.0", sent(), True),
        ("share = 0", sent(), False),
    ],
)
def test_every_condition_must_hold(condition: str, document: SentDocument, matches: bool) -> None:
    script = f'[[rule]]\nname = "it"\nmatch = {{{condition}}}\n{REFUSED}'
    assert decided(script, document) == ["it" if matches else None]


@pytest.mark.parametrize(
    ("condition", "counted"),
    [("first = 2", "1100000"), ("nth = 3", "0010000"), ("every = 3", "0010010"), ("first = 4, every = 2", "0101000")],
)
def test_matches_are_counted(condition: str, counted: str) -> None:
    script = f'[[rule]]\nname = "1"\nmatch = {{kind = "receipt", {condition}}}\n{REFUSED}'
    documents = [one for fd in range(1, 8) for one in (sent(fd, kind="bso"), sent(fd))]
    assert "".join(rule or "0" for rule in decided(script, *documents)[1::2]) == counted


@pytest.mark.parametrize(
    ("condition", "seconds", "matches"),
    [
        ('after = "10s"', 9.9, False),
        ('after = "10s"', 10, True),
        ('before = "10s"', 9.9, True),
        ('before = "10s"', 10, False),
        ('after = "10s", before = "1m"', 30, True),
        ('after = "2026-03-02T09:30:10+03:00"', 9, False),
        ('after = "2026-03-02T09:30:10+03:00"', 10, True),
        ('before = "2026-03-02T06:30:10Z"', 10, False),
    ],
)
def test_the_time_is_bounded(condition: str, seconds: float, matches: bool) -> None:
    script = f'[[rule]]\nname = "it"\nmatch = {{{condition}}}\n{REFUSED}'
    assert decided(script, sent(), seconds=seconds) == ["it" if matches else None]


@given(st.integers(0, 1000))
def test_a_share_is_drawn_from_the_seed_and_the_document(seed: int) -> None:
    script = f"seed = {seed}\n[[rule]]\nmatch = {{share = 0.25}}\n{REFUSED}"
    documents = [sent(fd) for fd in range(1, 401)]
    first = decided(script, *documents)
    assert first == decided(script, *reversed(documents))[::-1]
    assert 50 < sum(rule is not None for rule in first) < 150


def test_another_seed_draws_others() -> None:
    documents = [sent(fd) for fd in range(1, 101)]
    drawn = {
        tuple(decided(f"seed = {seed}\n[[rule]]\nmatch = {{share = 0.5}}\n{REFUSED}", *documents)) for seed in range(8)
    }
    assert len(drawn) == 8


def test_the_first_rule_decides_and_has_a_number_where_it_has_no_name() -> None:
    script = f'[[rule]]\nmatch = {{fd = 1}}\n{REFUSED}\n[[rule]]\nanswer = {{status = "accepted"}}'
    assert decided(script, sent(1), sent(2)) == ["rule 1", "rule 2"]


def test_postponed_so_often_and_then_what_follows() -> None:
    played = playbook(f"[[rule]]\nanswer = {{postpone = 2}}\n[[rule]]\nmatch = {{fd = 2}}\n{REFUSED}")
    told = [played.decide(sent(fd), NOW, is_known=False) for fd in (1, 2, 1, 2, 1, 2)]
    assert [None if one is None else one.verdict.status for one in told] == ["postponed"] * 4 + [None, "refused"]


def test_decided_documents_are_decided_anew_only_on_demand() -> None:
    assert playbook(f"[[rule]]\n{REFUSED}").decide(sent(), NOW, is_known=True) is None
    again = playbook('[[rule]]\nanswer = {status = "accepted", again = true}').decide(sent(), NOW, is_known=True)
    assert again is not None
    assert again.verdict.status == "accepted"


def test_texts_come_from_the_script_or_the_code() -> None:
    def text(answer: str) -> str:
        decision = playbook(f"[[rule]]\nanswer = {answer}").decide(sent(), NOW, is_known=False)
        assert decision is not None
        return decision.verdict.text

    assert text('{status = "refused", code = 1, text = "нет"}') == "нет"
    assert text('{status = "refused", code = 420}').startswith("обязательный реквизит")
    assert text('{status = "hard_quarantine", code = 77}') == "по сценарию эмулятора / by the emulator's script"
    assert text('{status = "accepted"}') == "по сценарию эмулятора / by the emulator's script"


def test_faults_count_requests() -> None:
    played = playbook('[[rule]]\nmatch = {kind = "receipt", nth = 2}\nfault = {http_status = 500}')
    batch = [sent(1), sent(2)]
    found = [played.fault(batch, NOW), played.fault([sent(1, kind="bso")], NOW), played.fault(batch, NOW)]
    assert [None if one is None else one.fault.http_status for one in found] == [None, None, 500]


def test_a_share_of_requests_does_not_meet_the_same_request_for_ever() -> None:
    played = playbook("[[rule]]\nmatch = {share = 0.5}\nfault = {http_status = 500}")
    drawn = [played.fault([sent()], NOW) is not None for _ in range(200)]
    assert 60 < sum(drawn) < 140


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("rule = [", "Invalid value"),
        ("a\n", "line 1"),
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a = " + "1" * 10_000, "4300 digits"),
        ("speed = 1", "unknown field `speed`"),
        ("[[rule]]", "either an answer or a fault - at `$.rule[0]`"),
        (f'[[rule]]\n{REFUSED}\nfault = {{delay = "1s"}}', "either an answer or a fault"),
        (f"[[rule]]\n{REFUSED}\n[[rule]]\nmatch = {{colour = 1}}\n{REFUSED}", "`colour` - at `$.rule[1].match`"),
        (f'[[rule]]\nmatch = {{fd = "x"}}\n{REFUSED}', "fd = 'x' is no number and no range"),
        (f'[[rule]]\nmatch = {{fd = "7-x"}}\n{REFUSED}', "no range"),
        (f"[[rule]]\nmatch = {{fn = 5}}\n{REFUSED}", "at `$.rule[0].match.fn`"),
        (f"[[rule]]\nmatch = {{share = 2}}\n{REFUSED}", "<= 1"),
        (f"[[rule]]\nmatch = {{nth = 0}}\n{REFUSED}", ">= 1"),
        (f'[[rule]]\nmatch = {{after = "soon"}}\n{REFUSED}', "'soon' is no duration"),
        (f'[[rule]]\nmatch = {{after = "2026-01-01T10:00:00"}}\n{REFUSED}', "has no offset"),
        (f'[[rule]]\nmatch = {{after = "3000000d"}}\n{REFUSED}', "later than any moment"),
        ("[[rule]]\nanswer = {}", "either a status or postpone"),
        ('[[rule]]\nanswer = {status = "refused", postpone = 1}', "either a status or postpone"),
        ('[[rule]]\nanswer = {status = "lost"}', "Invalid enum value 'lost'"),
        ('[[rule]]\nanswer = {status = "accepted", code = 1}', "a code goes with"),
        ("[[rule]]\nanswer = {postpone = 0}", ">= 1"),
        ("[[rule]]\nfault = {}", "one of http_status, drop, body, delay"),
        ('[[rule]]\nfault = {http_status = 500, body = "truncated"}', "http_status and body exclude"),
        ("[[rule]]\nfault = {http_status = 200}", ">= 400"),
        ('[[rule]]\nfault = {drop = "after_reading", retry_after = "1s"}', "retry_after goes with http_status"),
        ('[[rule]]\nfault = {drop = "before_reading", delay = "1s"}', "a delay does not go"),
        ('[[rule]]\nfault = {drop = "before_reading"}\nmatch = {fd = 1}', "nothing is known of the documents"),
        ('[[rule]]\nfault = {delay = "long"}', "'long' is no duration"),
        ('[[rule]]\nfault = {body = "funny"}', "Invalid enum value 'funny'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(script: str, detail: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read_script(script.encode())
    assert detail in str(caught.value)


def test_the_script_of_the_page_can_be_played() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "fns-emulator.md").read_text(encoding="utf-8")
    script = read_script(page.partition("```toml\n")[2].partition("```")[0].encode())
    assert (script.seed, [rule.name for rule in script.rule]) == (1, ["", "", "poison", "", ""])


def test_a_script_is_utf_8() -> None:
    with pytest.raises(ScriptError, match="no UTF-8 at byte 3"):
        read_script(b'x="\xff"')


@given(st.text(max_size=60))
def test_any_text_is_a_script_or_a_named_error(text: str) -> None:
    try:
        script = read_script(text.encode("utf-8", "surrogatepass"))
    except ScriptError:
        return
    assert script.rule == []


@pytest.mark.parametrize(
    ("option", "pair", "status", "code"),
    [
        ("--refuse", "9999000007000000:420", "refused", 420),
        ("--soft", "9999*:1", "soft_quarantine", 1),
        ("--hard", "*:0", "hard_quarantine", 0),
    ],
)
def test_short_forms_are_rules(option: str, pair: str, status: str, code: int) -> None:
    rule = short_rule(option, pair)
    assert rule.name == f"{option} {pair}"
    assert rule.match.fn == pair.partition(":")[0]
    assert rule.answer is not None
    assert (rule.answer.status, rule.answer.code) == (status, code)


@pytest.mark.parametrize(
    "pair", ["", "9999", ":420", "9999:", "9999:x", "99x9:420", "9999:-1", "9999:99999999999", "9999:" + "9" * 5000]
)
def test_other_forms_are_refused(pair: str) -> None:
    with pytest.raises(ScriptError):
        short_rule("--refuse", pair)
