"""One change to a sound document for each rule, which must name that rule and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ofd_gateway.ffd.checks import RULES
from ofd_gateway.ffd.checks.plan import ITEM
from tests.ffd.checks.making import (
    BEFORE_ORDERS,
    CODES,
    FIRST_ORDER,
    INN,
    SECOND_ORDER,
    VALUES,
    Records,
    add,
    child,
    document,
    drop,
    errors,
    item_of,
    judge,
    minimal,
    put,
    u32,
    vln,
)

Change = Callable[[Records], object]

WARNING, ERROR = "warning", "error"
ITEMS_2025 = 1735689600 + 86400 * 40
NOW_2026 = datetime(2026, 7, 1, tzinfo=UTC)


def second_item(records: Records, **_: object) -> Records:
    records.append((ITEM, list(item_of(records))))
    put(records, 1020, vln(20000))
    return put(records, 1031, vln(20000))


def agent(records: Records, bits: int, *tags: int, inn: bool = True) -> Records:
    item = item_of(records)
    put(item, 1222, bytes((bits,)))
    put(item, 1223, [(tag, INN.encode().ljust(12) if tag == 1016 else b"+7495") for tag in tags])
    if inn:
        put(item, 1226, b"000000000000")
    return records


def counters(*, total: int = 300, count: int = 1, everything: int = 1, corrections: int = 0) -> Records:
    group: Records = [(1135, u32(count)), (1136, vln(100)), (1138, vln(200)), (1201, vln(total))]
    return [(1134, u32(everything)), (1129, group), (1133, [(1144, u32(corrections))])]


CASES: list[tuple[str, str, str, int, Change, str]] = [
    # structure
    ("R-T2", ERROR, "1.2", 3, lambda r: put(r, 1040, b"\1\0\0"), "receipt.fiscalDocumentNumber"),
    ("R-T2", ERROR, "1.2", 3, lambda r: put(r, 1040, b""), "receipt.fiscalDocumentNumber"),
    ("R-T2", ERROR, "1.2", 3, lambda r: put(r, 1054, b"\1\0"), "receipt.operationType"),
    ("R-T2", ERROR, "1.2", 3, lambda r: put(r, 1037, b"0000000000024136"), "receipt.kktRegId"),
    ("R-T2", ERROR, "1.0", 3, lambda r: put(r, 1018, b"7802781104"), "receipt.userInn"),
    ("R-T2", ERROR, "1.2", 1, lambda r: put(r, 1213, b"\1\2\3"), "fiscalReport.fdKeyResource"),
    ("R-T3", WARNING, "1.2", 3, lambda r: put(r, 1041, b"99990789020132AA"), "receipt.fiscalDriveNumber"),
    ("R-T3", WARNING, "1.2", 3, lambda r: put(r, 1041, b"99990789020132  "), "receipt.fiscalDriveNumber"),
    ("R-T4", ERROR, "1.2", 3, lambda r: put(r, 1215, b"\0" * 9), "receipt.prepaidSum"),
    ("R-T4", ERROR, "1.2", 3, lambda r: put(item_of(r), 1023, b"\0\1" + b"\0" * 7), "receipt.items[0].quantity"),
    ("R-T5", WARNING, "1.2", 5, lambda r: put(r, 1098, u32(61)), "closeShift.notTransmittedDocumentsDateTime"),
    (
        "R-T5",
        WARNING,
        "1.2",
        31,
        lambda r: put(child(r, 1174), 1178, u32(1)),
        "receiptCorrection.correctionBase.correctionDocumentDate",
    ),
    ("R-T9", WARNING, "1.2", 3, lambda r: put(r, 1048, b"x" * 257), "receipt.user"),
    ("R-T9", WARNING, "1.2", 3, lambda r: put(item_of(r), 1030, b"x" * 129), "receipt.items[0].name"),
    ("R-T9", WARNING, "1.2", 3, lambda r: put(r, 1084, [(1085, b"a" * 64), (1086, b"b" * 256)]), "receipt.properties"),
    # versions
    ("R-V1", WARNING, "1.0", 3, lambda r: put(r, 1209, b"\1"), "receipt.fiscalDocumentFormatVer"),
    ("R-V7", WARNING, "1.2", 2, lambda r: put(r, 1189, b"\3"), "openShift.documentKktVersion"),
    ("R-V7", WARNING, "1.1", 1, lambda r: put(r, 1190, b"\2"), "fiscalReport.documentFdVersion"),
    # presence
    ("R-P1", ERROR, "1.2", 3, lambda r: drop(r, 1055), "receipt.appliedTaxationType"),
    ("R-P1", ERROR, "1.2", 3, lambda r: drop(r, ITEM), "receipt.items[0]"),
    ("R-P1", ERROR, "1.2", 3, lambda r: drop(r, 1031), "receipt.cashTotalSum"),
    ("R-P1", ERROR, "1.2", 1, lambda r: drop(r, 1021), "fiscalReport.operator"),
    ("R-P1", ERROR, "1.2", 3, lambda r: drop(item_of(r), 1214), "receipt.items[0].paymentType"),
    ("R-P1", ERROR, "1.2", 7, lambda r: put(r, 1068, []), "operatorAck.messageToFn.ofdResponseCode"),
    ("R-P1", ERROR, "1.2", 3, lambda r: drop(item_of(r), 1043), "receipt.items[0].sum"),
    ("R-P2", WARNING, "1.2", 3, lambda r: put(r, 1101, b"\1"), "receipt.correctionReasonCode[0]"),
    ("R-P2", WARNING, "1.2", 3, lambda r: put(r, 9999, b"?"), "receipt.9999"),
    ("R-P2", WARNING, "1.2", 3, lambda r: put(item_of(r), 1234, []), "receipt.items[0].allECashProp"),
    ("R-P2", WARNING, "1.2", 3, lambda r: put(r, 1115, b"www.nalog.ru"), "receipt.amountsReceiptNds"),
    ("R-P3", ERROR, "1.2", 3, lambda r: r.append((1009, b"Tver")), "receipt.retailPlaceAddress[1]"),
    ("R-P3", ERROR, "1.2", 3, lambda r: item_of(r).append((1030, b"Tea")), "receipt.items[0].name[1]"),
    ("R-P4", ERROR, "1.2", 1, lambda r: drop(r, 1017), "fiscalReport.ofdInn"),
    ("R-P4", ERROR, "1.2", 1, lambda r: drop(r, 1046), "fiscalReport.ofdName"),
    ("R-P4", ERROR, "1.2", 1, lambda r: put(r, 1002, b"\1"), "fiscalReport.ofdInn"),
    (
        "R-P4",
        ERROR,
        "1.2",
        11,
        lambda r: put(put(drop(r, 1017), 1002, b"\1"), 1056, b"\1"),
        "fiscalReportCorrection.encryptionSign",
    ),
    ("R-P4", ERROR, "1.2", 1, lambda r: put(r, 1001, b"\1"), "fiscalReport.machineNumber"),
    ("R-P4", WARNING, "1.0", 1, lambda r: drop(r, 1046), "fiscalReport.ofdName"),
    ("R-P4", WARNING, "1.0", 1, lambda r: drop(r, 1021), "fiscalReport.operator"),
    (
        "R-P5",
        WARNING,
        "1.2",
        11,
        lambda r: put(put(r, 1205, u32(1)), 1157, [(1134, u32(0))]),
        "fiscalReportCorrection.fiscalDriveSumReports",
    ),
    ("R-P7", WARNING, "1.2", 3, lambda r: put(item_of(r), 1199, b"\2"), "receipt.nds10"),
    ("R-P7", WARNING, "1.2", 3, lambda r: put(r, 1105, b"\0"), "receipt.ndsNo"),
    ("R-P8", WARNING, "1.05", 3, lambda r: drop(item_of(r), 1030), "receipt.items[0].name"),
    ("R-P8", WARNING, "1.05", 3, lambda r: drop(item_of(r), 1079), "receipt.items[0].price"),
    ("R-P8", WARNING, "1.05", 3, lambda r: drop(item_of(r), 1199), "receipt.items[0].nds"),
    ("R-P9", ERROR, "1.2", 3, lambda r: agent(r, 0x10, inn=False), "receipt.items[0].providerInn"),
    ("R-P9", WARNING, "1.05", 3, lambda r: agent(r, 0x10, inn=False), "receipt.items[0].providerInn"),
    ("R-P10", WARNING, "1.2", 3, lambda r: put(r, 1125, b"\1"), "receipt.buyerPhoneOrAddress"),
    ("R-P11", WARNING, "1.2", 2, lambda r: put(r, 1050, b"\0"), "openShift.fiscalDriveExhaustionSign"),
    (
        "R-P11",
        WARNING,
        "1.2",
        21,
        lambda r: put(put(r, 1002, b"\1"), 1097, u32(0)),
        "currentStateReport.notTransmittedDocumentsQuantity",
    ),
    (
        "R-P12",
        ERROR,
        "1.2",
        31,
        lambda r: drop(child(r, 1174), 1178),
        "receiptCorrection.correctionBase.correctionDocumentDate",
    ),
    (
        "R-P12",
        ERROR,
        "1.2",
        31,
        lambda r: put(r, 1173, b"\1"),
        "receiptCorrection.correctionBase.correctionDocumentNumber",
    ),
    (
        "R-P13",
        WARNING,
        "1.2",
        3,
        lambda r: agent(r, 0x01, 1005, 1016, 1026, 1044, 1073),
        "receipt.items[0].paymentAgentData",
    ),
    ("R-P13", WARNING, "1.1", 3, lambda r: agent(r, 0x04), "receipt.items[0].paymentAgentData"),
    ("R-P13", WARNING, "1.05", 3, lambda r: put(r, 1073, b"+7495"), "receipt.paymentAgentPhone[0]"),
    # values
    ("R-X1", ERROR, "1.2", 3, lambda r: put(r, 1054, b"\5"), "receipt.operationType"),
    ("R-X1", ERROR, "1.2", 3, lambda r: put(r, 1055, b"\3"), "receipt.appliedTaxationType"),
    ("R-X1", ERROR, "1.2", 3, lambda r: put(r, 1055, b"\0"), "receipt.appliedTaxationType"),
    ("R-X1", ERROR, "1.0", 3, lambda r: put(r, 1055, b"\x80"), "receipt.appliedTaxationType"),
    ("R-X1", ERROR, "1.2", 3, lambda r: put(item_of(r), 1212, b"\x22"), "receipt.items[0].productType"),
    ("R-X1", ERROR, "1.2", 1, lambda r: put(r, 1290, u32(1)), "fiscalReport.usageConditionSigns"),
    ("R-X1", ERROR, "1.2", 2, lambda r: put(r, 1050, b"\2"), "openShift.fiscalDriveExhaustionSign"),
    ("R-X1", ERROR, "1.2", 3, lambda r: put(r, 1256, [(1245, b"99")]), "receipt.buyerInformation.buyerDocumentCode"),
    ("R-X1", WARNING, "1.0", 3, lambda r: put(item_of(r), 1214, b"\x09"), "receipt.items[0].paymentType"),
    ("R-X1", ERROR, "1.0", 3, lambda r: put(r, 1209, b"\x09"), "receipt.fiscalDocumentFormatVer"),
    ("R-X3", ERROR, "1.05", 31, lambda r: put(r, 1054, b"\2"), "receiptCorrection.operationType"),
    ("R-X3", ERROR, "1.0", 41, lambda r: put(r, 1054, b"\4"), "bsoCorrection.operationType"),
    ("R-X6", WARNING, "1.2", 3, lambda r: put(r, 1018, b"7802781105  "), "receipt.userInn"),
    ("R-X6", WARNING, "1.2", 3, lambda r: put(r, 1018, b"000000000000"), "receipt.userInn"),
    ("R-X6", WARNING, "1.2", 3, lambda r: put(item_of(r), 1226, b"12345       "), "receipt.items[0].providerInn"),
    ("R-X7", WARNING, "1.2", 3, lambda r: put(r, 1037, b"120000130000".ljust(20)), "receipt.kktRegId"),
    ("R-X7", WARNING, "1.2", 1, lambda r: put(r, 1037, b"0000000024000001    "), "fiscalReport.kktRegId"),
    # sums
    ("R-S1", ERROR, "1.2", 3, lambda r: put(item_of(r), 1079, vln(10100)), "receipt.items[0].sum"),
    ("R-S1", WARNING, "1.2", 3, lambda r: put(item_of(r), 1079, vln(10002)), "receipt.items[0].sum"),
    ("R-S1", ERROR, "1.2", 3, lambda r: put(item_of(r), 1023, b""), "receipt.items[0].sum"),
    ("R-S2", ERROR, "1.2", 3, lambda r: put(put(r, 1020, vln(10100)), 1031, vln(10100)), "receipt.totalSum"),
    ("R-S2", WARNING, "1.2", 3, lambda r: put(put(r, 1020, vln(9901)), 1031, vln(9901)), "receipt.totalSum"),
    ("R-S3", ERROR, "1.2", 3, lambda r: put(r, 1217, vln(1)), "receipt.totalSum"),
    ("R-S3", WARNING, "1.0", 3, lambda r: put(r, 1081, vln(99)), "receipt.totalSum"),
    ("R-S3", ERROR, "1.0", 3, lambda r: put(r, 1081, vln(100)), "receipt.totalSum"),
    ("R-S4", WARNING, "1.0", 3, lambda r: put(r, 1071, [(1043, vln(5000))]), "receipt.totalSum"),
    (
        "R-S5",
        WARNING,
        "1.2",
        3,
        lambda r: put(put(item_of(r), 1199, b"\2"), 1200, vln(912)) and put(r, 1103, vln(912)),
        "receipt.items[0].ndsSum",
    ),
    (
        "R-S5",
        WARNING,
        "1.2",
        3,
        lambda r: put(put(item_of(r), 1199, b"\1"), 1200, vln(1667)) and put(r, 1102, vln(1669)),
        "receipt.nds18",
    ),
    ("R-S5", WARNING, "1.2", 3, lambda r: put(r, 1105, vln(9900)), "receipt.ndsNo"),
    ("R-S5", WARNING, "1.2", 3, lambda r: put(item_of(r), 1200, vln(2)), "receipt.items[0].ndsSum"),
    (
        "R-S7",
        WARNING,
        "1.2",
        5,
        lambda r: put(r, 1157, counters(total=301)),
        "closeShift.fiscalDriveSumReports.sellOper.totalSum",
    ),
    (
        "R-S7",
        WARNING,
        "1.2",
        6,
        lambda r: put(r, 1157, counters(everything=3)),
        "closeArchive.fiscalDriveSumReports.totalReceiptBsoCount",
    ),
    (
        "R-S7",
        WARNING,
        "1.2",
        5,
        lambda r: put(r, 1194, counters(corrections=2, everything=2)),
        "closeShift.shiftSumReports.totalReceiptBsoCount",
    ),
    # time
    ("R-Q6", ERROR, "1.2", 3, lambda r: put(r, 1012, u32(1472687999)), "receipt.dateTime"),
    ("R-Q6", ERROR, "1.2", 3, lambda r: put(r, 1012, u32(1717246800 + 86401)), "receipt.dateTime"),
]


@pytest.mark.parametrize(("rule", "severity", "ffd", "code", "change", "path"), CASES)
def test_one_change_breaks_one_rule(rule: str, severity: str, ffd: str, code: int, change: Change, path: str) -> None:
    records = minimal(code, ffd)
    change(records)
    assert judge(code, records, ffd=ffd) == [(rule, severity, path)]


def test_every_rule_of_a_single_document_is_covered() -> None:
    elsewhere = {"R-T1", "R-M1", "R-P5", "R-X4", "R-S6"}
    sequence = {rule.id for rule in RULES.values() if rule.group == "sequence"} | {
        "R-V2",
        "R-V6",
        "R-X2",
        "R-X5",
        "R-X8",
    }
    assert {case[0] for case in CASES} | elsewhere | sequence == set(RULES)


@pytest.mark.parametrize("ffd", ["1.0", "1.05", "1.1", "1.2"])
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("issued_at", [BEFORE_ORDERS, FIRST_ORDER, SECOND_ORDER])
def test_the_least_a_table_demands_is_sound(ffd: str, code: int, issued_at: int) -> None:
    assert judge(code, minimal(code, ffd, issued_at=issued_at), ffd=ffd) == []


# rules with more than one thing to say, and what they let pass


def test_reasons_of_a_reregistration_stand_in_the_tag_of_their_version() -> None:
    records = put(minimal(11, "1.2"), 1101, b"\1")
    assert [one[0] for one in judge(11, records)] == ["R-P2", "R-P5"]
    assert [one[0] for one in judge(11, put(minimal(11, "1.05"), 1205, u32(1)))] == ["R-P2", "R-P5"]


def test_counters_are_not_sent_with_a_new_fn_also_in_the_old_format() -> None:
    records = put(put(minimal(11, "1.05"), 1101, b"\1"), 1157, [(1134, u32(0))])
    assert ("R-P5", WARNING, "fiscalReportCorrection.fiscalDriveSumReports") in judge(11, records)


def test_a_credit_payment_is_the_only_item() -> None:
    records = second_item(minimal(3, "1.2"))
    _, second = (value for tag, value in records if tag == ITEM)
    assert isinstance(second, list)
    put(second, 1214, b"\7")
    assert judge(3, records) == [("R-X4", WARNING, "receipt.items[1]")]
    alone = minimal(3, "1.2")
    put(item_of(alone), 1214, b"\7")
    assert judge(3, alone) == []


def vat_2025(code: int, tax: int | None, *, stated: int | None) -> Records:
    records = minimal(3, "1.2")
    put(item_of(records), 1199, bytes((code,)))
    if tax is not None:
        put(item_of(records), 1200, vln(tax))
    if stated is not None:
        put(records, 1115, [(1119, [(1199, bytes((code,))), (1120, vln(stated))])])
    return records


@pytest.mark.parametrize(("code", "tax"), [(7, 476), (9, 476), (8, 654), (10, 654), (11, 1803), (12, 1803)])
def test_rates_of_2025_and_2026(code: int, tax: int) -> None:
    recent = vat_2025(code, tax, stated=tax)
    put(recent, 1012, u32(1767225600))
    assert judge(3, recent, now=NOW_2026) == []
    assert judge(3, vat_2025(code, tax, stated=tax), now=NOW_2026) == [("R-S6", WARNING, "receipt")]
    missing = put(vat_2025(code, None, stated=None), 1012, u32(1767225600))
    assert judge(3, missing, now=NOW_2026) == [("R-P7", WARNING, "receipt.amountsReceiptNds")]
    wrong = put(vat_2025(code, tax, stated=tax + 2), 1012, u32(1767225600))
    assert judge(3, wrong, now=NOW_2026) == [("R-S5", WARNING, "receipt.amountsReceiptNds")]


def test_the_base_rate_was_18_before_2019() -> None:
    records = minimal(3, "1.05", issued_at=1546300799)
    put(put(item_of(records), 1199, b"\1"), 1200, vln(1525))
    put(records, 1102, vln(1525))
    assert judge(3, records) == []
    assert [one[0] for one in judge(3, put(records, 1012, u32(1546300800)))] == ["R-S5"]


def test_tax_of_an_item_in_the_format_of_2016() -> None:
    records = minimal(3, "1.0")
    item = drop(item_of(records), 1199)
    put(item, 1103, vln(909))
    put(records, 1103, vln(909))
    assert judge(3, records) == []
    put(item, 1103, vln(1909))
    assert judge(3, records) == [
        ("R-S5", WARNING, "receipt.items[0].nds10"),
        ("R-S5", WARNING, "receipt.nds10"),
    ]
    drop(item, 1103)
    put(item, 1104, vln(10000))
    put(drop(records, 1103), 1104, vln(10000))
    assert judge(3, records) == []


def test_two_taxes_in_one_item_are_only_added_up() -> None:
    records = minimal(3, "1.0")
    add(drop(item_of(records), 1199), (1102, vln(5)), (1103, vln(7)))
    add(records, (1102, vln(5)), (1103, vln(7)))
    assert judge(3, records) == []


def test_entries_without_a_rate_or_without_items_are_not_compared() -> None:
    records = put(minimal(3, "1.2"), 1115, [(1119, [(1199, b""), (1120, vln(9))])])
    assert [one[0] for one in judge(3, records)] == ["R-T2"]
    correction = put(minimal(31, "1.05"), 1115, [(1119, [(1199, b"\7"), (1120, vln(9))])])
    put(correction, 1012, u32(ITEMS_2025))
    assert judge(31, correction, now=NOW_2026) == []


def test_text_in_a_structure_of_2016_is_no_fault_beside_another() -> None:
    records = put(put(minimal(3, "1.0"), 1084, b"anything"), 1054, b"\5")
    assert [one[0] for one in judge(3, records)] == ["R-X1"]


def test_the_tax_of_a_receipt_is_not_compared_when_an_item_names_no_rate() -> None:
    records = minimal(3, "1.05")
    put(drop(item_of(records), 1199), 1030, b"Tea")
    put(put(records, 1055, b"\2"), 1102, vln(5))
    assert judge(3, records) == []


def test_a_storno_and_discounts_of_the_format_of_2016() -> None:
    records = second_item(minimal(3, "1.0"))
    put(put(records, 1020, vln(15000)), 1031, vln(15000))
    put(records, 1071, [(1043, vln(5000))])
    assert judge(3, records) == []
    put(records, 1112, [(1064, vln(1000))])
    put(put(records, 1020, vln(14000)), 1031, vln(14000))
    assert judge(3, records) == []
    put(records, 1112, [(1035, vln(1000))])
    assert judge(3, records) == [("R-S4", WARNING, "receipt.totalSum")]


def test_a_discount_of_an_item_and_a_marked_fraction_are_not_multiplied_out() -> None:
    old = minimal(3, "1.0")
    put(put(item_of(old), 1112, [(1064, vln(1))]), 1079, vln(20000))
    assert judge(3, old) == []
    marked = minimal(3, "1.2")
    put(put(item_of(marked), 1291, [(1293, vln(1)), (1294, vln(2))]), 1079, vln(20000))
    assert judge(3, marked) == []


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        (7999, "03340100", 2464),
        (26159, "03f603", 26526),
        (26159, "03f603", 26525),
        (333, "0640420f00", 333),
        (100, "03e803", 100),
        (1, "ff01", 1),
        (1, "ff01", 0),
    ],
)
def test_quantities_are_compared_as_decimals(price: int, quantity: str, amount: int) -> None:
    records = minimal(3, "1.2")
    item = item_of(records)
    put(put(put(item, 1079, vln(price)), 1023, bytes.fromhex(quantity)), 1043, vln(amount))
    put(put(records, 1020, vln(amount)), 1031, vln(amount))
    assert judge(3, records) == []


def test_free_content_of_the_format_of_2016() -> None:
    records = minimal(3, "1.0")
    put(records, 1084, b"anything")
    put(item_of(records), 1112, b"\xff")
    put(records, 1069, [(9999, b"")])
    assert judge(3, records) == []


def test_an_unknown_document_is_told_once() -> None:
    assert judge(99, [(1041, b"?")], ffd="1.2") == [("R-P2", WARNING, "99")]
    assert judge(81, [(1041, b"?")], ffd="1.0") == [("R-P2", WARNING, "81")]


def test_a_pilot_registration_before_the_first_day_is_a_warning() -> None:
    records = minimal(1, "1.0", issued_at=1472687999)
    assert judge(1, records) == [("R-Q6", WARNING, "fiscalReport.dateTime")]
    assert errors(judge(1, minimal(1, "1.05", issued_at=1472687999)))[0][0] == "R-Q6"


def test_reports_of_2016_may_lack_what_the_order_of_2017_brought() -> None:
    early = drop(minimal(1, "1.0", issued_at=BEFORE_ORDERS), 1108, 1110)
    assert judge(1, early) == []
    later = drop(minimal(1, "1.0", issued_at=FIRST_ORDER), 1108, 1110)
    assert [one[0] for one in judge(1, later)] == ["R-P1", "R-P1"]


def test_a_document_without_a_date_holds_what_both_orders_demand() -> None:
    undated = drop(minimal(5, "1.05"), 1012)
    assert judge(5, undated) == [("R-P1", ERROR, "closeShift.dateTime")]
    put(undated, 1012, b"")
    assert judge(5, undated) == [("R-T2", ERROR, "closeShift.dateTime")]


def test_no_cashier_in_an_automatic_machine() -> None:
    records = drop(minimal(1, "1.2"), 1021)
    put(put(records, 1001, b"\1"), 1036, b"7")
    assert judge(1, records) == []


def test_an_autonomous_register_names_no_operator() -> None:
    records = drop(minimal(1, "1.2"), 1046)
    put(put(records, 1002, b"\1"), 1017, b"000000000000")
    assert judge(1, records) == []


def test_corrections_of_all_four_operations_since_the_second_order() -> None:
    assert judge(31, put(minimal(31, "1.2"), 1054, b"\2")) == []
    assert judge(31, put(minimal(31, "1.1"), 1054, b"\4")) == []
    early = put(minimal(31, "1.1", issued_at=FIRST_ORDER), 1054, b"\4")
    assert [one[0] for one in judge(31, early)] == ["R-X3"]


def test_items_where_a_document_has_none() -> None:
    records = minimal(31, "1.0")
    records.append((ITEM, [(1043, vln(1))]))
    assert judge(31, records, ffd="1.0") == [("R-P2", WARNING, "receiptCorrection.items[0]")]


def test_items_apart_from_each_other_are_judged_like_items_together() -> None:
    records = second_item(minimal(3, "1.2"))
    records.sort(key=lambda record: record[0] != ITEM)
    records.append(records.pop(0))
    put(records[-1][1], 1212, b"\x63")  # type: ignore[arg-type]
    assert judge(3, records) == [("R-X1", ERROR, "receipt.items[1].productType")]


def test_data_of_an_agent_may_stand_in_the_root_before_1_2() -> None:
    records = agent(minimal(3, "1.05"), 0x04)
    add(records, (1057, b"\4"), (1073, b"+7"), (1074, b"+7"))
    assert judge(3, records) == []
    assert judge(3, agent(minimal(3, "1.05"), 0)) == []


def test_an_internet_settlement_with_site_and_address() -> None:
    records = put(put(minimal(3, "1.2"), 1125, b"\1"), 1008, b"a@b.ru")
    assert judge(3, records) == []
    old = put(put(minimal(3, "1.05"), 1108, b"\0"), 1008, b"a@b.ru")
    assert judge(3, old) == []
    assert judge(3, put(old, 1108, b"\1")) == [("R-P10", WARNING, "receipt.retailPlace")]


def test_an_item_that_cannot_be_read_leaves_totals_alone() -> None:
    records = minimal(3, "1.2")
    put(item_of(records), 1043, b"\0" * 9)
    put(records, 1102, vln(7))
    assert judge(3, records) == [("R-T4", ERROR, "receipt.items[0].sum")]


def test_an_item_longer_than_the_format_allows() -> None:
    records = minimal(3, "1.2")
    put(item_of(records), 1260, [(1262, b"001"), (1263, b"01.01.2024"), (1264, b"n" * 32), (1265, b"v" * 250)])
    assert judge(3, records) == []
    for _ in range(3):
        item_of(records).append((1260, [(1265, b"v" * 256)]))
    assert ("R-T9", WARNING, "receipt.items[0]") in judge(3, records)


def test_counters_that_add_up() -> None:
    records = put(put(minimal(5, "1.2"), 1157, counters()), 1194, counters(corrections=2, everything=3))
    put(child(records, 1194), 1133, [(1144, u32(2)), (1145, [(1135, u32(2)), (1201, vln(10))])])
    assert judge(5, records) == []
    put(child(records, 1194), 1133, [(1144, u32(2)), (1145, [(1135, u32(2)), (1136, b""), (1201, vln(10))])])
    assert judge(5, records) == [
        ("R-S7", WARNING, "closeShift.shiftSumReports.receiptCorrection.sellCorrection.totalSum")
    ]


def test_values_of_a_confirmation() -> None:
    records = put(minimal(7, "1.2"), 1068, [(1022, b"\x0e")])
    assert judge(7, records, ffd="1.2") == []
    assert judge(7, put(records, 1068, [(1022, b"\1")]), ffd="1.2")[0][0] == "R-X1"


def test_what_a_violation_says() -> None:
    from ofd_gateway.ffd.checks import check
    from tests.ffd.checks.making import NOW

    records = minimal(3, "1.2")
    put(item_of(records), 1079, vln(20050))
    (found,) = check(document(3, records), now=NOW)
    assert (found.rule, found.tag, found.found, found.expected) == ("R-S1", 1043, "100.00", "200.50")
    made = document(3, records)
    assert found.offset is not None
    assert made.raw[found.offset : found.offset + 4] == b"\x13\x04\x02\x00"
    assert VALUES[1043] == vln(10000)
