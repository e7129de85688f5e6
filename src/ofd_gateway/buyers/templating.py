"""The templates of pages and letters to buyers: HTML is escaped, an unknown name is an error."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources

import jinja2

__all__ = ["page_style", "page_style_source", "template"]


def template(name: str) -> jinja2.Template:
    """One template by its file name."""
    return _templates().get_template(name)


@functools.cache
def page_style() -> str:
    """The style sheet that stands inside every page."""
    return (importlib.resources.files("ofd_gateway.buyers") / "templates" / "page.css").read_text("utf-8")


@functools.cache
def page_style_source() -> str:
    """The style sheet's hash as a source of a Content-Security-Policy: no other style is applied."""
    digest = hashlib.sha256(page_style().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@functools.cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ofd_gateway.buyers", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
