"""The board as one self-contained HTML page: for each data set a plot over time and a table; no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from macaw.results import board_plot
from macaw.results.board_plot import NBSP, day, plot
from macaw.results.measures import Interval
from macaw.results.page import document
from macaw.results.record import Record
from macaw.results.series import HASH, Series, lower_is_better, series_of

STYLE = """
body { max-width: 72rem; font-variant-numeric: tabular-nums; }
h2, .lede { overflow-wrap: anywhere; }
figure { margin-top: 1.5rem; }
figcaption { font-size: .9375rem; margin-bottom: .75rem; color: var(--muted); }
figcaption b { color: var(--ink); }
table { border-collapse: collapse; width: 100%; margin-top: 1.75rem; font-size: .875rem; }
th { font-weight: 400; text-align: left; }
thead th { color: var(--muted); font-size: .8125rem; border-bottom: 1px solid var(--line); }
th, td { padding: .6rem .75rem .15rem 0; vertical-align: top; }
thead th { padding-bottom: .35rem; vertical-align: bottom; }
td small { display: block; color: var(--muted); font-size: .8125rem; }
tbody th, tbody td { overflow-wrap: anywhere; }
.best b { color: var(--strong); }
.again td { padding: .15rem 0 .7rem; border-bottom: 1px solid var(--line); font-size: .8125rem; }
.again code { color: var(--ink); }
tbody:target { background: var(--raised); }
@media (max-width: 44rem) {
  table, tbody { display: block; }
  thead { display: none; }
  tbody { border-bottom: 1px solid var(--line); padding: .75rem 0; }
  tbody tr { display: block; }
  th, td, .again td { display: block; padding: .1rem 0; border: 0; }
  td[data-name] { display: grid; grid-template-columns: 8.5rem 1fr; gap: .75rem; }
  td[data-name]::before { content: attr(data-name); color: var(--muted); }
  td small { display: inline; }
  .again td { padding-top: .4rem; }
}
@media (min-width: 44rem) { body { padding: 4rem 2.5rem 5rem; } }
@media print {
  body { padding: 0; max-width: none; }
  nav { display: none; }
  table { break-inside: auto; }
  tbody, h2 + p { break-inside: avoid; }
}
"""

SHOWN = 6  # metrics in a row: a detector has twelve, and their intervals must not be torn apart


def board_page(records: Sequence[Record], notes: Sequence[str] = ()) -> str:
    """The page of these records; `notes` are what the reader should know of the file they came from."""
    series = series_of(records)
    links = "".join(f'<a href="#{_id(one)}">{escape(one.title)}</a>\n' for one in series)
    header = f"""<h1>The board</h1>
<p class="lede">{_lede(records, series)} Each can be run again by its command; or by
<code>macaw board --rerun</code> and the name of its row, which compares.</p>
{"".join(f'<p class="note">{escape(note)}</p>' for note in notes)}
{f'<nav aria-label="Data sets">{links}</nav>' if len(series) > 1 else ""}"""
    main = "".join(map(_section, series)) or "<p>Nothing was evaluated yet.</p>"
    return document("The board of evaluations", header, main, style=board_plot.STYLE + STYLE)


def _lede(records: Sequence[Record], series: Sequence[Series]) -> str:
    models = len({one.weights for one in records})
    words = _count(len(records), "evaluation"), _count(models, "model"), _count(len(series), "data set")
    return f"{words[0]} of {words[1]} on {words[2]}."


def _section(series: Series) -> str:
    metric = series.metrics[0]
    better = "lower" if lower_is_better(metric) else "higher"
    heads = "".join(
        f'<th scope="col">{escape(name)}</th>' for name in ("row", "model", *series.metrics[:SHOWN])
    )
    rows = "\n".join(_row(series, one) for one in reversed(series.records))
    hidden = len(series.metrics) - SHOWN
    more = f"{hidden} more are in <code>macaw board --json</code>." if hidden > 0 else ""
    return f"""<section aria-labelledby="{_id(series)}">
<h2 id="{_id(series)}">{escape(series.title)}</h2>
<p class="quiet">{escape(series.note)}. By {escape(metric)}, {better} is better; 95{NBSP}% intervals.
{more}</p>
{plot(series, metric)}
<table>
<thead><tr>{heads}</tr></thead>
{rows}
</table>
</section>
"""


def _row(series: Series, record: Record) -> str:
    cells = "\n".join(_score(series, record, name) for name in series.metrics[:SHOWN])
    facts = escape(
        f"{record.engine}; commit {record.commit}; weights {record.weights[:HASH]}; seed {record.seed}; "
        f"{record.machine}; {record.seconds:,.1f} s"
    )
    return f"""<tbody id="row-{record.row}">
<tr><th scope="row"><code>{record.row}</code><br><small class="quiet">{day(record.when)}</small></th>
<td data-name="model">{escape(record.model)}</td>
{cells}</tr>
<tr class="again"><td colspan="{2 + len(series.metrics[:SHOWN])}"><code>{escape(record.command)}</code><br>
<span class="quiet">{facts}</span></td></tr>
</tbody>"""


def _score(series: Series, record: Record, name: str) -> str:
    value = record.metrics.get(name)
    if value is None:
        return f'<td data-name="{escape(name)}" class="quiet">n/a</td>'
    first = series.best(name) is record and len(series.records) > 1
    number = f"<b>{escape(value.text)}</b> best" if first else escape(value.text)
    interval = f"<small>{escape(_range(value))}</small>"
    kind = ' class="best"' if first else ""
    return f'<td data-name="{escape(name)}"{kind}><span>{number} {interval}</span></td>'


def _range(value: Interval) -> str:
    return str(value).removeprefix(value.text).strip(" []").replace(", ", f"{NBSP}to{NBSP}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _id(series: Series) -> str:
    last = series.records[-1]
    return f"{last.task}-{last.content[:HASH]}-{''.join(c if c.isalnum() else '-' for c in last.split)}"
