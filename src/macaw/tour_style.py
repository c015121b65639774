"""The style of the tour's report: light and dark, from 360 pixels wide to a desktop, and A4 paper."""

from __future__ import annotations

from macaw.results.page import COLORS, TEXT

FIGURES = """
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr));
  gap: 1.25rem 1.5rem; margin-top: 1.5rem; }
.figures div { display: flex; flex-direction: column; }
.figures dt { order: 2; font-size: .875rem; line-height: 1.35; color: var(--muted); }
.figures dd { font-size: 1.625rem; line-height: 1.25; font-weight: 600; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; }
.facts { display: grid; gap: 1rem; }
h2 + .facts { margin-top: 1.25rem; }
.facts dt { font-size: .875rem; color: var(--muted); }
.facts dd { text-wrap: pretty; overflow-wrap: anywhere; min-width: 0; }
table { border-collapse: collapse; min-width: min(100%, 27rem); font-variant-numeric: tabular-nums;
  font-size: .875rem; }
table + table { margin-top: 1.25rem; }
caption { font-size: 1rem; text-align: left; padding-bottom: .35rem; text-wrap: pretty; }
th { font-weight: 400; text-align: left; }
td, thead th + th { text-align: right; white-space: nowrap; }
thead th { font-size: .8125rem; color: var(--muted); }
th, td { padding: .3rem 0 .3rem .75rem; overflow-wrap: normal; border-bottom: 1px solid var(--line); }
th:first-child { padding-left: 0; }
"""

SAMPLES = """
.samples { list-style: ""; padding: 0; display: grid; gap: 2.5rem; }
.sample { display: grid; gap: 1.25rem 2.25rem; }
.sample > * { min-width: 0; }
.sample h4 { margin: 0; font-size: 1.0625rem; line-height: 1.3; }
.photo { display: block; width: auto; height: auto; max-width: 100%; border-radius: .375rem;
  background: var(--track); }
figcaption { display: flex; gap: .75rem; align-items: center; margin-top: .6rem; font-size: .8125rem;
  line-height: 1.4; color: var(--muted); }
.seen { width: 4rem; height: 4rem; flex: none; border-radius: .25rem; image-rendering: pixelated; }
.given { margin: 0; padding-left: 1rem; border-left: .25rem solid var(--track); }
.verdict { display: flex; gap: .5rem; margin: .2rem 0 1.1rem; font-size: .9375rem; line-height: 1.4; }
.verdict::before { content: ""; flex: none; width: .5rem; height: .5rem; margin-top: .4rem;
  border: .25rem solid; border-radius: 50%; }
.verdict.right { color: var(--strong); }
.verdict.later { color: var(--gold); }
.verdict.wrong { color: var(--scarlet); }
.verdict.outside { color: var(--muted); }
.verdict.outside::before { border-width: 1.5px; }
.time { margin-top: 1rem; font-size: .8125rem; color: var(--muted); font-variant-numeric: tabular-nums; }
"""

WIDE = """
@media (min-width: 44rem) {
  body { padding: 4rem 2.5rem 5rem; }
  .photo { max-height: 21rem; }
  .sample { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); }
  .facts > div { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: 1.5rem; }
  .facts dt { padding-top: .1rem; }
  .facts dd { max-width: 44rem; }
  table { font-size: 1rem; }
  pre { padding: .9rem 1.1rem; font-size: .875rem; }
  th, td { padding-left: 1.5rem; }
}
"""

PAPER = """
@page { size: A4; margin: 16mm 15mm; }
@media print {
  html { font-size: 9pt; }
  body { padding: 0; max-width: none; }
  nav { display: none; }
  section { margin-top: 2rem; padding-top: 1rem; }
  section.row ~ section.row { break-before: page; }
  h1, h2, h3, h4, h3 + p, pre + p { break-after: avoid; }
  .sample, pre, table, .figures, .facts > div { break-inside: avoid; }
  .figures { grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: 1rem; }
  .sample { grid-template-columns: 2fr 3fr; gap: 6mm; }
  .samples { gap: 7mm; }
  .photo { max-height: 62mm; }
  .facts > div { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: 1.5rem; }
  h3 + p, .facts dd { max-width: none; }
  pre { white-space: pre-wrap; }
  a { color: inherit; text-decoration: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

STYLE = COLORS + TEXT + FIGURES + SAMPLES + WIDE + PAPER
