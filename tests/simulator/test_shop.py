from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ofd_gateway.simulator.catalogue import SHOP_KINDS
from ofd_gateway.simulator.fn_document import DocumentCode, QueuedDocument
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.identity import identity_of, inn_is_valid
from ofd_gateway.simulator.settlement import OperationType, VatRate, base_rate
from ofd_gateway.simulator.shop import Operator, Shop
from ofd_gateway.simulator.till import Plan, Till
from ofd_gateway.simulator.virtual_fn import VirtualFn

from .reading import fields_of, number, root_of

OPERATOR = Operator(inn="7704211201", name="ОФД")
NOW = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
PAYMENTS = (1031, 1081, 1215, 1216, 1217)


def till(ffd: Ffd = Ffd.V1_05, *, index: int = 0, seed: int = 1, plan: Plan | None = None) -> Till:
    identity = identity_of(seed, index)
    return Till(
        identity=identity,
        fn=VirtualFn(number=identity.fn, key=b"key", ffd=ffd),
        shop=Shop(identity, ffd=ffd, operator=OPERATOR, seed=seed, index=index),
        plan=plan or Plan(receipts=60, receipts_per_shift=25),
    )


def documents(source: Till, now: datetime = NOW) -> list[QueuedDocument]:
    issued = []
    while (document := source.issue_next(now)) is not None:
        issued.append(document)
    return issued


def decimal(fvln: bytes) -> Decimal:
    return Decimal(int.from_bytes(fvln[1:], "little")).scaleb(-fvln[0])


@pytest.mark.parametrize("ffd", Ffd)
@pytest.mark.parametrize("index", range(8))
def test_receipts_add_up(ffd: Ffd, index: int) -> None:
    receipts = [document for document in documents(till(ffd, index=index)) if document.code is DocumentCode.RECEIPT]
    assert receipts
    for receipt in receipts:
        root = root_of(receipt.container)
        items = [fields_of(item) for item in root[1059]]
        for item in items:
            exact = number(item[1079]) * decimal(item[1023][0])
            assert abs(number(item[1043]) - exact) <= Decimal("0.5")
        assert sum(number(item[1043]) for item in items) == number(root[1020])
        assert sum(number(root[tag]) for tag in PAYMENTS) == number(root[1020])


@pytest.mark.parametrize("index", range(8))
def test_the_vat_of_a_receipt_is_that_of_its_items(index: int) -> None:
    for document in documents(till(index=index)):
        if document.code is not DocumentCode.RECEIPT:
            continue
        root = root_of(document.container)
        by_rate: dict[int, int] = {}
        for item in map(fields_of, root[1059]):
            rate = number(item[1199])
            amount = number(item[1200]) if 1200 in item else number(item[1043])
            by_rate[rate] = by_rate.get(rate, 0) + amount
        told = {rate: number(root[tag]) for rate, tag in ((1, 1102), (2, 1103), (6, 1105)) if tag in root}
        for line in fields_of(root[1115][0])[1119] if 1115 in root else []:
            told[number(fields_of(line)[1199])] = number(fields_of(line)[1120])
        assert told == by_rate


def test_the_base_rate_follows_the_date() -> None:
    assert base_rate(date(2025, 12, 31)) is VatRate.VAT_20
    assert base_rate(date(2026, 1, 1)) is VatRate.VAT_22
    assert VatRate.VAT_22.included_kopecks(122_00) == 22_00
    assert VatRate.VAT_10.included_kopecks(9_999) == 909
    assert VatRate.VAT_0.included_kopecks(500) == 500


def test_before_2025_a_simplified_shop_pays_no_vat() -> None:
    index = next(index for index in range(50) if till(index=index).shop.kind.label == "Кофейня")
    rates = {
        number(fields_of(item)[1199])
        for year in (2024, 2025)
        for document in documents(till(index=index), NOW.replace(year=year))
        if document.code is DocumentCode.RECEIPT
        for item in root_of(document.container)[1059]
    }

    assert rates == {VatRate.NO_VAT, VatRate.VAT_5}


def test_same_seed_same_bytes_and_other_seed_other_bytes() -> None:
    first, again, other = (documents(till(seed=seed)) for seed in (7, 7, 8))

    assert [document.container for document in first] == [document.container for document in again]
    assert {document.container for document in first}.isdisjoint({document.container for document in other})


def test_a_fleet_has_every_kind_of_shop_and_several_time_zones() -> None:
    shops = [till(index=index).shop for index in range(100)]

    assert {shop.kind.label for shop in shops} == {kind.label for kind in SHOP_KINDS}
    assert len({shop.utc_offset for shop in shops}) > 5


def test_every_name_fits_the_character_set_and_the_field() -> None:
    for kind in SHOP_KINDS:
        for product in kind.products:
            assert 0 < len(product.name.encode("cp866")) <= 128


