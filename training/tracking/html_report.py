"""HTML reports: one page with headings, tables and pictures, without scripts or links to other files' styles."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}img{max-width:100%}"
    "table{border-collapse:collapse}td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}.warning{background:#fff3cd;padding:.5rem 1rem}"
)
Rows = Sequence[Sequence[object]]


def html_page(title: str, sections: Sequence[str]) -> str:
    """A page of HTML ``sections`` under the heading ``title``."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>\n'
        f"<h1>{escape(title)}</h1>\n" + "\n".join(sections) + "\n</html>\n"
    )


def paragraph(text: str, *, warning: bool = False) -> str:
    """A paragraph; highlighted as a ``warning``."""
    attribute = ' class="warning"' if warning else ""
    return f"<p{attribute}>{escape(text)}</p>"


def html_table(title: str, headings: Sequence[str], rows: Rows) -> str:
    """A table under a heading; floats with three decimals, None as a dash."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def linked_picture(name: str, caption: str) -> str:
    """A PNG beside the page, with its caption."""
    return f'<figure><figcaption>{escape(caption)}</figcaption><img src="{name}.png" alt="{name}"></figure>'


def embedded_picture(path: Path, caption: str) -> str:
    """A PNG inside the page; empty if the file does not exist."""
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<p><img alt="{escape(caption)}" src="data:image/png;base64,{data}"></p>'
