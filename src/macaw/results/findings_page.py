"""Findings as one self-contained HTML page: what was found, the pictures that it is about, the classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import PurePath

from macaw.results.found import SEVERITIES, Crop, Finding, Found, Suspect
from macaw.results.fragments import image
from macaw.results.page import document

_PLACES = 5  # of a finding that are seen at once; the others unfold
_SIDE = 192  # pixels of a crop, which are not enlarged
_SUSPECTS = 200
_BARE = '<div class="bare"></div>'  # in place of a picture

STYLE = """
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: 1.25rem 1.5rem;
  margin-top: 1.5rem; }
.figures div { display: flex; flex-direction: column; }
.figures dt { order: 2; font-size: .875rem; color: var(--muted); }
.figures dd { font-size: 1.625rem; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
.verdict { font-weight: 600; }
.verdict.failed { color: var(--scarlet); }
.verdict.sound { color: var(--strong); }
.found { margin-top: 1.75rem; padding-left: 1rem; border-left: .25rem solid var(--line);
  break-inside: avoid; }
.found.grave-error { border-color: var(--scarlet); }
.found.grave-warning { border-color: var(--gold); }
.found h3 { margin: 0; font-size: 1.0625rem; line-height: 1.35; overflow-wrap: anywhere; }
.kind { font-size: .8125rem; color: var(--muted); }
.grave-error .kind b { color: var(--scarlet); }
.grave-warning .kind b { color: var(--gold); }
.remedy { margin-top: .15rem; text-wrap: pretty; }
.places { list-style: ""; margin: .5rem 0 0; padding: 0; font-size: .875rem; color: var(--muted);
  overflow-wrap: anywhere; }
summary { cursor: pointer; margin-top: .25rem; font-size: .875rem; color: var(--strong); }
.pairs, .crops { list-style: ""; margin: 1rem 0 0; padding: 0; display: grid; gap: 1rem; }
.pairs { grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); }
.pairs li { display: grid; grid-template-columns: 1fr 1fr; gap: .375rem; align-items: start; }
.crops { grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); margin-top: 1.5rem; }
.crops.wide { grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); }
.crops img, .pairs img { display: block; width: 100%; height: auto; border-radius: .25rem;
  background: var(--track); }
.crops figcaption, .pairs figcaption { margin-top: .3rem; font-size: .8125rem; line-height: 1.35;
  overflow-wrap: anywhere; }
.crops small, .pairs small { display: block; font-size: .75rem; color: var(--muted); }
.some { display: grid; grid-template-columns: 1fr 1fr; gap: .1875rem; }
.bare { aspect-ratio: 1; border-radius: .25rem; background: var(--track); }
@media print {
  .pairs { grid-template-columns: repeat(4, 1fr); }
  .crops { grid-template-columns: repeat(8, 1fr); }
}
"""


def findings_page(findings: Found) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs; long lists unfold."""
    name = PurePath(findings.path).name or findings.path
    kind = "failed" if findings.failed else "sound"
    header = (
        f"<h1>{escape(name)}</h1>\n"
        f'<p class="lede"><span class="verdict {kind}">{escape(findings.verdict)}.</span></p>\n'
        f'<p class="quiet">{escape(findings.title)}</p>\n{_figures(findings)}'
    )
    main = "\n".join(filter(None, (_found(findings), _suspects(findings), _classes(findings))))
    return document(f"{name}: {findings.verdict}", header, main, style=STYLE)


def _figures(findings: Found) -> str:
    totals = Counter(one.severity for one in findings.findings)
    figures = [(f"{number:,}", f"{findings.things} in {split}") for split, number in findings.splits.items()]
    if findings.counted == "object":
        figures.append((f"{findings.objects:,}", "objects"))
    if findings.counted != "document":
        figures.append((f"{len(findings.classes):,}", "classes"))
    figures += [(f"{totals[severity]}", f"{severity}s") for severity in SEVERITIES]
    cells = (f"<div><dt>{escape(words)}</dt><dd>{value}</dd></div>" for value, words in figures)
    return "\n".join(['<dl class="figures">', *cells, "</dl>"])


