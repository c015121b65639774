"""An explanation as one self-contained HTML page, for whoever wants to know why; and as a piece of a page.

Every picture has one sentence that says how to read it, and one that says what it does not show.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from macaw.results import charts, fragments, heat
from macaw.results.evidence import Heat, Trial
from macaw.results.explanation_inside import near_section, parts_section, section
from macaw.results.explanation_style import STYLE
from macaw.results.explanation_words import (
    CENTRE,
    MADE,
    METHODS,
    NBSP,
    SANITY,
    TESTS,
    found,
    near,
    percent,
    subject,
)
from macaw.results.fragments import Ranked, image, ranking
from macaw.results.page import document

if TYPE_CHECKING:
    from macaw.results.explanation import Explanation

SIDE, SEEN = 640, 128  # pixels of a photograph, and of what the model sees of it


def explanation_page(why: Explanation) -> str:
    """The whole page."""
    header = f'<h1>{escape(why.question)}</h1>\n<p class="lede">{escape(_lede(why))}</p>'
    sections = (_answer(why), _moved(why), near_section(why), parts_section(why), _made(why))
    style = fragments.STYLE + charts.STYLE + STYLE
    return document(why.question, header, "\n".join(filter(None, sections)), style=style)


def explanation_fragment(why: Explanation) -> str:
    """The maps with their scale, and what was found, in words: for a page that carries MAPS."""
    figures = "\n".join(_map(why, one, side=480) for one in why.maps)
    maps = f'<div class="maps">\n{figures}\n</div>\n{_scale()}' if figures else ""
    words = [f"<p>{escape(said)}</p>" for said in (found(why), near(why)) if said]
    notes = [f'<p class="quiet">{escape(note)}</p>' for note in why.notes]
    return "\n".join(['<div class="why">', *filter(None, (maps, *words, *notes)), "</div>"])


def _lede(why: Explanation) -> str:
    answer = why.answer
    source = answer.source.replace("\\", "/").rsplit("/", 1)[-1] or "this picture"
    rank = f"rank {answer.rank((why.target,))} of {len(answer):,}{NBSP}classes"
    return f"{why.model or 'The model'} gives {source} this class with {percent(answer[why.target])}: {rank}."


def _answer(why: Explanation) -> str:
    side = why.seen.shape[0]
    photo = image(heat.dimmed(why.picture, why.frame, side=SIDE), "The photograph", side=SIDE, kind="photo")
    seen = image(why.seen, "The same, as the model sees it", side=SEEN, kind="seen")
    words = f"All that the model sees: the bright part, at {side}{NBSP}×{NBSP}{side}{NBSP}pixels."
    asked = {why.target, why.against}
    ranked = enumerate(why.answer, start=1)
    guesses = [Ranked(rank, name, prob) for rank, (name, prob) in ranked if rank <= 5 or name in asked]
    return section(
        "What it saw, and what it said",
        f'<div class="pair">\n<figure>{photo}<figcaption class="sight">{seen}<p>{words}</p></figcaption>',
        f"</figure>\n<div>{ranking(guesses)}</div>\n</div>",
    )


def _moved(why: Explanation) -> str:
    if not why.maps:
        return ""
    figures = "\n".join(_map(why, one, side=SIDE) for one in why.maps)
    return section(
        "What moved the answer",
        f'<div class="why">\n<div class="maps">\n{figures}\n</div>\n{_scale()}\n</div>',
        _tests(why),
        _sanity(why),
    )


def _map(why: Explanation, one: Heat, *, side: int) -> str:
    method = METHODS[one.by]
    drawn = heat.overlay(why.picture, one.values, why.frame, side=side)
    picture = image(drawn, f"The photograph under its map {method.title}", side=side, kind="photo")
    title = f"<b>{escape(method.title.capitalize())}.</b>"
    words = f"<p>{title} {escape(method.reads)} <i>{escape(method.hides)}</i></p>"
    return f"<figure>{picture}<figcaption>{words}</figcaption></figure>"


def _scale() -> str:
    """The colours of the maps, with words at both ends."""
    steps = "".join(
        f'<rect x="{x}" width="1.1" height="1" fill="rgb({r},{g},{b})"/>'
        for x, (r, g, b) in enumerate(heat.scale(33).tolist())
    )
    bar = f'<svg viewBox="0 0 33 1" preserveAspectRatio="none" aria-hidden="true">{steps}</svg>'
    return f'<p class="scale"><span>speaks against it</span>{bar}<span>speaks for it</span></p>'


def _tests(why: Explanation) -> str:
    """The curves of every map, beside those of a map that points at the centre."""
    trials = {METHODS[one.by].title: one.trial for one in why.maps}
    if why.guess:
        trials[CENTRE] = why.guess
    figures = "\n".join(_curves(why, trials, kind) for kind in ("hidden", "shown"))
    return (
        f"<h3>Put to the test</h3>\n<p>{escape(found(why))}</p>\n<p>{escape(TESTS)}</p>\n"
        f'{charts.key(list(trials))}\n<div class="pair">\n{figures}\n</div>'
    )


def _curves(why: Explanation, trials: dict[str, Trial], kind: str) -> str:
    curves = {name: one.deletion if kind == "hidden" else one.insertion for name, one in trials.items()}
    lines = [charts.Line(name, curve.shares, curve.probs) for name, curve in curves.items()]
    chart = charts.lines(lines, f"of the picture {kind}", f"{subject(why)} while more and more is {kind}")
    means = ", ".join(f"{name} {percent(curve.area)}" for name, curve in curves.items())
    better = "less is better" if kind == "hidden" else "more is better"
    words = (
        f"<b>{escape(subject(why))} while the hottest are {kind} first.</b> Mean, {better}: {escape(means)}."
    )
    return f"<figure>{chart}<figcaption><p>{words}</p></figcaption></figure>"


def _sanity(why: Explanation) -> str:
    if why.sanity is None:
        return ""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(stage)}</th><td class="bar">{charts.signed_bar(value, 1)}</td>'
        f"<td>{value:.2f}</td></tr>"
        for stage, value in zip(why.sanity.stages, why.sanity.likeness.tolist(), strict=True)
    )
    title = "Does the map by gradient show what was learned?"
    return (
        f"<h3>{title}</h3>\n<p><b>{escape(why.sanity.words)}</b></p>\n"
        f'<p>{escape(SANITY)}</p>\n<table class="bars">\n<thead><tr><th scope="col">made random</th><th></th>'
        f'<th scope="col">likeness</th></tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'
    )


def _made(why: Explanation) -> str:
    notes = "\n".join(f'<p class="note">{escape(note)}</p>' for note in why.notes)
    there = (bool(why.maps), why.sanity is not None, why.neighbours is not None)
    facts = {METHODS[one.by].title.capitalize(): METHODS[one.by].source for one in why.maps}
    facts |= {name: words for (name, words), so in zip(MADE.items(), there, strict=True) if so}
    items = "\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())
    return section("How it was made", notes, f'<dl class="made">\n{items}\n</dl>') if facts or notes else ""
