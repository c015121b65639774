"""A text token by token for the terminal: plain for a pipe, coloured by `rich` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macaw.results.autoregression_words import HOW, asked, compared, effect, percent, power, product
from macaw.results.glance_words import glanced

if TYPE_CHECKING:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    from macaw.results.autoregression import Autoregression
    from macaw.results.turns import Turn

_BAR = 20  # characters of a full bar
_SHADES = ("", "on grey15", "on grey23", "on dark_blue", "on blue3")  # by surprise, as on the page
_SHOWN = 5  # alternatives of a turn in plain text


def plain(why: Autoregression) -> str:
    """The text, a line for every turn, and what it all comes to."""
    lines = [why.headline, f"  {asked(why)}"]
    width = max(len(turn.name) for turn in why.turns)
    for place, (turn, total) in enumerate(zip(why.turns, why.running.tolist(), strict=True), start=1):
        rest = ", ".join(
            f"{name} {percent(p)}"
            for name, p in list(zip(turn.names, turn.probs.tolist(), strict=True))[:_SHOWN]
        )
        mark = {"given": " ", "drawn": ">", "taken": "*"}[turn.how]
        lines.append(
            f"  {mark}{place:3} {turn.name:{width}} {turn.bits:5.1f} bits  P = {power(total)}  ({rest})"
        )
    last = [f"P = {product(why)}", compared(why), *_inside(why), *why.notes]
    return "\n".join([*lines, *(f"  {words}" for words in last)])


def _inside(why: Autoregression) -> list[str]:
    """What each model made of its past at one turn, in a line each."""
    return [
        f"{one.model} at turn {one.step}, {one.token}: {words}"
        for one in why.inside
        for words in glanced(one)
    ]


def coloured(why: Autoregression) -> Group:
    """The same for a terminal with colours: the text by its surprise, then a panel for every turn."""
    from rich.console import Group
    from rich.text import Text

    panels = [
        turn_panel(turn, number, total)
        for number, (turn, total) in enumerate(zip(why.turns, why.running.tolist(), strict=True), start=1)
    ]
    words = [f"P = {product(why)}", compared(why), *_inside(why), *why.notes]
    last = Text("\n".join(words), style="dim")
    return Group(shaded(why), Text(asked(why), style="dim"), *panels, last)


def shaded(why: Autoregression) -> Text:
    """The text, each token on a ground that is the stronger the more it surprised."""
    from rich.text import Text

    text = Text(why.lead, style="dim")
    for turn in why.turns:
        style = _SHADES[sum(turn.bits >= least for least in (1, 3, 6, 10))]
        kind = {"given": "dim", "drawn": "", "taken": "bold underline"}[turn.how]
        text.append(turn.text, style=" ".join(filter(None, (style, kind))) or None)
    return text


def turn_panel(turn: Turn, number: int, total: float) -> Panel:
    """One turn as a panel: alternatives over bars, who cut what, the others' opinion, the running product.

    `number` counts from 1, `total` is the natural-log probability of the text with it.
    """
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, expand=False, header_style="dim")
    headers = [
        "",
        "token",
        "",
        "model",
        *(["drawn from"] if turn.rules else []),
        *(one.name for one in turn.opinions),
    ]
    for header in headers:
        table.add_column(header, justify="right" if header not in ("", "token") else "left", no_wrap=True)
    for row in range(len(turn.names)):
        table.add_row(*_cells(turn, row), style="bold" if row == turn.place else None)
    facts = [
        f"{turn.bits:.1f} bits, expected {turn.entropy:.1f}; rank {turn.rank:,}; P so far {power(total)}",
        effect(turn),
        *(f"{name} saw it {counts}" for name, counts in _seen(turn) if counts),
    ]
    inner = Group(table, *(Text(fact, style="dim") for fact in facts if fact))
    title = Text.assemble((f"{number} ", "dim"), (turn.name, "bold"), (f"  {HOW[turn.how]}", "dim"))
    return Panel(
        inner,
        title=title,
        title_align="left",
        expand=False,
        border_style="yellow" if turn.how == "taken" else "dim",
    )


def _seen(turn: Turn) -> list[tuple[str, str]]:
    """Whose counts say how often the token came after the same words."""
    return [("the model", turn.counts), *((one.name, one.counts) for one in turn.opinions)]


def _cells(turn: Turn, row: int) -> list[Text]:
    from rich.text import Text

    prob, drawn = float(turn.probs[row]), float(turn.drawn[row])
    bar = Text("█" * round(_BAR * prob), style="blue")
    bar.append("·" * (_BAR - len(bar)), style="grey23")
    cells = [Text("▸" if row == turn.place else ""), Text(turn.names[row]), bar, Text(percent(prob))]
    if turn.rules:
        cut = turn.cut[row].replace("_", "-")
        cells.append(Text(f"{cut} cuts", style="red") if cut else Text(percent(drawn), style="green"))
    return cells + [Text(percent(float(one.probs[row])), style="yellow") for one in turn.opinions]
