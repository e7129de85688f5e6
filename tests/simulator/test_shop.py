from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ofd_gateway.simulator.catalogue import RARE_SHOP_KINDS, SHOP_KINDS
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
SALES = (DocumentCode.RECEIPT, DocumentCode.BSO)


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
    receipts = [document for document in documents(till(ffd, index=index)) if document.code in SALES]
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
        if document.code not in SALES:
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

    assert {shop.kind.label for shop in shops} == {kind.label for kind in SHOP_KINDS + RARE_SHOP_KINDS}
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

    assert marks["Парикмахерская"] == 1 << 9
    assert marks["Химчистка"] == 1 << 9 | 1 << 2
    assert marks["Продукты"] == marks["Аптека"] == 1 << 8
    assert marks["Электроника"] == 0


def test_a_shop_of_services_issues_forms_of_strict_accounting() -> None:
    issued = documents(till(index=5, plan=Plan(receipts=9, correction_every=2, state_report_every=0)))

    assert {document.code for document in issued} == {1, 2, 4, 41, 5}


def test_a_shop_that_buys_pays_out() -> None:
    roots = [root_of(document.container) for document in documents(till(index=7)) if document.code in SALES]

    assert {number(root[1054]) for root in roots} == {OperationType.OUTLAY, OperationType.OUTLAY_RETURN}


@pytest.mark.parametrize("ffd", Ffd)
def test_an_agent_names_its_supplier(ffd: Ffd) -> None:
    issued = documents(till(ffd, index=6))
    registration = root_of(issued[0].container)
    items = [
        fields_of(item)
        for document in issued
        if document.code is DocumentCode.RECEIPT
        for item in root_of(document.container)[1059]
    ]

    agents = {number(item[1222]) for item in items if 1222 in item}
    assert agents == (set() if ffd is Ffd.V1_0 else {4, 32})
    assert (1057 in registration) is (ffd in (Ffd.V1_05, Ffd.V1_1))
    for item in items:
        if 1222 in item:
            assert inn_is_valid(item[1226][0].decode().strip())
            assert (1223 in item) is (number(item[1222]) == 4)


@pytest.mark.parametrize(("ffd", "tag"), [(Ffd.V1_0, None), (Ffd.V1_05, 1162), (Ffd.V1_1, 1162), (Ffd.V1_2, 1163)])
def test_a_marked_piece_carries_its_code(ffd: Ffd, tag: int | None) -> None:
    items = [
        fields_of(item)
        for index in range(5)
        for document in documents(till(ffd, index=index))
        if document.code is DocumentCode.RECEIPT
        for item in root_of(document.container)[1059]
    ]

    codes = [item[tag][0] for item in items if tag in item]
    assert bool(codes) is (tag is not None)
    assert len(set(codes)) == len(codes)
    assert not any({1162, 1163} - {tag} & item.keys() for item in items)
    assert {number(item[1212]) for item in items if 1163 in item} <= {33}


@pytest.mark.parametrize("ffd", Ffd)
def test_a_change_of_registration_says_why(ffd: Ffd) -> None:
    source = till(ffd, plan=Plan(receipts=3, receipts_per_shift=1, reregister_every_shifts=1))
    codes, roots = [], []
    while (document := source.issue_next(NOW)) is not None:
        source.fn.confirm(document.fd)
        codes.append(document.code)
        roots.append(root_of(document.container))

    changed = [root for code, root in zip(codes, roots, strict=True) if code == 11]
    assert codes == [1, 2, 3, 5, 11, 2, 3, 5, 11, 2, 3, 5]
    assert all((1205 in root, 1101 in root) == (ffd.keeps_counters, not ffd.keeps_counters) for root in changed)


def test_a_change_of_registration_waits_until_everything_was_confirmed() -> None:
    source = till(plan=Plan(receipts=2, receipts_per_shift=1, reregister_every_shifts=1))
    issued = documents(source)
    assert [document.code for document in issued] == [1, 2, 3, 5]
    while (oldest := source.fn.oldest) is not None:
        source.fn.confirm(oldest.fd)

    changed = source.issue_next(NOW)

    assert changed is not None
    assert changed.code is DocumentCode.REGISTRATION_CHANGED


def test_a_full_drive_is_closed_and_a_blocked_one_waits() -> None:
    identity = identity_of(1, 0)
    source = Till(
        identity=identity,
        fn=VirtualFn(number=identity.fn, key=b"key", ffd=Ffd.V1_05, capacity_documents=8),
        shop=Shop(identity, ffd=Ffd.V1_05, operator=OPERATOR, seed=1, index=0),
        plan=Plan(),
    )
    issued = [source.issue_next(NOW) for _ in range(6)]
    assert source.issue_next(NOW + timedelta(days=31)) is None
    while (oldest := source.fn.oldest) is not None:
        source.fn.confirm(oldest.fd)
    closed = source.issue_next(NOW)
    source.fn.confirm(7)
    archive = source.issue_next(NOW)

    assert [document and document.code for document in (*issued, closed, archive)] == [1, 2, 3, 3, 3, 3, 5, 6]
    assert source.fn.fill_percent == 100
    assert {refusal.name: count for refusal, count in source.refusals.items()} == {
        "UNSENT_FOR_30_DAYS": 1,
        "ARCHIVE_FULL": 1,
    }


def test_a_drive_whose_keys_end_is_closed() -> None:
    identity = identity_of(1, 0)
    source = Till(
        identity=identity,
        fn=VirtualFn(number=identity.fn, key=b"key", ffd=Ffd.V1_2, key_days=1),
        shop=Shop(identity, ffd=Ffd.V1_2, operator=OPERATOR, seed=1, index=0),
        plan=Plan(),
    )
    codes = []
    for hours in (0, 20, 21, 25, 26, 27):
        document = source.issue_next(NOW + timedelta(hours=hours))
        codes.append(document and document.code)
        if document is not None:
            source.fn.confirm(document.fd)

    assert codes == [1, 2, 3, 5, 6, None]


def test_a_wall_clock_may_be_wrong() -> None:
    identity = identity_of(1, 0)
    right, ahead = (
        Till(
            identity=identity,
            fn=VirtualFn(number=identity.fn, key=b"key", ffd=Ffd.V1_05),
            shop=Shop(identity, ffd=Ffd.V1_05, operator=OPERATOR, seed=1, index=0),
            plan=Plan(),
            clock_error=error,
        ).issue_next(NOW)
        for error in (timedelta(), timedelta(days=3))
    )

    assert right is not None
    assert ahead is not None
    assert ahead.issued_at_local - right.issued_at_local == timedelta(days=3)


def test_a_faulty_firmware_lets_a_field_run_over_its_end() -> None:
    source = till(plan=Plan(receipts=6, broken_every=3, state_report_every=0))
    issued = documents(source)

    assert source.broken == {5, 8}
    for document in issued:
        if document.fd in source.broken:
            with pytest.raises(AssertionError):
                root_of(document.container)
        else:
            root_of(document.container)


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
        if document.code in SALES
    ]

    assert {number(root[1054]) for root in roots} == set(OperationType)
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
