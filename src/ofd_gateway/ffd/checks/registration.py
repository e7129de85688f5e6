"""What a registration report must agree on with itself (отчёт о регистрации), and the versions in any report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.reading import number
from ofd_gateway.ffd.domain.registration_number import is_valid_registration_number
from ofd_gateway.ffd.values import decode_text

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.plan import Plan
    from ofd_gateway.ffd.checks.report import Report

__all__ = ["REGISTRATIONS", "judge_autonomous_report", "judge_registration", "judge_versions"]

REGISTRATIONS: Final = frozenset({1, 11})

_AUTOMATIC, _AUTONOMOUS, _OFD_INN, _OFD_NAME, _MACHINE, _ENCRYPTION = 1001, 1002, 1017, 1046, 1036, 1056
_CASHIER, _USER_INN, _SERIAL, _NUMBER = 1021, 1018, 1013, 1037
_OLD_REASON, _REASONS, _COUNTERS = 1101, 1205, 1157
_FFD, _REGISTER_FFD, _FN_FFD = 1209, 1189, 1190
_UNSENT: Final = (1097, 1098, 1116)
_NO_INN: Final = b"000000000000"
_OLD_FN_REPLACEMENT: Final = b"\x01"
_NUMBER_BYTES: Final = 20
_INN_BYTES: Final = 12

_VERSIONS: Final = {2: ({2, 3}, None), 3: ({3}, {3}), 4: ({4}, {4})}
"""1209 to the versions of register and FN that go with it; None: any."""


def judge_registration(spot: Spot, plan: Plan, report: Report) -> None:
    """R-P4: the mode of work; R-P5: the reasons; R-X7: the control digits of the registration number."""
    _judge_mode(spot, plan, report)
    _judge_cashier(spot, plan, report)
    _judge_reasons(spot, plan, report)
    _judge_number(spot, report)


def judge_versions(spot: Spot, report: Report) -> None:
    """R-V7: the version of the format goes with those of register and FN."""
    fields = spot.structure.by_tag
    expected = _VERSIONS.get(number(fields, _FFD, 1) or 0)
    if expected is None:
        return
    for tag, allowed in zip((_REGISTER_FFD, _FN_FFD), expected, strict=True):
        found = number(fields, tag, 1)
        if found is not None and allowed is not None and found not in allowed:
            report.add(
                "R-V7",
                path=spot.field(tag),
                tag=tag,
                offset=spot.offset_of(tag),
                found=found,
                expected=" or ".join(map(str, sorted(allowed))),
            )


def judge_autonomous_report(spot: Spot, report: Report) -> None:
    """R-P11: a state report of an autonomous register names no unsent documents."""
    fields = spot.structure.by_tag
    if number(fields, _AUTONOMOUS, 1) == 1:
        for tag in _UNSENT:
            if tag in fields:
                report.add(
                    "R-P11",
                    path=spot.field(tag),
                    tag=tag,
                    offset=spot.offset_of(tag),
                    expected="nothing where 1002=1",
                )


def _judge_mode(spot: Spot, plan: Plan, report: Report) -> None:
    fields = spot.structure.by_tag
    autonomous = number(fields, _AUTONOMOUS, 1)
    if autonomous == 0:
        for tag in (_OFD_INN, _OFD_NAME):
            if tag not in fields:
                _breaks_mode(spot, plan, tag, "", "must be there where 1002=0", report)
    elif autonomous == 1:
        inn = fields.get(_OFD_INN, _NO_INN)
        if inn != _NO_INN:
            _breaks_mode(spot, plan, _OFD_INN, inn, "nothing or 000000000000 where 1002=1", report)
        if number(fields, _ENCRYPTION, 1) == 1:
            _breaks_mode(spot, plan, _ENCRYPTION, "1", "0 where 1002=1", report)
    if number(fields, _AUTOMATIC, 1) == 1 and _MACHINE not in fields:
        _breaks_mode(spot, plan, _MACHINE, "", "must be there where 1001=1", report)


def _judge_cashier(spot: Spot, plan: Plan, report: Report) -> None:
    fields = spot.structure.by_tag
    if _CASHIER in fields or number(fields, _AUTOMATIC, 1) == 1:
        return
    if plan.demands_cashier:
        report.add(
            "R-P1", path=spot.field(_CASHIER), tag=_CASHIER, offset=spot.structure.offset, expected="must be there"
        )
    else:
        _breaks_mode(spot, plan, _CASHIER, "", "must be there where 1001=0", report)


def _judge_reasons(spot: Spot, plan: Plan, report: Report) -> None:
    fields = spot.structure.by_tag
    wrong = _REASONS if plan.ffd in ("1.0", "1.05") else _OLD_REASON
    if wrong in fields:
        _breaks_reasons(spot, wrong, f"not in FFD {plan.ffd}", report)
    replaced = _OLD_FN_REPLACEMENT in spot.structure.all(_OLD_REASON) or (number(fields, _REASONS, 4) or 0) & 1
    if replaced and _COUNTERS in fields:
        _breaks_reasons(spot, _COUNTERS, "nothing when the FN is replaced", report)


def _judge_number(spot: Spot, report: Report) -> None:
    fields = spot.structure.by_tag
    registration, inn, serial = fields.get(_NUMBER), fields.get(_USER_INN), fields.get(_SERIAL)
    if not (isinstance(registration, bytes) and isinstance(inn, bytes) and isinstance(serial, bytes)):
        return
    if len(registration) != _NUMBER_BYTES or len(inn) != _INN_BYTES or not registration[:16].isdigit():
        return
    texts = [decode_text(raw) for raw in (registration, inn, serial)]
    if not is_valid_registration_number(texts[0], inn=texts[1], serial=texts[2]):
        report.add(
            "R-X7",
            path=spot.field(_NUMBER),
            tag=_NUMBER,
            offset=spot.offset_of(_NUMBER),
            found=texts[0].rstrip(),
            expected="control digits that follow from INN and serial number",
        )


def _breaks_mode(spot: Spot, plan: Plan, tag: int, found: object, expected: str, report: Report) -> None:
    report.add(
        "R-P4",
        path=spot.field(tag),
        tag=tag,
        offset=spot.offset_of(tag),
        found=found,
        expected=expected,
        lowered=plan.ffd == "1.0",
    )


def _breaks_reasons(spot: Spot, tag: int, expected: str, report: Report) -> None:
    report.add("R-P5", path=spot.field(tag), tag=tag, offset=spot.offset_of(tag), expected=expected)
