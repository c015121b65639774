"""The scores of a classifier as one self-contained HTML page, for a screen, a phone and paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from macaw.results.measures import ClassScore, Interval

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2733; background: #fff; margin: 0 auto;
       padding: 2rem 1rem; max-width: 60rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
p { color: #64717f; margin: 0 0 1rem; }
img { width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { color: #64717f; font-weight: 500; text-align: right; }
td { text-align: right; } th:first-child, td:first-child { text-align: left; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #e5eaee; }
tbody tr:hover { background: #f5f8fa; }
@media print { body { padding: 0; max-width: none; font-size: 10pt; } tr { break-inside: avoid; } }
"""


def score_page(
    title: str, note: str, metrics: Mapping[str, Interval], per_class: Sequence[ClassScore], *, picture: bytes
) -> str:
    """The page; `picture` is a PNG. Nothing is loaded from elsewhere and no script runs."""
    source = "data:image/png;base64," + base64.b64encode(picture).decode()
    rows = "".join(_row(score) for score in per_class)
    figures = "".join(
        f"<tr><td>{escape(name)}</td><td><b>{escape(interval.text)}</b></td>"
        f"<td>{escape(str(interval).removeprefix(interval.text).strip())}</td></tr>\n"
        for name, interval in metrics.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>{escape(note)}</p>
<table>
<thead><tr><th>measure</th><th>value</th><th>95 % interval</th></tr></thead>
<tbody>
{figures}</tbody>
</table>
<h2>In pictures</h2>
<img src="{source}" alt="{escape(title)}: confusion, calibration and scores">
<h2>Class by class</h2>
<div class="wide"><table>
<thead><tr><th>class</th><th>examples</th><th>precision</th><th>recall</th><th>F1</th></tr></thead>
<tbody>
{rows}</tbody>
</table></div>
</body>
</html>
"""


def _row(score: ClassScore) -> str:
    figures = (score.precision, score.recall, score.f1)
    cells = [f"{score.count:,}", *("n/a" if x is None else f"{100 * x:.1f} %" for x in figures)]
    return f"<tr><td>{escape(score.name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"
