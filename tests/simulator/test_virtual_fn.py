from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ofd_gateway.protocol import parse_container
from ofd_gateway.simulator.fields import u8
from ofd_gateway.simulator.fn_document import DocumentCode, QueuedDocument
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.refusal import FnRefused, Refusal
from ofd_gateway.simulator.settlement import OperationType, Settlement, VatRate
from ofd_gateway.simulator.virtual_fn import Phase, VirtualFn

from .reading import fields_of, number, root_of

NUMBER = "9999000001000000"
MONDAY = datetime(2026, 3, 2, 9, 0)
SALE = Settlement(
    operation=OperationType.INCOME, total_kopecks=12_200, cash_kopecks=12_200, vat_kopecks={VatRate.VAT_20: 2_033}
)


def drive(ffd: Ffd = Ffd.V1_05, *, key: bytes = b"key", key_days: int = 410, capacity: int = 250_000) -> VirtualFn:
    return VirtualFn(number=NUMBER, key=key, ffd=ffd, key_days=key_days, capacity_documents=capacity)


def registered(ffd: Ffd = Ffd.V1_05, **options: int) -> VirtualFn:
    fn = drive(ffd, **options)
    fn.register(
        registration_number="0000000000024136", user_inn="7802781104", fields=u8(1001, 0), issued_at_local=MONDAY
    )
    return fn


def confirm_all(fn: VirtualFn) -> None:
    while (document := fn.oldest) is not None:
        fn.confirm(document.fd)


def refusal(error: pytest.ExceptionInfo[FnRefused]) -> Refusal:
    return error.value.refusal


def test_the_drive_puts_its_own_fields_first() -> None:
    document = registered().oldest
    assert document is not None

    root = root_of(document.container)

    assert list(root) == [1209, 1190, 1041, 1037, 1018, 1040, 1012, 1077, 1213, 1001]
    assert root[1041] == [NUMBER.encode()]
    assert root[1037] == [b"0000000000024136    "]
    assert root[1018] == [b"7802781104  "]
    assert number(root[1040]) == 1
    assert root[1077][0][:2] == b"\x21\x04"
    assert len(root[1077][0]) == 6
    assert number(root[1213]) == 410


def test_format_1_0_names_no_version() -> None:
    document = registered(Ffd.V1_0).oldest
    assert document is not None

    assert list(root_of(document.container)) == [1041, 1037, 1018, 1040, 1012, 1077, 1001]


def test_the_container_is_one_the_protocol_reads() -> None:
    document = registered().oldest
    assert document is not None

    container = parse_container(document.container)

    assert (container.kind, container.document_code, container.fn, container.fd) == (0xA5, 1, NUMBER, 1)
    assert container.nonce[5:] == b"\x00\x00\x01"
    assert container.trailer[:2] == b"\x81\x06"
    assert container.trailer[8:] == b"\x00\x00"


def test_another_key_gives_other_signs_for_the_same_content() -> None:
    signs = set()
    for key in (b"one", b"two"):
        fn = drive(key=key)
        fn.register(registration_number="1", user_inn="7802781104", fields=b"", issued_at_local=MONDAY)
        assert fn.oldest is not None
        signs.add(fn.oldest.container[-10:])

    assert len(signs) == 2


@pytest.mark.parametrize("wrong", ["999900000100000", "99990000010000000", "99990000010000 0", "９999000001000000"])
def test_a_number_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="16 digits"):
        VirtualFn(number=wrong, key=b"", ffd=Ffd.V1_05)


def test_nothing_but_registration_comes_first() -> None:
    fn = drive()
    for command in (fn.open_shift, fn.close_shift, fn.report_state, fn.close_archive, fn.change_registration):
        with pytest.raises(FnRefused) as error:
            command(fields=b"", issued_at_local=MONDAY)
        assert refusal(error) is Refusal.WRONG_STATE
    assert fn.last_fd == 0


def test_a_second_registration_is_refused() -> None:
    fn = registered()

    with pytest.raises(FnRefused, match="registered already"):
        fn.register(registration_number="1", user_inn="2", fields=b"", issued_at_local=MONDAY)


def test_receipts_need_an_open_shift_and_a_shift_is_opened_once() -> None:
    fn = registered()
    with pytest.raises(FnRefused, match="open a shift first"):
        fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY)
    with pytest.raises(FnRefused, match="no shift is open"):
        fn.close_shift(fields=b"", issued_at_local=MONDAY)
    fn.open_shift(fields=b"", issued_at_local=MONDAY)

    with pytest.raises(FnRefused, match="open already"):
        fn.open_shift(fields=b"", issued_at_local=MONDAY)
    assert (fn.last_fd, fn.shift_number) == (2, 1)


