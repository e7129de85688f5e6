"""`ofd-gateway tags` in its forms."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from ofd_gateway.cli.tags import tags
from ofd_gateway.ffd.dictionary import specs
from ofd_gateway.ffd.listing import find_specs

APP = typer.Typer(add_completion=False)
APP.command()(tags)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(APP, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_one_tag_in_words() -> None:
    code, out, _ = run("1199")
    assert code == 0
    assert "1199  ставка НДС / vat rate" in out
    assert "  тип / kind: byte, = 1" in out
    assert "    2: НДС 10% / vat 10" in out
    assert "  receipt, bso в / in 1059: " in out
    assert "1.2 (2021): по условию / conditional" in out
    assert "  источник / source: order ММВ-7-20/229@ of 2017, table 5 (tags) (high)" in out


def test_old_names_aliases_bits_and_open_lists_are_shown() -> None:
    assert "  JSON: appliedTaxationType, 2017: taxationType, ещё / also: taxationType" in run("1055")[1]
    assert "  биты / bits:" in run("1055")[1]
    assert "  значения / values, перечень открыт / open:" in run("1011")[1]
    assert "  ФФД: 1.0 … 1.1 (2017)" in run("1197")[1]
    assert "повторяется / repeatable" in run("1059")[1]
    assert "  где / in: —" in run("1087")[1]
    assert "примечание / note" in run("1213")[1]


def test_one_tag_as_json() -> None:
    code, out, _ = run("1213", "--json")
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    assert (first["json_name"], first["json_name_2017"], first["parents"]) == (
        "fdKeyResource",
        "fnKeyResource",
        [1, 5, 11],
    )
    assert (second["json_name"], second["kind"], second["length"], second["fixed"]) == ("keyResource", "u16", 2, True)
    assert second["places"] == [
        {
            "documents": ["currentStateReport"],
            "parents": [],
            "requirement": {"1.2 (2021)": "mandatory"},
            "repeatable": False,
            "note": None,
        }
    ]
    operation = json.loads(run("operationType", "--json")[1])
    assert [member["value"] for member in operation["values"]["members"]] == [1, 2, 3, 4]


@pytest.mark.parametrize("text", ["userInn", "user_inn", "ИНН пользователя", "inn user"])
def test_tags_are_found_by_any_name(text: str) -> None:
    assert 1018 in {spec.tag for spec in find_specs(text)}


def test_all_tags() -> None:
    code, out, _ = run()
    assert code == 0
    assert len(out.splitlines()) == len(specs())
    assert len(run("--json")[1].splitlines()) == len(specs())


def test_an_unknown_tag_is_said_on_standard_error() -> None:
    assert run("99999") == (1, "", "нет такого реквизита / no such tag: 99999\n")


def test_one_document_in_words() -> None:
    code, out, _ = run("--document", "receipt", "--ffd", "1.05")
    assert code == 0
    assert "1054  признак расчета / operationType  [2017: обязателен / mandatory; 2021: обязателен / mandatory]" in out
    assert "\n  1023  количество предмета расчета / quantity  [" in out
    assert "1059  предмет расчета / items *  [" in out


def test_one_document_as_json() -> None:
    code, out, _ = run("--document", "31", "--json")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    basis = next(row for row in rows if row["tag"] == 1178)
    assert (basis["document"], basis["ffd"], basis["parent"], basis["depth"]) == ("receiptCorrection", "1.2", 1174, 1)
    assert basis["json_name"] == "correctionDocumentDate"


@pytest.mark.parametrize(
    "arguments", [("--document", "parcel"), ("--document", "99"), ("--document", "3", "--ffd", "2")]
)
def test_unknown_documents_and_versions_are_usage_errors(arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "is none of" in err


def test_a_document_that_a_version_lacks() -> None:
    code, out, err = run("--document", "81", "--ffd", "1.05")
    assert (code, out) == (1, "")
    assert "81: нет в ФФД 1.05" in err
