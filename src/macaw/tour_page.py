"""The report of the tour: HTML for a desktop, a phone and paper, that loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any

from macaw.data.pictures import read_picture
from macaw.results import fragments
from macaw.results.completion_style import FRAGMENT
from macaw.results.explanation_style import MAPS
from macaw.results.measures import Interval
from macaw.results.page import ICON, MARK
from macaw.tour_style import STYLE
from macaw.visit import CHOICES, Answered, Visit, megabytes, milliseconds, scores_of

SIDE = 640  # pixels of a sample's picture: sharp at the width it is shown, a few dozen kilobytes each
SEEN = 64  # pixels up to which it is worth showing what the model sees
NBSP = "\u00a0"
DRAWN = """
img.drawn { border-radius: .375rem; }
img.drawn + .ranking, img.drawn + p { margin-top: 1rem; }
"""  # answers drawn on their picture, above what they list

# What a person types in place of an input of this kind.
EXAMPLES = {"picture": "photo.jpg", "text": "Once upon a time"}
KEPT = {"picture": "answer.png", "text": "answer.html"}  # as what an answer is saved
SPENT = {"picture": "file read, answer given", "text": "written to its end"}  # what a time is of

MEASURED = {
    "A sample": "From its file, or its words, to the whole answer, one at a time: reading, preparing, "
    "computing, decoding. Median of up to nine repeats; the first answer is not among them.",
    "First answer": "From nothing loaded to the first answer, in this process: importing what computes, "
    "opening the model, reading the file, computing. The start of Python is not in it, and the first "
    "application imports for all.",
    "Opening": "Card, weights and graph, until it can compute; median of up to nine repeats, all imported.",
    "Right": "Each sample carries the names of classes that would be right. Where the model knows none of "
    "them, its answer is not judged.",
}


def page(rows: Sequence[Visit], *, place: str, machine: str, seconds: float) -> str:
    """The whole report: `place` says on how many cores of what, `machine` that and the versions."""
    links = "".join(f'<a href="#{_id(row)}">{escape(row.task.name)}</a>\n' for row in rows)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The tour of macaw: {", ".join(escape(row.task.name) for row in rows)}</title>
<link rel="icon" href="{ICON}">
<style>{STYLE}{fragments.STYLE}{FRAGMENT}{DRAWN}{MAPS}</style>
</head>
<body>
<header>
<p class="brand">{MARK} macaw</p>
<h1>The tour</h1>
<p class="lede">{escape(_lede(rows, place, seconds))}</p>
{f'<nav aria-label="Applications">{links}</nav>' if len(rows) > 1 else ""}
</header>
<main>
{"".join(map(_section, rows))}
{_closing(rows, machine)}
</main>
</body>
</html>
"""


def _lede(rows: Sequence[Visit], place: str, seconds: float) -> str:
    shown = _count(sum(len(row.answered) for row in rows), "sample")
    return (
        "Every application of macaw, once, on the small model that comes with it. "
        f"Here: {_count(len(rows), 'application')}, {shown}, {seconds:.1f}{NBSP}seconds on {place}; "
        "no GPU, no download."
    )


def _section(row: Visit) -> str:
    task = row.task
    parts = [
        f'<section class="row" id="{_id(row)}" aria-labelledby="{_id(row)}-title">',
        f'<h2 id="{_id(row)}-title">{escape(task.name)}</h2>',
        f"<p>{escape(task.does)}</p>",
    ]
    if row.problem:
        parts.append(f'<p class="note failed"><b>It did not run:</b> {escape(row.problem)}</p>')
    else:
        samples = "\n".join(map(_sample, row.answered))
        parts += [_figures(row), f'<h3>What it says</h3>\n<ol class="samples">\n{samples}\n</ol>', _why(row)]
    parts += [f'<p class="note">{escape(note)}</p>' for note in row.notes]
    parts += [_card(row), "" if row.problem else _commands(row), "</section>"]
    return "\n".join(part for part in parts if part)


def _why(row: Visit) -> str:
    """How the first answer came about."""
    if row.why is None:
        return ""
    file = row.answered[0].sample.file
    given = f'"{file}"' if " " in file else file
    more = f"The whole page is made by <code>macaw explain {escape(row.task.name)} {escape(given)}</code>."
    return f'<h3>{escape(row.why.headline)}</h3>\n{row.why.fragment()}\n<p class="quiet">{more}</p>'


def _figures(row: Visit) -> str:
    judged = [one.verdict.kind for one in row.answered if one.right and one.verdict]
    right = judged.count("right")
    figures = [
        (milliseconds(row.seconds), f"for a {row.task.takes}: {SPENT[row.task.takes]}"),
        (milliseconds(row.first), "to the first answer, from nothing loaded"),
        (milliseconds(row.opening), "to open the model"),
        (megabytes(row.weights), "of weights"),
    ]
    if judged:
        said = "right at once" if row.task.gives in CHOICES else "found"
        figures.insert(0, (f"{right} of {len(judged)}", f"{said}, of the samples whose subject it knows"))
    if row.score:
        words = f"{row.task.metric} on its card; 95{NBSP}% interval {_range(row.score)}"
        figures.insert(0, (row.score.text, words))
    cells = [f"<div><dt>{escape(words)}</dt><dd>{escape(value)}</dd></div>" for value, words in figures]
    return "\n".join(['<dl class="figures">', *cells, "</dl>"])


def _sample(one: Answered) -> str:
    verdict = one.verdict
    said = f'<p class="verdict {verdict.kind}">{escape(_capital(verdict.words))}</p>\n' if verdict else ""
    return f"""<li class="sample">
<figure>
{_shown(one)}
</figure>
<div>
<h4>{escape(one.sample.title)}</h4>
{said}{one.answer.fragment(right=one.right)}
<p class="time">Answered in {milliseconds(one.seconds)}</p>
</div>
</li>"""


