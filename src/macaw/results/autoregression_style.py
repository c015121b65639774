"""The style of the page that shows a text token by token, and of the text where other pages show it."""

from __future__ import annotations

# Five shades of surprise, by a tint of the page's own blue, so that they follow it into dark mode and print.
TEXT = """
.written { font: 1.125rem/2.1 ui-serif, Georgia, "Noto Serif", serif; max-width: 46rem; margin-top: 1.25rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.written .tok { color: inherit; text-decoration: none; padding: .15em 0; border-radius: .2em;
  box-decoration-break: clone; -webkit-box-decoration-break: clone; }
.written a.tok:hover, .written a.tok:focus-visible { outline: 2px solid var(--strong); outline-offset: 1px; }
.written .lead, .written .given { color: var(--muted); }
.written .given.b3, .written .given.b4 { color: var(--ink); }
.written .taken { box-shadow: inset 0 -.18em var(--gold); }
.b1 { background: color-mix(in srgb, var(--strong) 9%, transparent); }
.b2 { background: color-mix(in srgb, var(--strong) 20%, transparent); }
.b3 { background: color-mix(in srgb, var(--strong) 33%, transparent); }
.b4 { background: color-mix(in srgb, var(--strong) 48%, transparent); }
.shades { display: flex; flex-wrap: wrap; gap: .25rem .5rem; align-items: center; font-size: .875rem;
  margin-top: 1rem; color: var(--muted); }
.shades span { padding: .1rem .6rem; border-radius: .2rem; color: var(--ink); }
"""

OWN = """
section > p { max-width: 44rem; text-wrap: pretty; }
section > p + p { margin-top: .75rem; }
.product { font-variant-numeric: tabular-nums; font-size: 1.0625rem; margin-top: .75rem;
  overflow-wrap: anywhere; }
.bits { overflow-x: auto; margin-top: 1.5rem; }
.bits svg { display: block; height: 13rem; max-width: none; }
.bits text { font: 12px/1 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--muted); }
.bits .bar { fill: var(--pale); }
.bits .bar.taken { fill: var(--gold); }
.bits .bar.given { fill: var(--line); }
.bits .axis { stroke: var(--line); fill: none; }
.bits .m0, .bits .m1, .bits .m2 { fill: none; stroke: var(--gold); stroke-width: 2.5; }
.bits .m1 { stroke: var(--scarlet); } .bits .m2 { stroke: var(--muted); }
.legend { list-style: ""; padding: 0; margin: .75rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem;
  font-size: .875rem; }
.legend + p { margin-top: .75rem; }
.legend li { display: flex; gap: .5rem; align-items: center; }
.legend i { width: 1.75rem; display: block; }
.turns { list-style: ""; padding: 0; margin-top: 1.75rem; display: grid; gap: 1.25rem 2.25rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); align-items: start; }
.turn { scroll-margin-top: 1rem; padding: 1rem 1.125rem 1.125rem; border: 1px solid var(--line);
  border-radius: .5rem; break-inside: avoid; min-width: 0; }
.turn:target { border-color: var(--strong); box-shadow: 0 0 0 2px var(--strong); }
.turn h3 { margin: 0; font-size: 1.0625rem; display: flex; gap: .5rem; align-items: baseline;
  flex-wrap: wrap; }
.turn h3 .no { color: var(--muted); font-weight: 400; font-size: .8125rem;
  font-variant-numeric: tabular-nums; }
.turn h3 b { overflow-wrap: anywhere; }
.turn h3 .how { margin-left: auto; font-weight: 400; font-size: .8125rem; color: var(--muted); }
.turn.taken h3 .how { color: var(--gold); font-weight: 600; }
.past { font-size: .875rem; color: var(--muted); margin-top: .3rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.past span { border-radius: .15em; color: var(--ink); padding: .05em 0; }
.alts { width: 100%; border-collapse: collapse; margin-top: .6rem; font-size: .875rem; table-layout: fixed;
  font-variant-numeric: tabular-nums; }
.alts th { font-weight: 400; text-align: left; padding: .12rem .5rem .12rem 0; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.alts thead th { font-size: .75rem; color: var(--muted); }
.alts td { padding: .12rem 0 .12rem .5rem; text-align: right; white-space: nowrap; }
.alts thead th + th { text-align: right; padding: 0 0 0 .5rem; }
.alts .w { width: 26%; }
.alts .n { width: 4.75rem; }
.alts.many { min-width: 24rem; }
.alts.many .w { width: 11%; }
.alts.many .n { width: 4.25rem; }
.scroll { overflow-x: auto; }
.alts td.tracks { padding-left: 0; text-align: left; }
.alts .came th, .alts .came td { font-weight: 600; }
.alts .off { color: var(--muted); font-size: .75rem; }
.track { display: block; height: 0; min-width: 1px; border-top: .4rem solid var(--pale); }
.track + .track { margin-top: 1px; }
.track.after { border-top: .22rem solid var(--strong); }
.track.other { border-top: .18rem solid var(--gold); }
.track.other2 { border-top: .18rem solid var(--scarlet); }
.turn .facts { margin-top: .6rem; font-size: .8125rem; color: var(--muted); text-wrap: pretty; }
.made { display: grid; gap: 1rem; margin-top: 1.25rem; }
.made dt { font-size: .875rem; color: var(--muted); }
.made dd { text-wrap: pretty; overflow-wrap: anywhere; }
@media (min-width: 44rem) {
  body { padding: 4rem 2.5rem 5rem; }
  .made > div { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: 1.5rem; }
  .made dd { max-width: 44rem; }
}
@media print { .turns { grid-template-columns: 1fr 1fr; gap: 5mm; } .turn:target { box-shadow: none; } }
"""

STYLE = TEXT + OWN
