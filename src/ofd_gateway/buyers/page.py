"""The page of a receipt, and the pages that say why there is none."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.buyers.qr import qr_svg
from ofd_gateway.buyers.sheet import lay_out
from ofd_gateway.buyers.templating import page_style, template
from ofd_gateway.buyers.view import Words
from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ofd_gateway.buyers.view import Language, ReceiptView

__all__ = ["Notice", "notice_words", "render_notice", "render_page"]


class Notice(enum.Enum):
    """Why no receipt is shown."""

    NOT_FOUND = "not_found"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"


class NoticeWords(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice says."""

    title: Words
    text: Words


_NOTICES: Final[Mapping[Notice, NoticeWords]] = {
    Notice.NOT_FOUND: NoticeWords(
        title=Words("Чек не найден", "No such receipt"),
        text=Words(
            "Сверьте все шесть реквизитов с чеком: дату и время, сумму, ФН, ФД, ФП и признак расчёта. "
            "Только что пробитый чек может прийти позже.",
            "Compare all six values with the receipt: date and time, sum, ФН, ФД, ФП and type of settlement. "
            "A receipt that was just made may arrive later.",
        ),
    ),
    Notice.LIMITED: NoticeWords(
        title=Words("Слишком много запросов", "Too many requests"),
        text=Words("Подождите немного и откройте чек снова.", "Wait a little and open the receipt again."),
    ),
    Notice.UNAVAILABLE: NoticeWords(
        title=Words("Чек сейчас недоступен", "The receipt is not available now"),
        text=Words("Мы уже чиним. Откройте чек чуть позже.", "We are mending it. Open the receipt a little later."),
    ),
}

_FOOTER: Final = Words("Чек получен оператором фискальных данных", "Received by the fiscal data operator")


def render_page(view: ReceiptView, *, language: Language = "ru", operator_name: str = "") -> str:
    """The whole page in HTML: no script, nothing from elsewhere, one style sheet that is `page_style`.

    Everything the receipt says is escaped. `operator_name` signs the page.
    """
    return template("page.html.j2").render(
        sheet=lay_out(view, language),
        style=page_style(),
        qr="" if view.qr is None else qr_svg(view.qr),
        footer=f"{_FOOTER.in_(language)} {clean(operator_name)}" if operator_name else "",
    )


def render_notice(notice: Notice, *, language: Language = "ru") -> str:
    """The page that is shown in place of a receipt; the same bytes for the same arguments."""
    words = _NOTICES[notice]
    return template("notice.html.j2").render(
        language=language,
        title=words.title.in_(language),
        text=words.text.in_(language),
        style=page_style(),
    )


def notice_words(notice: Notice) -> str:
    """A notice in one line for machines and their people."""
    title = _NOTICES[notice].title
    return f"{title.ru} / {title.en}"
