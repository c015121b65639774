"""The style of the tour's report: light and dark, from 360 pixels wide to a desktop, and A4 paper."""

from __future__ import annotations

# The blue, gold and scarlet of a macaw, as in results/draw.py; text keeps a contrast of 4.5 to 1 or more.
COLORS = """
:root { color-scheme: light dark;
  --paper: #fff; --raised: #f6f8fa; --ink: #1c2733; --muted: #5c6875; --line: #d5dce3; --track: #e9eef2;
  --strong: #17639f; --pale: #a9c7df; --gold: #8f5c00; --scarlet: #b33a17; }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #11181f; --raised: #18222c; --ink: #e4eaf0; --muted: #9caab7; --line: #2c3946; --track: #253240;
  --strong: #6bb3ea; --pale: #3c6488; --gold: #efb64b; --scarlet: #f58a69; } }
"""

TEXT = """
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 66rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", "Noto Sans", sans-serif; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; margin: 0; }
p, dl, dd, ol, figure { margin: 0; }
a { color: var(--strong); }
.quiet { color: var(--muted); }
.brand { display: flex; align-items: center; gap: .6rem; font-weight: 600; color: var(--muted); }
.brand svg { width: 1.5rem; height: 1.5rem; flex: none; }
h1 { font-size: clamp(2rem, 1.4rem + 3vw, 3rem); letter-spacing: -.02em; margin: 1rem 0 .75rem; }
.lede { font-size: 1.1875rem; max-width: 44rem; text-wrap: pretty; }
nav { margin-top: 1.25rem; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
section { margin-top: 3.5rem; padding-top: 1.75rem; border-top: 3px solid var(--strong); }
h2 { font-size: clamp(1.5rem, 1.3rem + 1vw, 1.75rem); letter-spacing: -.01em; }
h2 + p { font-size: 1.0625rem; margin-top: .35rem; max-width: 44rem; }
h3 { font-size: 1.125rem; margin: 2.75rem 0 1rem; }
h3 + p { max-width: 44rem; text-wrap: pretty; }
code { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { margin: .75rem 0 1.25rem; padding: .75rem; overflow-x: auto; border-radius: .375rem;
  background: var(--raised); border: 1px solid var(--line);
  font: .8125rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre code { font: inherit; overflow-wrap: normal; }
.note { padding: .75rem 1rem; border-left: .25rem solid var(--gold); background: var(--raised);
  margin-top: 1.5rem; overflow-wrap: anywhere; }
.note.failed { border-color: var(--scarlet); }
"""

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
