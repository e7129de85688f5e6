"""What the rules found, in the log and in the metrics, once it is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from ofd_gateway.alerts.model import TransitionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ofd_gateway.alerts.engine import RuleFailure
    from ofd_gateway.alerts.model import Transition
    from ofd_gateway.metrics import Metrics

__all__ = ["AlertReporter"]


class _Finding(Protocol):
    @property
    def customer_inn(self) -> str | None: ...

    @property
    def change(self) -> Transition: ...


class _Outcome(Protocol):
    @property
    def findings(self) -> Iterable[_Finding]: ...

    @property
    def failures(self) -> Iterable[tuple[str, RuleFailure]]: ...


class AlertReporter:
    """One line and one count for each change of an alert and for each rule that failed.

    `on_news` hears that something was found, so that letters need not wait to be looked for.
    """

    def __init__(self, metrics: Metrics, on_news: Callable[[], object] = lambda: None) -> None:
        self._metrics = metrics
        self._on_news = on_news
        self._log = structlog.get_logger()

    def __call__(self, outcome: _Outcome) -> None:
        """Reports one outcome."""
        for finding in outcome.findings:
            self._report(finding)
        for watch, failure in outcome.failures:
            self._metrics.alert_failures.labels(failure.rule).inc()
            self._log.error("alert.rule_failed", rule=failure.rule, watch=watch, exc_info=failure.error)
        if outcome.findings:
            self._on_news()

    def _report(self, finding: _Finding) -> None:
        change = finding.change
        self._metrics.alert_changes.labels(change.rule, change.kind.value).inc()
        fields = {
            "type": change.type.value,
            "rule": change.rule,
            "alert_level": change.level.name,
            "subject": change.subject.id,
            "customer": finding.customer_inn,
            "episode": change.episode,
        }
        match change.kind:
            case TransitionKind.OPENED:
                self._log.warning("alert.opened", **fields)
            case TransitionKind.RAISED:
                self._log.warning("alert.raised", **fields)
            case TransitionKind.RESOLVED:
                self._log.info("alert.resolved", **fields)
