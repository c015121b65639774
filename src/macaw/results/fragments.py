"""Fragments: pieces of HTML that answers are made of on a page; real text, readable without a script.

The page that holds them carries STYLE, and gives the colours --muted, --track, --strong and --pale.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

# A bar is a border, not a background: browsers leave backgrounds out when they print. An empty list-style,
# unlike none, leaves the list a list for those who listen to it.
STYLE = """
.ranking { list-style: ""; margin: 0; padding: 0; display: grid; gap: .55rem;
  font-variant-numeric: tabular-nums; }
.ranking li { display: grid; grid-template-columns: minmax(1.25rem, auto) 1fr auto; column-gap: .25rem;
  align-items: baseline; }
.ranking .rank { font-weight: 400; color: var(--muted); font-size: .8125rem; }
.ranking li:first-child, .ranking .right { font-weight: 600; }
.ranking .right .share { color: var(--strong); }
.ranking .far { border-top: 1px dotted var(--muted); padding-top: .5rem; }
.ranking .tick { color: var(--strong); }
.ranking .name { overflow-wrap: anywhere; }
.ranking .track { grid-column: 2 / -1; margin-top: .2rem; border-top: .375rem solid var(--track); }
.ranking .bar { display: block; margin-top: -.375rem; border-top: .375rem solid var(--pale); min-width: 1px; }
.ranking .right .bar { border-color: var(--strong); }
img.drawn { display: block; width: 100%; height: auto; }
"""


class Ranked(NamedTuple):
    """One line of a ranking."""

    rank: int  # from 1
    name: str
    share: float  # 0..1
    right: bool = False


def ranking(rows: Iterable[Ranked]) -> str:
    """Names over bars in the order given; a line whose rank leaves a gap is set apart."""
    lines, last = [], 0
    for rank, name, share, right in rows:
        kinds = [word for word, so in (("right", right), ("far", rank > last + 1)) if so]
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        tick = ' <span class="tick" role="img" aria-label="right">✓</span>' if right else ""
        width = f"{100 * share:.1f}"
        lines.append(
            f'<li{kind}><span class="rank">{rank}</span> <span class="name">{escape(name)}{tick}</span> '
            f'<span class="share">{width} %</span>'
            f'<span class="track"><span class="bar" style="width:{width}%"></span></span></li>'
        )
        last = rank
    return '<ol class="ranking">\n' + "\n".join(lines) + "\n</ol>"


def image(picture: np.ndarray | Image, alt: str, *, side: int, kind: str = "") -> str:
    """An `<img>` that carries its picture, (H, W, 3) uint8 or Pillow's, at most `side` pixels wide and high.

    It never grows; `kind` is its class. Where pixels matter one by one (up to 64 x 64) it is PNG, else JPEG.
    """
    from PIL import Image as Images

    small = picture.copy() if isinstance(picture, Images.Image) else Images.fromarray(picture)
    small = small.convert("RGB")
    small.thumbnail((side, side), Images.Resampling.LANCZOS)
    form = "PNG" if max(small.size) <= 64 else "JPEG"
    data = io.BytesIO()
    small.save(data, form, **({"quality": 84, "optimize": True} if form == "JPEG" else {}))
    source = f"data:image/{form.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
    words = f' class="{kind}"' if kind else ""
    return f'<img{words} src="{source}" width="{small.width}" height="{small.height}" alt="{escape(alt)}">'