def test_registration_names_owner_operator_and_modes() -> None:
    source = till()
    root = root_of(documents(source)[0].container)

    assert root[1017] == [b"7704211201  "]
    assert number(root[1062]) & source.shop.kind.taxation
    assert inn_is_valid(root[1018][0].decode().strip())
    assert {
        1048,
        1009,
        1187,
        1013,
        1046,
        1001,
        1002,
        1056,
        1108,
        1110,
        1188,
        1189,
        1193,
        1126,
        1207,
        1221,
    } <= root.keys()
    assert 1290 not in root


def test_registration_of_format_1_2_has_one_set_of_signs() -> None:
    marks = {}
    for index in range(30):
        source = till(Ffd.V1_2, index=index)
        root = root_of(documents(source)[0].container)
        marks[source.shop.kind.label] = number(root[1290])
        assert not root.keys() & {1108, 1109, 1110, 1193, 1126, 1207, 1221}

    assert marks["Парикмахерская"] == 512
    assert marks["Продукты"] == 0


def test_the_plan_runs_from_registration_to_the_closed_shift() -> None:
    codes = [document.code for document in documents(till(plan=Plan(receipts=5, receipts_per_shift=2)))]

    assert codes == [1, 2, 3, 3, 5, 2, 3, 3, 5, 2, 3, 5]


def test_a_report_of_the_state_follows_each_nth_receipt() -> None:
    codes = [document.code for document in documents(till(plan=Plan(receipts=4, state_report_every=2)))]

    assert codes == [1, 2, 3, 3, 21, 3, 3, 21, 5]


def test_an_open_plan_ends_with_a_closed_shift_when_told_to() -> None:
    source = till(plan=Plan(receipts=None, receipts_per_shift=10))
    codes = [source.issue_next(NOW) for _ in range(4)]

    ends = [source.issue_next(NOW, closing=True), source.issue_next(NOW, closing=True)]

    assert [document.code for document in codes if document] == [1, 2, 3, 3]
    assert ends[0] is not None
    assert ends[0].code is DocumentCode.SHIFT_CLOSED
    assert ends[1] is None


def test_a_plan_told_to_close_before_it_began_issues_nothing() -> None:
    assert till().issue_next(NOW, closing=True) is None


def test_the_archive_is_closed_once_everything_is_confirmed() -> None:
    source = till(plan=Plan(receipts=1, closes_archive=True))
    issued = documents(source)
    while (oldest := source.fn.oldest) is not None:
        source.fn.confirm(oldest.fd)
    last = source.issue_next(NOW)
    assert last is not None

    assert [document.code for document in issued] == [1, 2, 3, 5]
    assert last.code is DocumentCode.ARCHIVE_CLOSED
    assert {1048, 1009, 1187, 1021} <= root_of(last.container).keys()
    assert source.issue_next(NOW) is None


def test_a_shift_is_closed_before_it_is_too_old() -> None:
    source = till()
    for _ in range(3):
        source.issue_next(NOW)

    closed = source.issue_next(NOW + timedelta(hours=23))

    assert closed is not None
    assert closed.code is DocumentCode.SHIFT_CLOSED


def test_a_clock_that_is_set_back_does_not_stop_the_till() -> None:
    source = till()
    source.issue_next(NOW)

    document = source.issue_next(NOW - timedelta(hours=2))

    assert document is not None
    assert document.issued_at_local == (NOW + source.shop.utc_offset).replace(tzinfo=None, second=0)


@pytest.mark.parametrize(("ffd", "with_items", "with_name"), [
    (Ffd.V1_0, False, True), (Ffd.V1_05, False, True), (Ffd.V1_1, True, True), (Ffd.V1_2, True, False),
])  # fmt: skip
def test_corrections_follow_their_format(ffd: Ffd, with_items: bool, with_name: bool) -> None:
    issued = documents(till(ffd, plan=Plan(receipts=9, correction_every=2)))
    corrections = [root_of(document.container) for document in issued if document.code is DocumentCode.CORRECTION]

    assert len(corrections) == 3
    for root in corrections:
        base = fields_of(root[1174][0])
        assert (1059 in root, 1177 in base) == (with_items, with_name)
        assert number(base[1178]) % 86400 == 0
        assert number(root[1054]) == OperationType.INCOME


def test_some_receipts_are_refunds_some_have_buyers_some_are_prepaid() -> None:
    roots = [
        root_of(document.container)
        for index in range(10)
        for document in documents(till(index=index))
        if document.code is DocumentCode.RECEIPT
    ]

    assert {number(root[1054]) for root in roots} == {1, 2}
    assert any(1008 in root for root in roots)
    assert all(1117 in root for root in roots if 1008 in root)
    assert any(inn_is_valid(root[1228][0].decode().strip()) for root in roots if 1228 in root)
    assert any(number(root[1215]) for root in roots)
    assert any(number(root[1031]) for root in roots)


def test_buyers_of_format_1_2_stand_in_their_own_structure() -> None:
    roots = [
        root_of(document.container)
        for index in range(20)
        for document in documents(till(Ffd.V1_2, index=index))
        if document.code is DocumentCode.RECEIPT
    ]

    buyers = [fields_of(root[1256][0]) for root in roots if 1256 in root]

    assert buyers
    assert all({1227, 1228} == buyer.keys() for buyer in buyers)
    assert not any(1227 in root for root in roots)