def test_a_shift_lives_24_hours() -> None:
    fn = registered()
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY + timedelta(hours=24))

    with pytest.raises(FnRefused) as error:
        fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY + timedelta(hours=24, minutes=1))

    assert refusal(error) is Refusal.SHIFT_OVER_24_HOURS
    fn.close_shift(fields=b"", issued_at_local=MONDAY + timedelta(hours=24, minutes=1))


def test_thirty_days_without_confirmation_stop_everything_until_the_queue_moves() -> None:
    fn = registered()
    late = MONDAY + timedelta(days=30, minutes=1)
    for command in (fn.open_shift, fn.report_state):
        with pytest.raises(FnRefused) as error:
            command(fields=b"", issued_at_local=late)
        assert refusal(error) is Refusal.UNSENT_FOR_30_DAYS

    fn.confirm(1)

    assert fn.open_shift(fields=b"", issued_at_local=late).fd == 2


def test_expired_keys_leave_only_the_closing() -> None:
    fn = registered(key_days=10)
    confirm_all(fn)
    end = MONDAY + timedelta(days=10)
    with pytest.raises(FnRefused) as error:
        fn.open_shift(fields=b"", issued_at_local=end)

    assert refusal(error) is Refusal.KEYS_EXPIRED
    assert fn.close_archive(fields=b"", issued_at_local=end).code is DocumentCode.ARCHIVE_CLOSED


def test_keys_that_expire_in_a_shift_stop_its_receipts() -> None:
    fn = registered(key_days=1)
    fn.open_shift(fields=b"", issued_at_local=MONDAY + timedelta(hours=23))

    with pytest.raises(FnRefused) as error:
        fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY + timedelta(hours=24))

    assert refusal(error) is Refusal.KEYS_EXPIRED


def test_a_clock_that_goes_back_is_refused() -> None:
    fn = registered()

    with pytest.raises(FnRefused) as error:
        fn.open_shift(fields=b"", issued_at_local=MONDAY - timedelta(minutes=1))

    assert refusal(error) is Refusal.WRONG_TIME


def test_a_full_archive_takes_only_its_closing() -> None:
    fn = registered(capacity=4)
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    with pytest.raises(FnRefused) as error:
        fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY)
    fn.close_shift(fields=b"", issued_at_local=MONDAY)
    confirm_all(fn)

    assert refusal(error) is Refusal.ARCHIVE_FULL
    with pytest.raises(FnRefused, match="архив"):
        fn.open_shift(fields=b"", issued_at_local=MONDAY)
    assert fn.close_archive(fields=b"", issued_at_local=MONDAY).fd == 4


def test_fields_that_do_not_fit_are_refused() -> None:
    fn = registered()

    with pytest.raises(FnRefused) as error:
        fn.open_shift(fields=bytes(30 * 1024 + 1), issued_at_local=MONDAY)

    assert refusal(error) is Refusal.TOO_LONG
    assert (fn.shift_open, fn.last_fd) == (False, 1)


def test_the_archive_closes_after_everything_was_confirmed_and_is_then_sent() -> None:
    fn = registered()
    with pytest.raises(FnRefused, match="wait for confirmation"):
        fn.close_archive(fields=b"", issued_at_local=MONDAY)
    confirm_all(fn)
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    with pytest.raises(FnRefused, match="close the shift first"):
        fn.close_archive(fields=b"", issued_at_local=MONDAY)
    fn.close_shift(fields=b"", issued_at_local=MONDAY)
    confirm_all(fn)
    fn.close_archive(fields=b"", issued_at_local=MONDAY)

    phases = [fn.phase]
    confirm_all(fn)
    phases.append(fn.phase)

    assert phases == [Phase.CLOSED, Phase.SENT]
    with pytest.raises(FnRefused, match="phase 15"):
        fn.open_shift(fields=b"", issued_at_local=MONDAY)


def test_a_change_of_registration_needs_a_closed_shift_and_an_empty_queue() -> None:
    fn = registered(Ffd.V1_2)
    with pytest.raises(FnRefused, match="wait for confirmation"):
        fn.change_registration(fields=b"", issued_at_local=MONDAY)
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    with pytest.raises(FnRefused, match="close the shift first"):
        fn.change_registration(fields=b"", issued_at_local=MONDAY)
    fn.close_shift(fields=b"", issued_at_local=MONDAY)
    confirm_all(fn)

    document = fn.change_registration(fields=b"", issued_at_local=MONDAY)

    root = root_of(document.container)
    assert document.code == 11
    assert {1190, 1213, 1157} <= root.keys()


