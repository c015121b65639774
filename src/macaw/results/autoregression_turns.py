"""The turns of a text as pieces of its page: a card for each, and the chart of what each token cost."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from macaw.results.autoregression_words import HOW, effect, percent, power

if TYPE_CHECKING:
    from macaw.results.autoregression import Autoregression
    from macaw.results.erasure import Erasure
    from macaw.results.turns import Opinion, Turn

_BASE, _TOP, _LEFT, _STEP = 150, 12, 34, 30  # of the chart, in its own units
_KINDS = ("other", "other2")  # how the bars of models beside are told apart


def turn_card(turn: Turn, number: int, past: str, total: float) -> str:
    """One turn: what came, what could have come, what was cut, and what it depends on.

    `past` is the text before it, `total` the natural-log probability of the text with it.
    """
    facts = [f"Surprise {turn.bits:.1f} bits, expected {turn.entropy:.1f}; rank {turn.rank:,}{_seen(turn)}."]
    facts += [f"{one.name}: {one.bits:.1f} bits, rank {one.rank:,}{_seen(one)}." for one in turn.opinions]
    facts += [f"{said[0].upper()}{said[1:]}." if (said := effect(turn)) else "", "P\u00a0so\u00a0far"]
    return (
        f'<li class="turn {turn.how}" id="t{number}"><h3><span class="no">{number}</span> '
        f'<b>{escape(turn.name)}</b> {percent(turn.prob)} <span class="how">{HOW[turn.how]}</span></h3>\n'
        f'<p class="past">{_past(turn.erasure, past)}</p>\n{_table(turn)}\n'
        f'<p class="facts">{escape(" ".join(filter(None, facts)))} {raised(power(total))}.</p></li>'
    )


def _seen(one: Turn | Opinion) -> str:
    return f"; seen {one.counts}" if one.counts else ""


def raised(words: str) -> str:
    """Plain words as HTML, `10^-3.2` with its exponent raised."""
    head, *parts = escape(words).replace("10^-", "10^−").split("10^")
    ends = (part.partition(" ") for part in parts)
    return head + "".join(f"10<sup>{exponent}</sup>{blank}{rest}" for exponent, blank, rest in ends)


def _past(erasure: Erasure | None, past: str) -> str:
    """The text before, or the tokens that the turn depends on, each the darker the more."""
    if erasure is None:
        return f"after “{escape(past)}”" if past else "at the start of the text"
    top = max(float(erasure.changes.max()), 1e-9)
    tokens = "".join(
        f'<span class="b{_shade(change, top)}" title="{change:.2f} bits">{escape(name)}</span> '
        for name, change in zip(erasure.names, erasure.changes.tolist(), strict=True)
    )
    return f"Depends on: {tokens.rstrip()}"


def _shade(change: float, top: float) -> int:
    """0..4: how dark a past token is; one that moves less than a hundredth of a bit stays light."""
    return min(4, int(4.999 * change / top)) if change > 0.01 else 0


def _table(turn: Turn) -> str:
    others = "".join(f'<th scope="col" class="n">{escape(one.name)}</th>' for one in turn.opinions)
    warped = '<th scope="col" class="n">after</th>' if turn.rules else ""
    rows = "\n".join(_row(turn, place) for place in range(len(turn.names)))
    kind = "alts many" if len(turn.opinions) + bool(turn.rules) > 2 else "alts"
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr><th scope="col">token</th><th class="w"></th>'
        f'<th scope="col" class="n">model</th>{warped}{others}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(turn: Turn, place: int) -> str:
    kind = ' class="came"' if place == turn.place else ""
    name = escape(turn.names[place])
    shares = [("", float(turn.probs[place]))]
    cells = [percent(float(turn.probs[place]))]
    if turn.rules:
        cut = turn.cut[place].replace("_", "-")
        shares.append(("after", float(turn.drawn[place])))
        cells.append(
            f'<span class="off">{escape(cut)} cuts</span>' if cut else percent(float(turn.drawn[place]))
        )
    for one, sort in zip(turn.opinions, _KINDS, strict=False):
        shares.append((sort, float(one.probs[place])))
    cells += [percent(float(one.probs[place])) for one in turn.opinions]
    tracks = "".join(
        f'<span class="track {sort}" style="width:{100 * share:.1f}%"></span>' for sort, share in shares
    )
    numbers = "".join(f"<td>{cell}</td>" for cell in cells)
    return (
        f'<tr{kind}><th scope="row" title="{name}">{name}</th><td class="tracks">{tracks}</td>{numbers}</tr>'
    )


def chart(why: Autoregression) -> str:
    """A bar of bits for every token shown, and a step line for each model beside."""
    top = _round(max(4.0, *(turn.bits for turn in why.turns)))
    width = _LEFT + _STEP * len(why.turns) + 8
    bars = "".join(_bar(turn, place, top) for place, turn in enumerate(why.turns))
    lines = "".join(_line(why, place, top) for place in range(len(why.turns[0].opinions)))
    marks = "".join(
        f'<text x="{_LEFT - 6}" y="{_y(share * top, top) + 4:.0f}" text-anchor="end">{share * top:g}</text>'
        for share in (0, 0.5, 1)
    )
    names = [f'<li><i style="border-top:.6rem solid var(--pale)"></i>{escape(why.model or "the model")}</li>']
    names += [
        f'<li><i style="border-top:3px solid var({color})"></i>{escape(one.name)}</li>'
        for one, color in zip(why.turns[0].opinions, ("--gold", "--scarlet", "--muted"), strict=False)
    ]
    return (
        f'<div class="bits"><svg viewBox="0 0 {width} {_BASE + 64}" role="img" '
        f'aria-label="Bits of each token">{marks}<path class="axis" d="M{_LEFT} {_TOP}V{_BASE}H{width}"/>'
        f'{bars}{lines}</svg></div>\n<ul class="legend">{"".join(names)}<li>bits of each token</li></ul>'
    )


def _bar(turn: Turn, place: int, top: float) -> str:
    x, y = _LEFT + _STEP * place + 3, _y(turn.bits, top)
    turned = f"translate({x + _STEP / 2 + 1:.0f} {_BASE + 8}) rotate(-55)"
    name = escape(turn.name if len(turn.name) <= 8 else turn.name[:7] + "…")
    return (
        f'<rect class="bar {turn.how}" x="{x}" y="{y:.1f}" width="{_STEP - 6}" height="{_BASE - y:.1f}">'
        f"<title>{escape(turn.name)}: {turn.bits:.1f} bits</title></rect>"
        f'<text transform="{turned}" text-anchor="end">{name}</text>'
    )


def _line(why: Autoregression, other: int, top: float) -> str:
    """Level marks at what another model would have paid, joined token to token."""
    points = []
    for place, turn in enumerate(why.turns):
        y = _y(min(top, turn.opinions[other].bits), top)
        points.append(f"{_LEFT + _STEP * place + 3} {y:.1f}H{_LEFT + _STEP * (place + 1) - 3}")
    return f'<path class="m{min(other, 2)}" d="M{"M".join(points)}"/>'


def _y(bits: float, top: float) -> float:
    return _BASE - (_BASE - _TOP) * bits / top


def _round(bits: float) -> float:
    """The even number of bits that holds so many, at most 24: what is rarer ends at the top."""
    return float(min(24, 2 * int((bits + 1.999) // 2)))
