"""Parrot as one self-contained HTML page: each passage in the colour of the document where it was seen."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from macaw.results import novelty_chart
from macaw.results.figure import Figure
from macaw.results.page import document
from macaw.results.palette import COLORS
from macaw.results.words import several

if TYPE_CHECKING:
    from macaw.results.parrot import Parrot, Part, Passage, Source

SHOWN = 6  # documents that have a colour of their own
LISTED = 100  # passages that are numbered and listed with their sources

_COLORS = "".join(f".d{i} {{ --d: {color}; }}\n" for i, color in enumerate(COLORS[:SHOWN]))
# A passage is underlined too: browsers may leave backgrounds out when they print.
STYLE = (
    _COLORS
    + """
.d-other { --d: var(--muted); }
.four { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1.75rem 2rem;
  margin-top: 2rem; }
.four div { display: flex; flex-direction: column; break-inside: avoid; }
.four dt { font-weight: 600; }
.four dd.value { font-size: 1.75rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.four dd.beside { color: var(--muted); font-variant-numeric: tabular-nums; }
.four dd.meaning { font-size: .875rem; color: var(--muted); margin-top: .35rem; text-wrap: pretty; }
.four dd.none { font-size: 1.0625rem; font-weight: 400; color: var(--muted); }
.legend { list-style: ""; margin: 1.25rem 0 0; padding: 0; display: flex; flex-wrap: wrap;
  gap: .35rem 1.5rem; font-size: .875rem; }
.legend li { overflow-wrap: anywhere; }
.text { margin-top: 1.75rem; max-width: 44rem; font-size: 1.0625rem; line-height: 1.85; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.seen { color: inherit; text-decoration: none; border-bottom: .15rem solid var(--d);
  background: color-mix(in srgb, var(--d) 24%, transparent); }
.seen.usual { border-bottom: .1rem dotted var(--d); background: none; }
.seen:target, .seen:focus-visible { outline: .125rem solid var(--ink); }
.text sup { font-size: .6875rem; line-height: 0; color: var(--muted); }
.found { list-style: ""; margin: 1.5rem 0 0; padding: 0; max-width: 50rem; }
.found > li { padding: .9rem 0 .9rem 2.5rem; border-top: 1px solid var(--line); position: relative;
  break-inside: avoid; overflow-wrap: anywhere; }
.found > li:target { background: var(--raised); }
.found .back { position: absolute; left: 0; font-variant-numeric: tabular-nums; text-decoration: none; }
.found .about { font-size: .875rem; color: var(--muted); margin-top: .25rem; }
.found blockquote { margin: .5rem 0 0; padding-left: .75rem; border-left: .2rem solid var(--d);
  font-size: .875rem; line-height: 1.5; }
.found blockquote span { color: var(--muted); }
.found cite { display: block; font-style: normal; font-weight: 600; }
.curvebox { max-width: 44rem; margin-top: 1.25rem; }
"""
    + novelty_chart.STYLE
)


def parrot_page(parrot: Parrot) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs; numbers lead from text to sources."""
    units, documents = parrot.training
    header = (
        "<h1>Where was this read?</h1>\n"
        f'<p class="lede">A text drawn by {escape(parrot.decoding)}, looked up in the {units:,} '
        f"{escape(parrot.unit)}s and {several(documents, 'document')} of the training text. "
        "No figure means anything without the same of text by people that the model never saw.</p>\n"
        f'<dl class="four">\n{"".join(map(_figure, parrot.figures))}</dl>'
    )
    numbers = _numbers(parrot)
    main = "\n".join([_text(parrot, numbers), _curves(parrot), _passages(parrot, numbers)])
    return document(f"Where was this read? {parrot.headline}", header, main, style=STYLE)


def _figure(one: Figure) -> str:
    if one.value is None:
        value = '<dd class="value none">not measured</dd>'
    else:
        value = f'<dd class="value">{escape(one.value.text)}</dd>'
    beside = ""
    if one.value is not None and one.held is not None:
        interval = str(one.value).removeprefix(one.value.text).strip()
        beside = f'<dd class="beside">{escape(interval)}<br>held-out <b>{escape(str(one.held))}</b></dd>'
    meaning = one.meaning + (f"; {one.decoding}" if one.decoding else "")
    words = escape(meaning[:1].upper() + meaning[1:])
    return f'<div><dt>{escape(one.name)}</dt>{value}{beside}<dd class="meaning">{words}</dd></div>\n'


def _numbers(parrot: Parrot) -> dict[int, int]:
    """From the number in `seen` of each listed passage to the one that people read."""
    found: dict[int, int] = {}
    for part in parrot.parts:
        if part.number is not None and parrot.seen[part.number].unexplained and len(found) < LISTED:
            found[part.number] = len(found) + 1
    return found


def _kind(parrot: Parrot, one: Passage) -> str:
    """The class of its colour."""
    label = one.sources[0].label if one.sources else ""
    place = list(parrot.documents).index(label) if label in parrot.documents else SHOWN
    return f"d{place}" if place < SHOWN else "d-other"


def _text(parrot: Parrot, numbers: dict[int, int]) -> str:
    stretches = "".join(_stretch(parrot, part, numbers) for part in parrot.parts)
    return (
        "<section>\n<h2>The text</h2>\n"
        "<p>A colour is the document of the training text where a passage was seen. Filled: no null model "
        "explains it, neither single words nor each word after two others. Dotted: long, and likely anyway."
        "</p>\n"
        f'{_legend(parrot)}\n<p class="text">{stretches}</p>\n</section>'
    )


def _stretch(parrot: Parrot, part: Part, numbers: dict[int, int]) -> str:
    """A piece of the text; the number behind one that was seen leads to its sources."""
    if part.number is None:
        return escape(part.text)
    inner = part.text.strip()
    before, _, behind = map(escape, part.text.partition(inner) if inner else (part.text, "", ""))
    one, number = parrot.seen[part.number], numbers.get(part.number)
    where = f"{several(one.count, 'time')}, {several(one.documents, 'document')}"
    about = f'class="seen {_kind(parrot, one)}{"" if one.unexplained else " usual"}" title="{where}"'
    if number is None:
        return f"{before}<span {about}>{escape(inner)}</span>{behind}"
    link = f'<a {about} id="t{number}" href="#p{number}">{escape(inner)}<sup>{number}</sup></a>'
    return f"{before}{link}{behind}"


def _legend(parrot: Parrot) -> str:
    shares = [(label, size / max(1, len(parrot.text))) for label, size in parrot.documents.items()]
    named = [(f"d{i}", escape(label), part) for i, (label, part) in enumerate(shares[:SHOWN])]
    if len(shares) > SHOWN:
        rest = several(len(shares) - SHOWN, "other document")
        named.append(("d-other", rest, sum(part for _, part in shares[SHOWN:])))
    new = 1 - sum(part for _, part in shares)
    items = [
        f'<li><span class="seen {kind}">{words}</span> {_percent(part)}</li>' for kind, words, part in named
    ]
    return f'<ul class="legend">{"".join(items)}<li>not marked {_percent(new)}</li></ul>'


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _curves(parrot: Parrot) -> str:
    alt = "; ".join(f"of {one.name}, half are new from n = {one.half} on" for one in parrot.curves)
    chart = novelty_chart.novelty_chart(parrot.curves, parrot.unit, alt)
    return (
        "<section>\n<h2>New n-grams</h2>\n"
        f"<p>Of all n-grams of {escape(parrot.unit)}s, how many per cent the training text does not have. "
        "Text with a curve below that of held-out text copies more than people repeat each other.</p>\n"
        f'<figure class="curvebox">{chart}{novelty_chart.novelty_key(parrot.curves)}</figure>\n</section>'
    )


def _passages(parrot: Parrot, numbers: dict[int, int]) -> str:
    if not numbers:
        return "<section>\n<h2>Passages</h2>\n<p>None that a null model does not explain.</p>\n</section>"
    items = "\n".join(_passage(parrot, number, shown) for number, shown in numbers.items())
    more = sum(one.unexplained for one in parrot.seen) - len(numbers)
    rest = f" {more:,} more are in the JSON." if more > 0 else ""
    return (
        "<section>\n<h2>Passages</h2>\n"
        f"<p>Those that no null model explains, with what stands around them there.{rest}</p>\n"
        f'<ul class="found">\n{items}\n</ul>\n</section>'
    )


def _passage(parrot: Parrot, number: int, shown: int) -> str:
    one = parrot.seen[number]
    words = escape(parrot.text[one.start : one.end])
    chance = ", ".join(f"{name} null {_times(value)}" for name, value in one.chance.items())
    places = f"{several(one.count, 'time')} in {several(one.documents, 'document')}"
    quotes = "".join(_quote(source, words) for source in one.sources)
    return (
        f'<li id="p{shown}" class="{_kind(parrot, one)}"><a class="back" href="#t{shown}">{shown}</a>'
        f"<b>{words.strip()}</b>"
        f'<p class="about">{places}; expected by chance: {escape(chance)}</p>{quotes}</li>'
    )


def _quote(source: Source, words: str) -> str:
    return (
        f"<blockquote><cite>{escape(source.label)}</cite>"
        f"<span>… {escape(source.before.lstrip())}</span>{words}"
        f"<span>{escape(source.behind.rstrip())} …</span></blockquote>"
    )


def _times(power: float) -> str:
    """10 to a power, as a number of occurrences."""
    return f"{10**power:,.1f}" if power >= -1 else f"1 in 10^{-power:.0f}"