def test_only_the_oldest_document_can_be_confirmed() -> None:
    fn = registered()
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    for wrong in (0, 2, 3):
        with pytest.raises(FnRefused, match="wrong FD number") as error:
            fn.confirm(wrong)
        assert refusal(error) is Refusal.CONFIRMATION_REFUSED

    assert [fn.confirm(1).fd, fn.confirm(2).fd] == [1, 2]
    with pytest.raises(FnRefused, match="nothing waits"):
        fn.confirm(2)


def test_closing_a_shift_counts_it() -> None:
    fn = registered(Ffd.V1_2)
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY)
    back = Settlement(operation=OperationType.INCOME_RETURN, total_kopecks=500, ecash_kopecks=500)
    fn.issue_receipt(back, fields=b"", issued_at_local=MONDAY)
    fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY, correction=True)

    root = root_of(fn.close_shift(fields=b"", issued_at_local=MONDAY).container)

    assert (number(root[1118]), number(root[1111]), number(root[1097])) == (3, 5, 5)
    shift = fields_of(root[1194][0])
    sales, refunds, corrections = (fields_of(shift[tag][0]) for tag in (1129, 1130, 1133))
    assert number(shift[1134]) == 2
    assert (number(sales[1135]), number(sales[1201]), number(sales[1136]), number(sales[1139])) == (
        1,
        12200,
        12200,
        2033,
    )
    assert (number(refunds[1135]), number(refunds[1138])) == (1, 500)
    assert list(fields_of(shift[1131][0])) == [1135]
    assert number(corrections[1144]) == 1
    assert number(fields_of(corrections[1145][0])[1201]) == 12200
    assert root[1157] == root[1194]


def test_counters_of_the_drive_outlive_the_shift() -> None:
    fn = registered(Ffd.V1_1)
    closings = []
    for _ in range(2):
        fn.open_shift(fields=b"", issued_at_local=MONDAY)
        fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY)
        closings.append(root_of(fn.close_shift(fields=b"", issued_at_local=MONDAY).container))

    assert [number(fields_of(root[1157][0])[1134]) for root in closings] == [1, 2]
    assert [number(fields_of(root[1194][0])[1134]) for root in closings] == [1, 1]


def test_warnings_tell_the_end_of_keys_archive_and_patience() -> None:
    fn = registered(key_days=33, capacity=100)
    opened = fn.open_shift(fields=b"", issued_at_local=MONDAY)
    closed = fn.close_shift(fields=b"", issued_at_local=MONDAY)
    assert not root_of(opened.container).keys() & {1050, 1051, 1052, 1053}
    later = fn.open_shift(fields=b"", issued_at_local=MONDAY + timedelta(days=3))
    last = fn.close_shift(fields=b"", issued_at_local=MONDAY + timedelta(days=30))

    assert root_of(closed.container).keys() & {1050, 1051, 1052, 1053} == set()
    assert root_of(later.container).keys() & {1050, 1051, 1052, 1053} == {1050, 1053}
    assert root_of(last.container).keys() & {1050, 1051, 1052, 1053} == {1050, 1051, 1053}
    assert number(root_of(last.container)[1213]) == 3


def test_an_archive_that_is_99_percent_full_is_told() -> None:
    fn = registered(capacity=100)
    while fn.last_fd < 97:
        fn.report_state(fields=b"", issued_at_local=MONDAY)
    opened = fn.open_shift(fields=b"", issued_at_local=MONDAY)
    closed = fn.close_shift(fields=b"", issued_at_local=MONDAY)

    assert [1052 in root_of(document.container) for document in (opened, closed)] == [False, True]


@pytest.mark.parametrize(("ffd", "told"), [(Ffd.V1_05, False), (Ffd.V1_1, True), (Ffd.V1_2, True)])
def test_the_operators_message_is_told_once_in_the_next_shift_report(ffd: Ffd, told: bool) -> None:
    fn = registered(ffd)
    fn.confirm(1, operator_message=0x02)
    opened = root_of(fn.open_shift(fields=b"", issued_at_local=MONDAY).container)
    closed = root_of(fn.close_shift(fields=b"", issued_at_local=MONDAY).container)

    assert opened.get(1206) == ([b"\x02"] if told else None)
    assert 1206 not in closed


@pytest.mark.parametrize(("ffd", "told"), [(Ffd.V1_0, False), (Ffd.V1_05, False), (Ffd.V1_1, True), (Ffd.V1_2, True)])
def test_the_state_report_counts_what_is_unsent(ffd: Ffd, told: bool) -> None:
    fn = registered(ffd)
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    for correction in (False, False, True):
        fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY, correction=correction)
    full = root_of(fn.report_state(fields=b"", issued_at_local=MONDAY).container)
    confirm_all(fn)
    empty = root_of(fn.report_state(fields=b"", issued_at_local=MONDAY).container)

    assert 1158 not in empty
    assert (1158 in full) is told
    if told:
        unsent = fields_of(full[1158][0])
        income = fields_of(unsent[1145][0])
        assert number(unsent[1144]) == 3
        assert (number(income[1135]), number(income[1201])) == (3, 3 * 12_200)


