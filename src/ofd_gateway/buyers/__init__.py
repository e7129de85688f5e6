"""Receipts as buyers see them: a view of a receipt, its page, its letter, its plain text. Pure."""

from ofd_gateway.buyers.letter import compose_receipt_letter, receipt_subject
from ofd_gateway.buyers.link import CHECK_PATH, receipt_link
from ofd_gateway.buyers.page import Notice, notice_words, render_notice, render_page
from ofd_gateway.buyers.reading import NotAReceipt, receipt_view
from ofd_gateway.buyers.templating import page_style, page_style_source
from ofd_gateway.buyers.till_roll import render_text
from ofd_gateway.buyers.view import LANGUAGES, Language, ReceiptView

__all__ = [
    "CHECK_PATH",
    "LANGUAGES",
    "Language",
    "NotAReceipt",
    "Notice",
    "ReceiptView",
    "compose_receipt_letter",
    "notice_words",
    "page_style",
    "page_style_source",
    "receipt_link",
    "receipt_subject",
    "receipt_view",
    "render_notice",
    "render_page",
    "render_text",
]
