"""Makes documents to judge: the least a table demands, as nested records that a test can change."""

from __future__ import annotations

from datetime import UTC, datetime
from struct import pack

from ofd_gateway.ffd import Document, decode
from ofd_gateway.ffd.checks import CheckPolicy, Severity, check
from ofd_gateway.ffd.checks.plan import ITEM, Plan, root_plan
from ofd_gateway.ffd.domain import registration_number_for
from ofd_gateway.ffd.presence import FIRST_ORDER_SECONDS, SECOND_ORDER_SECONDS
from ofd_gateway.ffd.tlv import STRUCTURE_TAGS, tlv
from ofd_gateway.ffd.values import encode_vln

Records = list[tuple[int, "bytes | Records"]]

BEFORE_ORDERS = FIRST_ORDER_SECONDS - 86400
FIRST_ORDER = SECOND_ORDER_SECONDS - 86400
SECOND_ORDER = 1717245000
"""2024-06-01 12:30:00"""
NOW = datetime(2024, 6, 1, 13, tzinfo=UTC)

INN = "7802781104"
SERIAL = "0128003270"
NUMBER = registration_number_for(24, inn=INN, serial=SERIAL)
VERSIONS = {"1.05": 2, "1.1": 3, "1.2": 4}
CODES = (1, 11, 2, 21, 3, 4, 31, 41, 5, 6, 7)
SALES = (3, 4, 31, 41)


def u32(number: int) -> bytes:
    return pack("<I", number)


def vln(number: int) -> bytes:
    return encode_vln(number)


VALUES: dict[int, bytes] = {
    1001: b"\0",
    1002: b"\0",
    1009: b"Moscow",
    1012: u32(SECOND_ORDER),
    1013: SERIAL.encode(),
    1017: b"7704211201  ",
    1018: INN.encode().ljust(12),
    1020: vln(10000),
    1021: b"Ivanova",
    1022: b"\0",
    1023: b"\0\1",
    1030: b"Tea",
    1031: vln(10000),
    1037: NUMBER.encode().ljust(20),
    1038: u32(3),
    1040: u32(12),
    1041: b"9999078902013267",
    1042: u32(5),
    1043: vln(10000),
    1046: b"OFD",
    1048: b"Shop",
    1054: b"\1",
    1055: b"\1",
    1056: b"\0",
    1077: bytes.fromhex("2104247de6f3"),
    1078: bytes.fromhex("880686ce88300003"),
    1079: vln(10000),
    1081: b"\0",
    1097: u32(0),
    1098: u32(0),
    1101: b"\4",
    1108: b"\0",
    1110: b"\0",
    1111: u32(4),
    1118: u32(2),
    1126: b"\0",
    1134: u32(0),
    1135: u32(0),
    1144: u32(0),
    1173: b"\0",
    1177: b"Act",
    1178: u32(1717200000 - 1717200000 % 86400),
    1179: b"1",
    1187: b"Till 1",
    1188: b"1.0",
    1193: b"\0",
    1199: b"\6",
    1205: u32(4),
    1207: b"\0",
    1212: b"\1",
    1213: b"\x9a\1",
    1214: b"\4",
    1215: b"\0",
    1216: b"\0",
    1217: b"\0",
    1221: b"\0",
    1290: u32(0x40),
}


def value_of(tag: int, ffd: str, issued_at: int) -> bytes:
    if tag == 1012:
        return u32(issued_at)
    if tag in (1209, 1189, 1190):
        return bytes((VERSIONS[ffd],))
    return VALUES[tag]


def minimal(code: int, ffd: str, *, issued_at: int = SECOND_ORDER) -> Records:
    """The records of a document that is sound and holds no more than it must, but for what its mode of work adds."""
    plan = root_plan(ffd, code, issued_at)
    assert plan is not None
    records = _records(plan, ffd, issued_at)
    if code in (1, 11):
        add(records, (1017, VALUES[1017]), (1046, VALUES[1046]), (1021, VALUES[1021]))
        if code == 11:
            add(records, (1101, VALUES[1101]) if ffd in ("1.0", "1.05") else (1205, VALUES[1205]))
    if plan.demands_items:
        item = _records(plan.child(ITEM), ffd, issued_at)
        for tag in (1030, 1079, 1023, 1199):
            add(item, (tag, VALUES[tag]))
        records.append((ITEM, item))
    if code in (31, 41) and ffd in ("1.1", "1.2"):
        add(child(records, 1174), (1178, VALUES[1178]))
    return records


def _records(plan: Plan, ffd: str, issued_at: int) -> Records:
    records: Records = []
    for tag in plan.demanded:
        if tag in STRUCTURE_TAGS:
            records.append((tag, _records(plan.child(tag), ffd, issued_at)))
        else:
            records.append((tag, value_of(tag, ffd, issued_at)))
    return records


def add(records: Records, *more: tuple[int, bytes | Records]) -> Records:
    """Adds records whose tags are not there yet."""
    present = {tag for tag, _ in records}
    records.extend(record for record in more if record[0] not in present)
    return records


def put(records: Records, tag: int, value: bytes | Records) -> Records:
    """Sets the value of a tag, adding it when it is absent."""
    for position, (at, _) in enumerate(records):
        if at == tag:
            records[position] = (tag, value)
            return records
    records.append((tag, value))
    return records


def drop(records: Records, *tags: int) -> Records:
    records[:] = [record for record in records if record[0] not in tags]
    return records


def child(records: Records, tag: int) -> Records:
    for at, value in records:
        if at == tag:
            assert isinstance(value, list)
            return value
    raise AssertionError(f"no {tag}")


def item_of(records: Records) -> Records:
    return child(records, ITEM)


def encode(code: int, records: Records) -> bytes:
    return tlv(code, b"".join(_encode(record) for record in records))


def _encode(record: tuple[int, bytes | Records]) -> bytes:
    tag, value = record
    return tlv(tag, value if isinstance(value, bytes) else b"".join(map(_encode, value)))


def document(code: int, records: Records, *, ffd: str | None = None) -> Document:
    return decode(encode(code, records), version_hint=ffd)


def judge(
    code: int, records: Records, *, ffd: str | None = None, now: datetime = NOW, policy: CheckPolicy | None = None
) -> list[tuple[str, str, str]]:
    """Rule, severity and path of every violation."""
    found = check(document(code, records, ffd=ffd), now=now, policy=policy or CheckPolicy())
    return [(one.rule, one.severity.value, one.path) for one in found]


def errors(found: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [one for one in found if one[1] == Severity.ERROR.value]
