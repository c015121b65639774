"""What models made of their past at one turn, as pieces of a text's page: heat strips, tables, bars.

Strips and tables are real text with a tint behind it: they follow the page into dark mode and onto paper, are
narrow enough for a phone, and can be read aloud. The page that holds them carries STYLE.

Shapes: L blocks, P past tokens
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from macaw.results.autoregression_words import percent
from macaw.results.explanation_inside import section
from macaw.results.glance_words import ATTENTION, LADDER, LENS, SHARES, pulled, settled

if TYPE_CHECKING:
    from macaw.results.autoregression import Autoregression
    from macaw.results.glance import Attention, Glance, Ladder, Lens, Pull, Rung, Share

SHOWN = 32  # past tokens that have a bar
FAINT = 0.005  # a share below it has no tint
STYLE = """
.wide { overflow-x: auto; margin-top: .9rem; }
.wide table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
.wide th { font-weight: 400; text-align: left; white-space: nowrap; padding: .15rem .75rem .15rem 0; }
.wide thead th { font-size: .75rem; color: var(--muted); }
.wide td { padding: .15rem .5rem; white-space: nowrap; }
.wide [style], .wide i { background: color-mix(in srgb, var(--strong) var(--v, 0%), transparent); }
.wide small { color: inherit; opacity: .8; font-size: .75rem; }
.wide .quiet { font-size: .8125rem; }
.lens td { border-left: 2px solid var(--paper); max-width: 9rem; overflow: hidden; text-overflow: ellipsis; }
.lens td[style] { background: color-mix(in srgb, var(--strong) calc(.55 * var(--v)), transparent); }
.lens td.came { padding: .15rem 1rem .15rem 0; border: 0; }
.looks td { padding: 0 .15rem 0 0; }
.looks thead th + th { text-align: center; padding: 0 .15rem 0 0; }
.looks tbody th { max-width: 8rem; overflow: hidden; text-overflow: ellipsis; padding-block: 0;
  line-height: 1.35rem; }
.looks td span { display: flex; width: 2.1rem; height: 1.35rem; border-top: 1px solid var(--paper);
  background: var(--raised); }
.looks i { flex: 1; }
.looks i + i { border-left: 1px solid var(--paper); }
.ladder td { text-align: right; }
.ladder thead th + th { text-align: right; padding: 0 .5rem; }
.ladder td.words { text-align: left; padding-left: 1rem; white-space: normal; min-width: 18rem;
  max-width: 24rem; }
.ladder thead th:nth-child(5) { text-align: left; padding-left: 1rem; }
.ladder tbody th { max-width: clamp(6.5rem, 24vw, 14rem); white-space: normal; }
.ladder td[style] { background: color-mix(in srgb, var(--strong) calc(.55 * var(--v)), transparent); }
.ladder .sum th, .ladder .sum td { border-top: 1px solid var(--line); }
.ladder .sum th { color: var(--muted); white-space: normal; }
.pulls { list-style: ""; padding: 0; margin-top: .9rem; max-width: 34rem; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
.pulls li { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr) 3.5rem; gap: .5rem;
  align-items: center; line-height: 1.35rem; }
