"""Validators of FNS JSON, one for each kind in each format version, compiled when the first such document comes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, Final

from ofd_gateway.ffd.dictionary import document_codes, document_kind
from ofd_gateway.ffd.schema import documents_with_schema, json_schema

__all__ = ["schema_fault", "sent_schema"]

_CODES: Final = {document_kind(code): code for code in document_codes()}
_SENT: Final = ("rawData", "messageFiscalSign")


def schema_fault(document: dict[str, Any], *, kind: str, ffd: str) -> str | None:
    """The first thing that the schema finds wrong, with the path of the field; None for a sound document.

    Raises KeyError when no schema exists for such a kind in this version. Values are never repeated: they may be a
    buyer's.
    """
    import fastjsonschema

    try:
        _validator(kind, ffd)(document)
    except fastjsonschema.JsonSchemaValueException as fault:
        return _told(fault)
    return None


def sent_schema(kind: str, ffd: str) -> dict[str, Any]:
    """The schema of a document that a gateway sends: as everywhere, with `rawData` and `messageFiscalSign` demanded.

    What `rawData` carries is judged by decoding it, once. Raises KeyError when there is none.
    """
    code = _CODES[kind]
    if (code, ffd) not in _known():
        raise KeyError(kind)
    schema: dict[str, Any] = copy.deepcopy(json_schema(code, ffd=ffd))
    body = schema["properties"][kind]
    body["required"] += _SENT
    body["properties"]["rawData"] = {"type": "string"}
    return schema


@functools.cache
def _known() -> frozenset[tuple[int, str]]:
    return frozenset(documents_with_schema())


@functools.cache
def _validator(kind: str, ffd: str) -> Callable[[dict[str, Any]], object]:
    import fastjsonschema

    compiled: Callable[[dict[str, Any]], object] = fastjsonschema.compile(sent_schema(kind, ffd), use_default=False)
    return compiled


def _told(fault: Any) -> str:
    path = fault.name.removeprefix("data").removeprefix(".")
    rule, wanted = fault.rule, fault.rule_definition
    if rule == "required":
        missing = next(name for name in wanted if name not in fault.value)
        return f"{path}.{missing}: отсутствует / is missing".lstrip(".")
    if rule == "additionalProperties":
        return f"{path or 'document'}: лишний член / has a member that is not its kind"
    return f"{path or 'document'}: {_WORDS.get(rule, rule)} {_spelt(wanted)}"


def _spelt(wanted: object) -> str:
    return ", ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)


_WORDS: Final = {
    "type": "другой тип / the type must be",
    "enum": "вне списка / must be one of",
    "const": "другое значение / must be",
    "minimum": "слишком мало / must be at least",
    "maximum": "слишком велико / must be at most",
    "maxLength": "слишком длинно / at most so many characters:",
    "pattern": "другой вид / must look like",
}
