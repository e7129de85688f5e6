"""Collects the violations of one document, bounded (список нарушений)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.catalogue import RULES
from ofd_gateway.ffd.checks.violation import Severity, Violation

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.policy import CheckPolicy
    from ofd_gateway.ffd.document import Document

__all__ = ["MORE_RULE", "Report"]

MORE_RULE: Final = "R-M1"
"""The entry that says how many violations were left out."""

_SHOWN_BYTES: Final = 32


class Report:
    """Takes violations in the order they are found; errors go before warnings when there are too many."""

    __slots__ = ("_document", "_errors", "_found", "_omits_error", "_policy", "_warnings")

    def __init__(self, policy: CheckPolicy, document: Document) -> None:
        self._document = document
        self._policy = policy
        self._found = 0
        self._errors: list[tuple[int, Violation]] = []
        self._warnings: list[tuple[int, Violation]] = []
        self._omits_error = False

    def add(
        self,
        rule: str,
        *,
        path: str,
        tag: int | None = None,
        offset: int | None = None,
        found: object = "",
        expected: object = "",
        lowered: bool = False,
    ) -> None:
        """One violation; `lowered` makes an error of the catalogue a warning, unless the policy names the rule."""
        default = Severity.WARNING if lowered else RULES[rule].severity
        severity = self._policy.severity_of(rule, default)
        if severity is None:
            return
        self._found += 1
        kept = self._errors if severity is Severity.ERROR else self._warnings
        if len(kept) >= self._policy.limit:
            self._omits_error |= severity is Severity.ERROR
            return
        violation = Violation(
            rule=rule,
            severity=severity,
            path=path,
            tag=tag,
            offset=offset,
            found=_shown(found),
            expected=_shown(expected),
        )
        kept.append((self._found, violation))

    def violations(self) -> tuple[Violation, ...]:
        """What was found, in order, with one entry at the end for what was left out."""
        if not self._found:
            return ()
        room = self._policy.limit - len(self._errors)
        listed = sorted(self._errors + self._warnings[:room], key=lambda entry: entry[0])
        violations = [violation for _, violation in listed]
        omitted = self._found - len(violations)
        severity = self._policy.severity_of(MORE_RULE, Severity.ERROR if self._omits_error else Severity.WARNING)
        if omitted and severity is not None:
            violations.append(
                Violation(rule=MORE_RULE, severity=severity, path=self._document.kind, found=str(omitted))
            )
        return tuple(violations)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        text = value[:_SHOWN_BYTES].hex(" ")
        return f"{text} …" if len(value) > _SHOWN_BYTES else text
    return str(value)
