"""Whatever has a name that others rely on stands in the documentation; what stands there exists."""

from __future__ import annotations

import fnmatch
import re
import sys
from typing import get_args

import pytest
from pages import DOCS, ROOT, first_cells, page, read
from pydantic import BaseModel
from sources import ANYTHING, SOURCE, logged_events, reasons

from ofd_gateway.metrics import Metrics
from ofd_gateway.protocol.errors import Reason
from ofd_gateway.settings import ENVIRONMENT_PREFIX, Settings


def test_every_event_is_documented_and_no_other():
    logged = set(logged_events())
    patterns = {event for event in logged if ANYTHING in event}
    documented = set(first_cells(page("operations.md"), "Events"))
    composed = {pattern: set(fnmatch.filter(documented, pattern)) for pattern in patterns}
    assert [pattern for pattern, events in composed.items() if not events] == []
    assert documented - set().union(*composed.values()) == logged - patterns


def test_every_metric_is_documented_and_no_other():
    kinds = re.findall(r"^# TYPE (ofd_gateway_\w+) (\w+)$", Metrics().render().decode(), re.MULTILINE)
    served = {
        name.removesuffix("_total"): kind
        for name, kind in kinds
        if not name.endswith("_created") and not name.startswith("ofd_gateway_process_")
    }
    rows = re.findall(r"^\| `(ofd_gateway_\w+)` \| (\w+) \|", page("operations.md"), re.MULTILINE)
    assert dict(rows) == served


def setting_names(fields, path=()):
    for name, field in fields.items():
        kind = field.annotation
        # A group refuses unknown keys; an address is one value, however it is kept.
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.model_config.get("extra") == "forbid":
            yield from setting_names(kind.model_fields, (*path, name))
        else:
            yield (*path, name)


SETTINGS = sorted(setting_names(Settings.model_fields))


def test_there_are_settings():
    assert ("listen",) in SETTINGS
    assert ("intake", "message_timeout") in SETTINGS


@pytest.mark.parametrize("path", SETTINGS, ids=".".join)
def test_every_setting_is_documented(path):
    variable = ENVIRONMENT_PREFIX + "__".join(path).upper()
    assert re.search(rf"\b{variable}\b", page("configuration.md")), variable


def test_no_other_setting_is_documented():
    known = {ENVIRONMENT_PREFIX + "__".join(path).upper() for path in SETTINGS}
    known |= {ENVIRONMENT_PREFIX + name for name in ("CONFIG", "SECRETS_DIR", "TEST_DATABASE")}
    named = {
        name.rstrip("_")
        for path in [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
        for name in re.findall(rf"\b{ENVIRONMENT_PREFIX}[A-Z][A-Z_]*\b", read(path))
    }
    assert named - known == set()


def test_every_command_and_option_is_documented():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import document_commands
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    assert page("commands.md") == document_commands.page(), "run `make docs`"


PROTOCOL_REASONS = set(get_args(Reason))
BODY_REASONS = reasons(SOURCE / "crypto.py", frozenset({"BodyUnreadable"})) | reasons(
    SOURCE / "intake", frozenset({"Unreadable"})
)
FORMAT_REASONS = reasons(SOURCE / "ffd", frozenset({"BrokenTlv", "FormatError"}))


def test_the_reasons_are_found():
    assert {"session_signature", "container_crc", "truncated"} <= PROTOCOL_REASONS
    assert {"tlv_truncated", "tlv_overrun"} <= FORMAT_REASONS
    assert {"encrypted_or_corrupt", "document_code", "unknown_fn"} <= BODY_REASONS


@pytest.mark.parametrize("reason", sorted(PROTOCOL_REASONS))
def test_every_reason_of_the_protocol_is_documented(reason):
    assert f"`{reason}`" in page("protocol.md")


@pytest.mark.parametrize("reason", sorted(BODY_REASONS | FORMAT_REASONS))
def test_every_reason_of_an_unreadable_body_is_documented(reason):
    assert f"`{reason}`" in page("server-behaviour.md")


def test_every_check_is_documented():
    from ofd_gateway.ffd.checks import RULES

    rules = RULES.values() if hasattr(RULES, "values") else RULES
    identifiers = {rule.id for rule in rules}
    assert identifiers
    assert {identifier for identifier in identifiers if f"`{identifier}`" not in page("checks.md")} == set()


def test_every_alert_rule_is_documented():
    from ofd_gateway.alerts.rules import RULES

    names = {rule.name for rule in RULES}
    assert names
    assert {name for name in names if f"`{name}`" not in page("alerts.md")} == set()


def test_every_fault_and_its_keys_are_documented_and_no_other():
    from ofd_gateway.faults import CATALOGUE, CONDITIONS, PARAMETERS

    cells = re.findall(r"^\| `(\w+)` \|", page("faults.md"), re.MULTILINE)
    assert cells == [*(what.value for what in CATALOGUE), *PARAMETERS, *CONDITIONS]


def test_every_address_of_the_api_is_documented():
    from ofd_gateway.web.openapi import openapi_document

    named = set(re.findall(r"(/v1/[a-z/{}.]+)", page("http-api.md")))
    assert {path for path in openapi_document()["paths"] if path not in named} == set()