.pulls .what { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.pulls small { color: var(--muted); text-align: right; }
.track.pull { border-top: .6rem solid var(--pale); }
h4 { margin: 1.75rem 0 .35rem; font-size: 1rem; }
h4 + p { max-width: 44rem; text-wrap: pretty; }
"""


def inside_section(why: Autoregression) -> str:
    """What each model made of its past at the turn that was looked into; nothing where none was."""
    parts = [glance_parts(one) for one in why.inside]
    if not any(parts):
        return ""
    turn = why.inside[0].step
    link = f'<a href="#t{turn}">turn {turn}</a>'
    token = f"<b>{escape(why.inside[0].token)}</b>"
    return section(
        "Inside",
        f"<p>What each model made of the text before {link}, at which {token} came. It tells what a model "
        "used, not why.</p>",
        *parts,
    )


def glance_parts(one: Glance) -> str:
    """All that one model shows, under its name."""
    parts = [
        _shares(one.shares) if one.shares else "",
        _lens(one.lens, one.token) if one.lens else "",
        _attention(one.attention) if one.attention else "",
        _pull(one.pull) if one.pull else "",
        _ladder(one.ladder, one.token) if one.ladder else "",
    ]
    return "\n".join([f"<h3>{escape(one.model)}</h3>", *filter(None, parts)]) if any(parts) else ""


def _lens(lens: Lens, token: str) -> str:
    """A row for each block: what it gave the token that came, and its likeliest tokens."""
    columns = "".join(f'<th scope="col">{n}</th>' for n in range(1, len(lens.names[0]) + 1))
    head = f'<tr><th scope="col">after</th><th scope="col" class="came">{escape(token)}</th>{columns}</tr>'
    rows = []
    for block, (names, probs) in enumerate(zip(lens.names, lens.probs.tolist(), strict=True), start=1):
        cells = "".join(_said(n, p, came=n == token) for n, p in zip(names, probs, strict=True))
        came = f"{percent(float(lens.came[block - 1]))} <small>rank {int(lens.ranks[block - 1]):,}</small>"
        rows.append(f'<tr><th scope="row">block {block}</th><td class="came">{came}</td>{cells}</tr>')
    return _titled(
        "What it would have said after each block",
        f"{LENS} {settled(lens)}",
        _table("lens", head, rows),
    )


def _said(name: str, prob: float, *, came: bool) -> str:
    words = f"<b>{escape(name)}</b>" if came else escape(name)
    return f"<td{_tint(prob)}>{words} <small>{percent(prob)}</small></td>"


def _attention(attention: Attention) -> str:
    """A row for each past token, the latest first, and two strips for each block: mean and most."""
    blocks = range(len(attention.mean))
    head = "".join(f'<th scope="col" title="block {n + 1}">{n + 1}</th>' for n in blocks)
    rows = [
        _looked(attention.tokens[place], attention.mean[:, place].tolist(), attention.most[:, place].tolist())
        for place in range(len(attention.tokens) - 1, -1, -1)
    ]
    if attention.rest.any():
        rows.append(_looked("all before", attention.rest.tolist(), None))
    return _titled(
        "Where its heads looked",
        ATTENTION.format(heads=attention.heads),
        _table("looks", f'<tr><th scope="col">block</th>{head}</tr>', rows),
    )


def _looked(token: str, mean: Sequence[float], most: Sequence[float] | None) -> str:
    cells = []
    for block, share in enumerate(mean):
        hint = f"block {block + 1}: mean {percent(share)}"
        halves = f"<i{_tint(share)}></i>"
        if most is not None:
            hint += f", most {percent(most[block])}"
            halves += f"<i{_tint(most[block])}></i>"
        cells.append(f'<td title="{hint}"><span>{halves}</span></td>')
    return f'<tr><th scope="row">{escape(token)}</th>{"".join(cells)}</tr>'


def _pull(pull: Pull) -> str:
    """The last tokens with a bar each, the latest first."""
    tokens, values = pull.tokens[-SHOWN:], pull.values[-SHOWN:].tolist()
    top = max([*values, 1e-12])
    digits = 2 if pull.by == "erasure" else 3
    rows = [
        f'<li><span class="what">{escape(token)}</span><span class="track pull" style="width:'
        f'{100 * value / top:.1f}%"></span><small>{value:.{digits}f}</small></li>'
        for token, value in zip(reversed(tokens), reversed(values), strict=True)
    ]
    return _titled(
        "Which past tokens move it",
        pulled(pull),
        f'<ol class="pulls">{"".join(rows)}</ol>',
    )


def _ladder(ladder: Ladder, token: str) -> str:
    """A row for each context, the longest first, and how the parts add up."""
    head = "".join(
        f'<th scope="col">{words}</th>' for words in ("after", "counted", "weight", "adds", "the commonest")
    )
    rows = [_rung(rung) for rung in ladder.rungs]
    sums = f"<b>{percent(ladder.prob)}</b>"
    rows.append(_last("for every token alike", percent(ladder.rest)))
    rows.append(_last(f"together, for <b>{escape(token)}</b>", sums))
    return _titled("From which counts", LADDER, _table("ladder", f"<tr>{head}</tr>", rows))


def _rung(rung: Rung) -> str:
    context = escape(rung.context) or '<span class="quiet">no context</span>'
    firsts = ", ".join(f"{escape(name)} {count:,}" for name, count in rung.firsts)
    more = f" and {rung.kinds - len(rung.firsts):,} others" if rung.kinds > len(rung.firsts) else ""
    return (
        f'<tr><th scope="row">{context}</th><td>{rung.times:,} of {rung.total:,}</td>'
        f"<td>{rung.weight:.3g}</td><td{_tint(rung.adds)}>{percent(rung.adds)}</td>"
        f'<td class="words">{firsts}<span class="quiet">{more}</span></td></tr>'
    )


def _last(words: str, value: str) -> str:
    return f'<tr class="sum"><th scope="row" colspan="3">{words}</th><td>{value}</td><td></td></tr>'


def _shares(shares: Sequence[Share]) -> str:
    head = "".join(f'<th scope="col">{words}</th>' for words in ("part", "weight", "says", "brought"))
    rows = [
        f'<tr><th scope="row">{escape(one.name)}</th><td>{percent(one.weight)}</td>'
        f"<td>{percent(one.prob)}</td><td{_tint(one.brought)}>{percent(one.brought)}</td></tr>"
        for one in shares
    ]
    return _titled("What each part brought", SHARES, _table("ladder", f"<tr>{head}</tr>", rows))


def _titled(title: str, words: str, content: str) -> str:
    return f"<h4>{escape(title)}</h4>\n<p>{escape(words)}</p>\n{content}"


def _table(kind: str, head: str, rows: Iterable[str]) -> str:
    """A table that scrolls within itself where a page is narrower."""
    body = "\n".join(rows)
    inner = f"<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>"
    return f'<div class="wide"><table class="{kind}">{inner}</table></div>'


def _tint(share: float) -> str:
    """A share as a tint of the page's blue; the square root, so that small ones can be told from none."""
    return f' style="--v:{100 * share**0.5:.0f}%"' if share >= FAINT else ""
