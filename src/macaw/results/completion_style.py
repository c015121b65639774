"""The style of texts that were written, on their own page and as fragments of other pages."""

from __future__ import annotations

from macaw.results.autoregression_style import STYLE as AUTOREGRESSION
from macaw.results.autoregression_style import TEXT

STORY = """
.story { font: 1.1875rem/1.7 ui-serif, Georgia, "Noto Serif", serif; max-width: 38rem; margin-top: 1.5rem;
  hyphens: auto; overflow-wrap: anywhere; }
.story p + p { margin-top: .9em; }
.story .title { font-size: 1.5em; line-height: 1.25; font-weight: 600; letter-spacing: -.01em;
  margin-bottom: .9em; text-wrap: balance; }
.story .given { color: var(--muted); }
"""

# What a page that holds fragments of texts has to carry
FRAGMENT = TEXT + STORY

STYLE = (
    AUTOREGRESSION
    + STORY
    + """
.hard { border-collapse: collapse; margin-top: 1.25rem; font-variant-numeric: tabular-nums; }
.hard th, .hard td { text-align: left; padding: .3rem 1.5rem .3rem 0; border-top: 1px solid var(--line); }
.hard thead th { border: 0; font-size: .875rem; font-weight: 400; color: var(--muted); }
.hard .n { text-align: right; }
.hard td:last-child { color: var(--muted); overflow-wrap: anywhere; padding-right: 0; }
h1.story-title { font-family: ui-serif, Georgia, "Noto Serif", serif; font-weight: 600; }
.made pre { margin: 0 0 .5rem; }
.made > div, .made dd { min-width: 0; }
.story + .note { max-width: 38rem; }
details { margin-top: 1.25rem; } summary { cursor: pointer; color: var(--strong); }
@media print { details > :not(summary) { display: block; } }
"""
)