def _shown(one: Answered) -> str:
    """The input itself, as its kind is shown, and whose it is."""
    sample = one.sample
    if sample.package is None:
        return f'<blockquote class="given">{escape(sample.file)}</blockquote>'
    credit = f"{escape(sample.author)}: {escape(sample.terms)}. Comes with {escape(sample.package.name)}."
    photo = fragments.image(read_picture(sample.input), sample.alt, side=SIDE, kind="photo")
    if one.seen is None or max(one.seen.shape) > SEEN:
        return f"{photo}\n<figcaption><p>{credit}</p></figcaption>"
    height, width = one.seen.shape[:2]
    seen = fragments.image(one.seen, f"The same picture, {width} by {height} pixels", side=SEEN, kind="seen")
    words = f"This is all the model sees: {width}{NBSP}×{NBSP}{height}{NBSP}pixels."
    return f"{photo}\n<figcaption>{seen}<p>{words}<br>{credit}</p></figcaption>"


def _card(row: Visit) -> str:
    card = row.card
    if card is None:
        return ""
    scores = "\n".join(_scores(data, metrics) for data, metrics in scores_of(card).items())
    facts = [
        ("Scores", scores or "none on its card"),
        ("Knows", escape(_knows(card.names))),
        ("Trained on", _training(card.training)),
        ("Terms", "<br>".join(escape(f"{_capital(what)}: {terms}") for what, terms in card.terms.items())),
        ("Limits", escape(card.limits)),
    ]
    return f"<h3>The model: {escape(card.name)}</h3>\n{_facts(facts)}"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    """A list of name and HTML; what is empty is left out."""
    items = "\n".join(f"<div><dt>{name}</dt><dd>{words}</dd></div>" for name, words in facts if words)
    return f'<dl class="facts">\n{items}\n</dl>'


def _scores(data: str, metrics: dict[str, Interval]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td><b>{escape(value.text)}</b></td>'
        f'<td class="quiet">{escape(_range(value))}</td></tr>'
        for name, value in metrics.items()
    )
    head = "".join(f'<th scope="col">{words}</th>' for words in ("measure", "value", f"95{NBSP}% interval"))
    return f"""<table>
<caption>{escape(data)}</caption>
<thead>
<tr>{head}</tr>
</thead>
<tbody>
{rows}
</tbody>
</table>"""


def _knows(names: Sequence[str]) -> str:
    """How many classes, and eight of them from all over the table."""
    if not names:
        return ""
    some = [*names] if len(names) <= 8 else [*(names[i * len(names) // 8] for i in range(8)), "…"]
    return f"{_count(len(names), 'class')}: {' · '.join(some)}"


def _training(how: Mapping[str, Any]) -> str:
    """What of a card's `training` is there, as HTML."""
    examples = how.get("examples", {})
    told = {
        "data": how.get("data"),
        "train": f"{examples['train']:,} examples" if "train" in examples else None,
        "val": f"{examples['val']:,} more to choose by" if "val" in examples else None,
        "epochs": f"{how['epochs']:.3g} passes" if "epochs" in how else None,
        "minutes": f"{how['minutes']:.3g} minutes" if "minutes" in how else None,
        "machine": how.get("machine"),
    }
    words = escape("; ".join(part for part in told.values() if part))
    return words + (f"<br><code>{escape(how['command'])}</code>" if "command" in how else "")


def _commands(row: Visit) -> str:
    task, example = row.task, EXAMPLES[row.task.takes]
    word = f'"{example}"' if " " in example else example
    terminal = f"""macaw run {task.name} {word}
macaw train {task.name} data/ --out mine
macaw evaluate ./mine data/
macaw run ./mine {word}"""
    python = f"""import macaw

model = macaw.load("{task.name}")
answer = model.run("{example}")
print(answer)
answer.save("{KEPT[task.takes]}")"""
    layouts = "; ".join(task.layouts)
    return f"""<h3>Now with your own</h3>
<p>Run it on a {escape(task.takes)} of yours, then train a model on your data ({escape(layouts)})
and run that. Training needs <code>pip install 'macaw[train]'</code>; in a checkout, macaw is
<code>.venv/bin/macaw</code>.</p>
<pre tabindex="0"><code>{escape(terminal)}</code></pre>
<p>The same from Python:</p>
<pre tabindex="0"><code>{escape(python)}</code></pre>"""


def _closing(rows: Sequence[Visit], machine: str) -> str:
    samples = [one.sample for row in rows for one in row.answered]
    packages = sorted({one.package.name for one in samples if one.package})
    brought = f"They come in the wheels of {' and '.join(packages)}; each has its author and terms beside it."
    day = date.today()
    facts = [
        ("Machine", f"{escape(machine)}, {day.day} {day:%B %Y}"),
        *MEASURED.items(),
        ("Samples", escape(brought) if packages else ""),
        ("Again", "<code>macaw tour</code>, or <code>macaw tour --quick</code> for one sample of each"),
    ]
    return f"""<section aria-labelledby="measured">
<h2 id="measured">How it was measured</h2>
{_facts(facts)}
</section>"""


def _range(value: Interval) -> str:
    return str(value).removeprefix(value.text).strip(" []").replace(", ", f"{NBSP}to{NBSP}")


def _count(number: int, noun: str) -> str:
    return f"{number:,}{NBSP}{noun}{'' if number == 1 else 'es' if noun.endswith('s') else 's'}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _id(row: Visit) -> str:
    return f"row-{row.task.name}"
