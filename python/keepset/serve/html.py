"""HTML that is safe by construction: what is not an `Html` is escaped when it is put into one."""

import html
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["STYLE", "Html", "document", "tag"]


class Html(str):
    """A piece of HTML; only `tag` makes one from other texts."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Html] | None"

_VOID = {"input", "link", "meta"}

STYLE = """\
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; }
a { color: light-dark(#0550ae, #79b8ff); }
a:focus-visible, button:focus-visible, input:focus-visible { outline: 3px solid #bf8700; outline-offset: 2px; }
header, footer { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; justify-content: space-between; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: .5rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font-size: .9em; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dd { margin: 0; }
input, button { font: inherit; padding: .3rem .6rem; }
[role=alert] { border-left: 4px solid #d1242f; padding-left: .6rem; }
"""
"""The style sheet of all pages."""


def tag(element: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """Make an element.

    Args:
        element: Its name.
        *children: What is in it: texts, which are escaped, and other elements.
        **attributes: By name, with `_` for `-` and behind what is a word of Python. None and False leave one out.

    Example:
        >>> tag("a", "<b>", href="?x=1&y=2", class_="big")
        '<a href="?x=1&amp;y=2" class="big">&lt;b&gt;</a>'
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    start = f"<{element}{written}>"
    return Html(start if element in _VOID else f"{start}{''.join(map(_content, children))}</{element}>")


def _content(child: Child) -> str:
    match child:
        case None:
            return ""
        case Html():
            return child
        case str() | int():
            return _escape(str(child))
    return "".join(child)


def _escape(text: str) -> str:
    # A name that is not UTF-8 has half surrogates in it, which no page can have.
    return html.escape(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def document(title: str, *body: Child) -> bytes:
    """Make a page.

    Args:
        title: Its title.
        *body: What is on it.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} - keepset"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="/style.css"),
    )
    return f"<!doctype html>{tag('html', head, tag('body', *body), lang='en')}".encode()
