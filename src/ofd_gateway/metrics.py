"""Prometheus metrics of one gateway; every name begins with `ofd_gateway_`."""

from __future__ import annotations

import os
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector

from ofd_gateway.counting import Counter, Histogram, write_gathered

__all__ = ["Metrics"]

_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_REQUEST_SECONDS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_BATCH_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """All counters, gauges and histograms, in a registry of their own.

    With `PROMETHEUS_MULTIPROC_DIR` in the environment (several workers) `render` adds up the values of all processes.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it
        registry = CollectorRegistry()
        self._registry = registry
        self.connections = Gauge(
            "ofd_gateway_connections", "Open connections of registers", registry=registry, multiprocess_mode="livesum"
        )
        self.connections_opened = Counter(
            "ofd_gateway_connections_opened", "Connections taken from registers", registry=registry
        )
        self.connections_refused = Counter(
            "ofd_gateway_connections_refused",
            "Connections closed because a limit was reached",
            ["limit"],
            registry=registry,
        )
        self.messages = Counter(
            "ofd_gateway_messages",
            "Complete messages by outcome: accepted, repeated, conflict, unreadable, rejected, unstored, service",
            ["outcome"],
            registry=registry,
        )
        self.rejections = Counter(
            "ofd_gateway_rejections",
            "Messages refused, by reason (docs/protocol.md lists the reasons)",
            ["reason"],
            registry=registry,
        )
        self.documents = Counter(
            "ofd_gateway_documents", "Documents stored, by kind and format version", ["kind", "ffd"], registry=registry
        )
        self.confirmations = Counter(
            "ofd_gateway_confirmations", "Confirmations sent, by response code (1022)", ["code"], registry=registry
        )
        self.violations = Counter(
            "ofd_gateway_violations",
            "Violations of format-logical checks, by rule and severity",
            ["rule", "severity"],
            registry=registry,
        )
        self.quarantined = Counter(
            "ofd_gateway_quarantined", "Messages put into quarantine, by reason", ["reason"], registry=registry
        )
        self.batch_documents = Histogram(
            "ofd_gateway_batch_documents", "Documents in one transaction", buckets=_BATCH_SIZES, registry=registry
        )
        self.commit_seconds = Histogram(
            "ofd_gateway_commit_seconds",
            "Duration of one transaction, COMMIT included",
            buckets=_SECONDS,
            registry=registry,
        )
        self.confirmation_seconds = Histogram(
            "ofd_gateway_confirmation_seconds",
            "From the last byte of a message to the confirmation written",
            buckets=_SECONDS,
            registry=registry,
        )
        self.store_failures = Counter(
            "ofd_gateway_store_failures",
            "Transactions that failed, by what is known of their outcome (no, unknown)",
            ["committed"],
            registry=registry,
        )
        self.alert_changes = Counter(
            "ofd_gateway_alert_changes",
            "Alerts opened, raised and resolved, by rule and kind of change",
            ["rule", "kind"],
            registry=registry,
        )
        self.alert_failures = Counter(
            "ofd_gateway_alert_failures",
            "Failures of rules; alerts of the others go on (`facts`: an event could not be read, `storage`: a state)",
            ["rule"],
            registry=registry,
        )
        self.faults_applied = Counter(
            "ofd_gateway_faults_applied",
            "Answers spoilt on purpose, by fault; they are not among the confirmations",
            ["what"],
            registry=registry,
        )
        self.database_up = Gauge(
            "ofd_gateway_database_up",
            "1 while the database takes transactions",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.database_up.set(1)  # a worker that has just begun must not speak for all: the least value counts
        self.database_restarts = Counter(
            "ofd_gateway_database_restarts", "Times the embedded database was brought back", registry=registry
        )
        self.worker_restarts = Counter(
            "ofd_gateway_worker_restarts", "Times a dead worker was replaced", registry=registry
        )
        self.letters = Counter(
            "ofd_gateway_letters",
            "Attempts with letters by outcome: sent, deferred, refused, address_dead, given_up, unplanned",
            ["outcome"],
            registry=registry,
        )
        self.fns_answers = Counter(
            "ofd_gateway_fns_answers",
            "Documents by what the tax service said: accepted, soft_quarantine, hard_quarantine, refused; postponed "
            "also counts documents without any answer",
            ["status"],
            registry=registry,
        )
        self.fns_requests = Counter(
            "ofd_gateway_fns_requests",
            "Requests to the tax service by outcome: answered, or the trouble (unreachable, timeout, http_500, ...)",
            ["outcome"],
            registry=registry,
        )
        self.fns_request_seconds = Histogram(
            "ofd_gateway_fns_request_seconds",
            "Duration of one request to the tax service",
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self.fns_queue = Gauge(
            "ofd_gateway_fns_queue",
            "Documents that wait for the tax service, in the whole database",
            registry=registry,
            multiprocess_mode="max",
        )
        self.fns_oldest_seconds = Gauge(
            "ofd_gateway_fns_oldest_seconds",
            "Age of the oldest document that waits for the tax service, 0 without any",
            registry=registry,
            multiprocess_mode="max",
        )
        self.fns_endpoint_up = Gauge(
            "ofd_gateway_fns_endpoint_up",
            "1 while the endpoint of the tax service answers",
            registry=registry,
            multiprocess_mode="max",
        )
        self.receipt_checks = Counter(
            "ofd_gateway_receipt_checks",
            "Requests for the page of a receipt by outcome: found, not_found, limited, unavailable",
            ["outcome"],
            registry=registry,
        )
        self.buyer_messages = Counter(
            "ofd_gateway_buyer_messages",
            "Messages to buyers by channel (email, sms, none) and outcome: what was planned, attempted and reported",
            ["channel", "outcome"],
            registry=registry,
        )
        self.buyer_queue = Gauge(
            "ofd_gateway_buyer_queue",
            "What waits on its way to buyers: receipts not looked at (unplanned), messages by channel",
            ["waiting"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        # The library's own: the thread that writes the log counts too.
        self.log_lines_dropped = prometheus_client.Counter(
            "ofd_gateway_log_lines_dropped", "Log lines lost because nobody read them", registry=registry
        )
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            ProcessCollector(namespace="ofd_gateway", registry=registry)

    def render(self) -> bytes:
        """The exposition text, ASCII, one sample a line."""
        write_gathered()
        return generate_latest(self._merged())

    def database_is_up(self) -> bool:
        """Whether the last transaction of every process worked."""
        return self._merged().get_sample_value("ofd_gateway_database_up") != 0

    def _merged(self) -> CollectorRegistry:
        """What is counted here or, with several workers, in all of them."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self._registry
        merged = CollectorRegistry()
        MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
        return merged
