"""Fiscal data formats (ФФД) 1.0, 1.05, 1.1 and 1.2. Pure: bytes and values in, values out."""

from ofd_gateway.ffd.dictionary import TagSpec, lookup
from ofd_gateway.ffd.document import Document, Field, decode
from ofd_gateway.ffd.errors import FormatError, UnfitValueError
from ofd_gateway.ffd.fns_json import from_fns_json, parse_json, to_fns_json, to_json_bytes
from ofd_gateway.ffd.tlv import Structure
from ofd_gateway.ffd.values import TagKind, decode_value, encode_value

__all__ = [
    "Document",
    "Field",
    "FormatError",
    "Structure",
    "TagKind",
    "TagSpec",
    "UnfitValueError",
    "decode",
    "decode_value",
    "encode_value",
    "from_fns_json",
    "lookup",
    "parse_json",
    "to_fns_json",
    "to_json_bytes",
]
