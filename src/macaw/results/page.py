"""Page: the frame of an HTML page, light and dark, for a phone and paper; nothing loads, no script runs."""

from __future__ import annotations

from base64 import b64encode
from html import escape

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

PRINT = """
@page { size: A4; margin: 16mm 15mm; }
@media print {
  html { font-size: 9pt; }
  body { padding: 0; max-width: none; }
  section { margin-top: 2rem; padding-top: 1rem; }
  h1, h2, h3, h3 + p { break-after: avoid; }
  figure, table, li { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

# Three ranked bars in the colours of a macaw.
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" aria-hidden="true">'
    '<g stroke-width="5" stroke-linecap="round"><path d="M4 5h16" stroke="#17639f"/>'
    '<path d="M4 12h11" stroke="#e09a1a"/><path d="M4 19h6" stroke="#c2411c"/></g></svg>'
)
ICON = f"data:image/svg+xml;base64,{b64encode(MARK.encode()).decode()}"


def document(title: str, header: str, main: str, *, style: str) -> str:
    """A whole page: `header` and `main` are HTML, `title` is plain text, `style` is what they add to this."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="{ICON}">
<style>{COLORS}{TEXT}{style}{PRINT}</style>
</head>
<body>
<header>
<p class="brand">{MARK} macaw</p>
{header}
</header>
<main>
{main}
</main>
</body>
</html>
"""
