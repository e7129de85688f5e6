"""A document for people: what each field says."""

from __future__ import annotations

from struct import pack

import pytest

from ofd_gateway.ffd import decode
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.ffd.tree import lines, meaning_of


def meaning(tag: int, value: bytes, *, code: int = 3, ffd: str = "1.2", parent: int | None = None) -> str:
    record = tlv(tag, value) if parent is None else tlv(parent, tlv(tag, value))
    document = decode(tlv(code, record), version_hint=ffd)
    (field,) = document.fields()
    if parent is not None:
        assert field.children is not None
        (field,) = field.children
    return meaning_of(field, document)


@pytest.mark.parametrize(
    ("tag", "raw", "said"),
    [
        (1054, "01", "1: приход / sale"),
        (1054, "63", "99"),
        (1062, "05", "5: ОСН, УСН доход минус расход / general, simplified income minus expense"),
        (1020, "1c3e", "159.00"),
        (1020, "", "0.00"),
        (1012, "fc1ad85b", "2018-10-30 08:49:00"),
        (1077, "310400000001", "0000000001"),
        (1077, "3104", ""),
        (1040, "40610000", "24896"),
        (1040, "01", "длина 1 не подходит / a length of 1 does not fit"),
        (1021, "8ea40d0a22", '"Од\\r\\n""'),
        (9999, "00", ""),
        (1126, "01000000", "1"),
    ],
)
def test_fields_of_the_root(tag: int, raw: str, said: str) -> None:
    code = 1 if tag in (1062, 1126) else 3
    assert meaning(tag, bytes.fromhex(raw), code=code) == said


def test_fields_of_structures() -> None:
    assert meaning(1023, b"\x03\x6c\x03", parent=1059) == "0.876"
    assert meaning(1120, b"\x64", parent=1119) == "1.00"
    assert meaning(1120, b"\x64", ffd="1.0") == "100"
    assert meaning(1293, b"\x64", parent=1291) == "100"
    assert meaning(1245, b"21", parent=1256) == '"21": паспорт РФ / passport rf'
    assert meaning(1059, tlv(1030, b"tea")) == ""


def test_time_of_a_confirmation_is_utc() -> None:
    assert meaning(1012, pack("<I", 1726403103), code=7) == "2024-09-15 12:25:03 UTC"


def test_lines_show_offset_names_bytes_and_meaning() -> None:
    item = tlv(1059, tlv(1030, b"t" * 40))
    document = decode(tlv(3, tlv(1054, b"\x02") + item + tlv(9999, b"\xab") + tlv(1021, b"")))
    assert list(lines(document)) == [
        "receipt, ФФД 1.0, 66 bytes",
        "      4  1054 признак расчета / operation type  02  2: возврат прихода / sale return",
        "      9  1059 предмет расчета / item",
        f'       13  1030 наименование предмета расчета / item name  {"74" * 32}… (40)  "{"t" * 40}"',
        "     57  9999 неизвестный реквизит / unknown tag  ab",
        '     62  1021 кассир / cashier  ""',
    ]
