"""The style of an explanation: of its maps, which other pages show too, and of its own page."""

from __future__ import annotations

MAPS = """
.why .maps { display: grid; gap: 1.5rem 2.25rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
.why .maps > * { min-width: 0; }
.why .photo { display: block; width: 100%; height: auto; max-height: none; border-radius: .375rem;
  background: var(--track); }
.why figcaption { display: block; margin-top: .6rem; font-size: .875rem; line-height: 1.45; color: var(--ink);
  text-wrap: pretty; }
.why figcaption i { color: var(--muted); font-style: normal; }
.why .scale { display: flex; gap: .75rem; align-items: center; margin: 1.25rem 0 1rem; font-size: .875rem; }
.why .scale svg { flex: 1 1 6rem; max-width: 20rem; height: .75rem; border-radius: .2rem; }
.why > p { max-width: 44rem; text-wrap: pretty; }
@media print { .why .maps { grid-template-columns: 1fr 1fr; gap: 6mm; } }
"""

OWN = """
section > p { max-width: 44rem; text-wrap: pretty; }
section > p + p, section > p + table { margin-top: .75rem; }
h2 + h3 { margin-top: 1.25rem; }
.pair { display: grid; gap: 1.5rem 2.25rem; margin-top: 1.5rem; }
.pair > * { min-width: 0; }
.photo { display: block; width: 100%; height: auto; border-radius: .375rem; background: var(--track); }
figcaption { margin-top: .6rem; font-size: .875rem; line-height: 1.45; text-wrap: pretty; }
.pair .sight { display: flex; gap: .75rem; align-items: center; color: var(--muted); }
.seen { width: 4rem; height: 4rem; flex: none; border-radius: .25rem; image-rendering: pixelated; }
.near { list-style: ""; padding: 0; margin-top: 1.5rem; display: grid; gap: 1.25rem .75rem;
  grid-template-columns: repeat(auto-fill, minmax(6.75rem, 1fr)); font-size: .875rem; line-height: 1.35; }
.near li { display: flex; flex-direction: column; overflow-wrap: anywhere; }
.near b { font-weight: 500; }
.near .same b { font-weight: 600; color: var(--strong); }
.near .seen { width: 100%; max-width: 8rem; height: auto; aspect-ratio: 1; margin-bottom: .4rem;
  background: var(--track); }
.near span { font-size: .75rem; font-variant-numeric: tabular-nums; }
.levels { display: grid; gap: 1.5rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); }
.tiles { display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: .25rem; }
.bars { border-collapse: collapse; width: 100%; max-width: 44rem; margin-top: 1rem; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
.bars th { font-weight: 400; text-align: left; }
.bars thead th { font-size: .8125rem; color: var(--muted); }
.bars th, .bars td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
.bars td:last-child, .bars thead th:last-child { text-align: right; padding-right: 0; white-space: nowrap; }
.bars .bar { width: 25%; }
.bars .quiet { white-space: nowrap; }
.bars .total > * { font-weight: 600; border-bottom: 0; }
.spot { display: block; width: 4.5rem; height: auto; border-radius: .25rem; }
.made { display: grid; gap: 1rem; margin-top: 1.25rem; }
.made dt { font-size: .875rem; color: var(--muted); }
.made dd { text-wrap: pretty; overflow-wrap: anywhere; }
@media (min-width: 44rem) {
  body { padding: 4rem 2.5rem 5rem; }
  .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .bars .bar { width: 45%; }
  .made > div { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: 1.5rem; }
  .made dd { max-width: 44rem; }
}
@media print {
  .pair { grid-template-columns: 1fr 1fr; gap: 6mm; }
  .levels { grid-template-columns: repeat(4, 1fr); }
  .near { grid-template-columns: repeat(8, 1fr); }
}
"""

STYLE = MAPS + OWN