def _found(findings: Found) -> str:
    if not findings.findings:
        return ""
    parts = "\n".join(_finding(one, findings) for one in findings.findings)
    return f'<section>\n<h2>What was found</h2>\n<p class="quiet">The gravest first.</p>\n{parts}\n</section>'


def _finding(one: Finding, findings: Found) -> str:
    pairs = [pair for pair in findings.pairs if pair.code == one.code]
    shown = "\n".join(f"<li>{_crop(pair.left)}{_crop(pair.right)}</li>" for pair in pairs)
    pictures = f'\n<ul class="pairs">\n{shown}\n</ul>' if pairs else ""
    return (
        f'<article class="found grave-{one.severity}">\n'
        f'<p class="kind"><b>{one.severity}</b> {escape(one.code)}</p>\n'
        f"<h3>{escape(_capital(one.words))}</h3>\n"
        f'<p class="remedy">{escape(_capital(one.remedy))}.</p>{_places(one)}{pictures}\n</article>'
    )


def _places(one: Finding) -> str:
    if not one.where:
        return ""
    first, rest = one.where[:_PLACES], one.where[_PLACES:]
    text = f'\n<ul class="places">\n{_items(first)}\n</ul>'
    if rest:
        total = max(one.count, len(one.where))
        words = f"{len(rest):,} more" + (f" of {total:,}" if total > len(one.where) else "")
        text += f'\n<details><summary>{words}</summary>\n<ul class="places">\n{_items(rest)}\n</ul></details>'
    return text


def _items(places: Iterable[str]) -> str:
    return "\n".join(f"<li>{escape(place)}</li>" for place in places)


def _suspects(findings: Found) -> str:
    shown = [one for one in findings.suspects if one.crop is not None][:_SUSPECTS]
    more = len(findings.suspects) - len(shown)
    rest = f" {more:,} more are in the JSON." if more > 0 else ""
    words = f"A model that never saw them calls them by another name; the most doubtful first.{rest}"
    return _gallery("Labels in doubt", words, map(_suspect, shown), kind="crops wide") if shown else ""


def _suspect(one: Suspect) -> str:
    given, suggested = (escape(", ".join(names) or "none") for names in (one.given, one.suggested))
    picture = image(one.crop.picture, f"{one.source}", side=_SIDE) if one.crop else ""
    caption = f"<small>given {given}</small><b>{suggested}</b><small>{_path(one.source)}</small>"
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _classes(findings: Found) -> str:
    crops: dict[str, list[Crop]] = defaultdict(list)
    for crop in findings.crops:
        crops[crop.name].append(crop)
    items = (_class(name, crops.get(name, ()), findings) for name in findings.classes)
    which = (
        "Some objects of each, the largest first" if findings.counted == "object" else "One picture of each"
    )
    words = f"{which}: do the names belong to them?"
    kind = "crops wide" if len(findings.crops) > len(crops) else "crops"
    return _gallery("The classes", words, items, kind=kind) if findings.classes else ""


def _gallery(title: str, words: str, figures: Iterable[str], *, kind: str) -> str:
    items = "\n".join(f"<li>{figure}</li>" for figure in figures)
    return f'<section>\n<h2>{title}</h2>\n<p>{words}</p>\n<ul class="{kind}">\n{items}\n</ul>\n</section>'


def _class(name: str, crops: Sequence[Crop], findings: Found) -> str:
    counts = ", ".join(f"{split} {number:,}" for split, number in findings.classes[name].items())
    pictures = "".join(image(crop.picture, name, side=_SIDE) for crop in crops)
    shown = f'<div class="some">{pictures}</div>' if len(crops) > 1 else pictures or _BARE
    return f"<figure>{shown}<figcaption>{escape(name)}<small>{escape(counts)}</small></figcaption></figure>"


def _crop(crop: Crop) -> str:
    caption = f"<b>{escape(crop.note)}</b><small>{_path(crop.name)}</small>"
    picture = image(crop.picture, crop.name, side=_SIDE)
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _path(name: str) -> str:
    """A path that breaks after its slashes, where it does not fit."""
    return escape(name).replace("/", "/<wbr>")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