@pytest.mark.parametrize(
    ("bso", "correction", "code"), [(False, False, 3), (True, False, 4), (False, True, 31), (True, True, 41)]
)
def test_receipts_of_four_kinds(bso: bool, correction: bool, code: int) -> None:
    fn = registered()
    fn.open_shift(fields=b"", issued_at_local=MONDAY)

    assert fn.issue_receipt(SALE, fields=b"", issued_at_local=MONDAY, correction=correction, bso=bso).code == code


def test_the_state_report_names_the_first_unsent_document_and_its_day() -> None:
    fn = registered(Ffd.V1_2)
    full = root_of(fn.report_state(fields=b"", issued_at_local=MONDAY).container)
    confirm_all(fn)
    empty = root_of(fn.report_state(fields=b"", issued_at_local=MONDAY).container)
    fn.open_shift(fields=b"", issued_at_local=MONDAY)
    fn.report_state(fields=b"", issued_at_local=MONDAY)
    closing = root_of(fn.close_shift(fields=b"", issued_at_local=MONDAY).container)

    assert (number(full[1097]), number(full[1116]), number(full[1098]) % 86400) == (1, 1, 0)
    assert (number(empty[1097]), number(empty[1098])) == (0, 0)
    assert 1116 not in empty
    assert number(closing[1111]) == 3


def test_key_days_before_registration_are_the_whole_life() -> None:
    assert drive().key_days_left(MONDAY) == 410
    assert registered().key_days_left(MONDAY + timedelta(days=500)) == 0


class DriveMachine(RuleBasedStateMachine):
    """Any order of commands and confirmations keeps numbers, queue and bytes in order."""

    def __init__(self) -> None:
        super().__init__()
        self.fn = drive(Ffd.V1_2)
        self.now = MONDAY
        self.issued: list[QueuedDocument] = []
        self.confirmed = 0

    def attempt(self, command: str, **arguments: object) -> None:
        before = (self.fn.last_fd, self.fn.shift_number, self.fn.receipt_number, self.fn.shift_open, self.fn.phase)
        try:
            self.issued.append(getattr(self.fn, command)(fields=b"", issued_at_local=self.now, **arguments))
        except FnRefused:
            after = (self.fn.last_fd, self.fn.shift_number, self.fn.receipt_number, self.fn.shift_open, self.fn.phase)
            assert after == before

    @precondition(lambda self: not self.issued)
    @rule()
    def register(self) -> None:
        self.attempt("register", registration_number="0000000000024136", user_inn="7802781104")

    @rule(command=st.sampled_from(["open_shift", "close_shift", "report_state", "change_registration"]))
    def report(self, command: str) -> None:
        self.attempt(command)

    @rule(correction=st.booleans())
    def sell(self, correction: bool) -> None:
        if self.fn.shift_open:
            self.attempt("issue_receipt", correction=correction, settlement=SALE)

    @rule()
    def close_for_good(self) -> None:
        self.attempt("close_archive")

    @rule(fd=st.integers(0, 12))
    def confirm(self, fd: int) -> None:
        try:
            self.fn.confirm(fd)
        except FnRefused:
            return
        self.confirmed += 1
        assert fd == self.confirmed

    @rule(hours=st.sampled_from([0, 1, 12, 25, 24 * 31]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def numbers_have_no_gap_and_the_queue_is_the_unconfirmed_rest(self) -> None:
        assert [document.fd for document in self.issued] == list(range(1, len(self.issued) + 1))
        assert self.fn.unconfirmed_count == len(self.issued) - self.confirmed
        oldest = self.fn.oldest
        assert oldest is (self.issued[self.confirmed] if self.confirmed < len(self.issued) else None)

    @invariant()
    def every_document_differs_and_is_readable(self) -> None:
        assert len({document.container[-10:] for document in self.issued}) == len(self.issued)
        if self.issued:
            last = self.issued[-1]
            assert parse_container(last.container).fd == last.fd == number(root_of(last.container)[1040])

    @invariant()
    def shift_and_receipt_numbers_follow_the_documents(self) -> None:
        shift = receipt = 0
        for document in self.issued:
            root = root_of(document.container)
            if document.code is DocumentCode.SHIFT_OPENED:
                shift, receipt = shift + 1, 0
            if document.code in (DocumentCode.RECEIPT, DocumentCode.CORRECTION):
                receipt += 1
                assert number(root[1042]) == receipt
            if 1038 in root:
                assert number(root[1038]) == shift


DriveMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestDrive = DriveMachine.TestCase
