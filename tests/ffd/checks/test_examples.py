"""Captured documents: sound, but for the one that a real operator answered with code 14."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from ofd_gateway.ffd import decode, from_fns_json
from ofd_gateway.ffd.checks import check, response_code

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)

FOUND: dict[str, list[tuple[str, str, str, str]]] = {
    "confirmation_1.2_2024_taxcom_code0": [],
    "confirmation_1.2_2024_taxcom_code14": [],
    "receipt_1.05_2018-10_market": [],
    "receipt_1.0_2017-08_leroy": [],
    "receipt_1.0_2018-05_x5_rounded_total": [
        ("R-S2", "warning", "receipt.totalSum", "the total is rounded down to whole roubles, which is lawful"),
    ],
    "registration_1.0_2016_yandex_test": [
        ("R-Q6", "warning", "fiscalReport.dateTime", "made in April 2016, before documents were exchanged"),
        ("R-X7", "warning", "fiscalReport.kktRegId", "an invented number of 13 digits"),
        ("R-X6", "warning", "fiscalReport.userInn", "an invented INN"),
        ("R-P4", "warning", "fiscalReport.ofdInn", "test data without the operator's INN"),
    ],
    "reregistration_1.2_2024_mcublog": [
        ("R-P1", "error", "fiscalReportCorrection.retailPlaceAddress", "1009 is mandatory; answered with 14"),
        ("R-P1", "error", "fiscalReportCorrection.user", "1048 is mandatory; answered with 14"),
    ],
}
"""Rule, severity, path, and why it is so."""


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_captured_document(reference: Path, name: str) -> None:
    plain = bytes.fromhex((reference / "ffd" / "examples" / f"{name}.tlv.hex").read_text())
    found = check(decode(plain), now=NOW)
    assert [(one.rule, one.severity.value, one.path) for one in found] == [line[:3] for line in FOUND[name]]
    assert response_code(found) == (14 if "reregistration" in name else 0)


def test_every_capture_is_in_the_table(reference: Path) -> None:
    folder = reference / "ffd" / "examples"
    assert {path.name.removesuffix(".tlv.hex") for path in folder.glob("*.tlv.hex")} == set(FOUND)


def test_the_captured_message_lacks_two_tags_and_nothing_else(reference: Path) -> None:
    message = bytes.fromhex((reference / "vectors" / "kkt_ffd12_rereg_fd1_full_message.hex").read_text())
    found = check(decode(message[62:-10]), now=NOW)
    assert [(one.rule, one.tag, one.severity.value) for one in found] == [
        ("R-P1", 1009, "error"),
        ("R-P1", 1048, "error"),
    ]


def test_a_real_receipt_known_as_json_only(reference: Path) -> None:
    text = (reference / "ffd" / "examples" / "receipt_1.2_2022-11_magnit.json").read_text()
    document = decode(from_fns_json({"receipt": msgspec.json.decode(text)}))
    assert (document.ffd, check(document, now=NOW)) == ("1.2", ())
