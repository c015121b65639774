"""The page at / and /docs: what is served here and how to ask for it; HTML that loads nothing, no script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from html import escape
from typing import NamedTuple

from macaw import __version__
from macaw.results.page import document
from macaw.server.hosting import Host, House
from macaw.server.limits import Limits
from macaw.server.refusals import STATUSES
from macaw.server.text_page import WORDINGS, compatible, form, ways
from macaw.tasks import Task

STYLE = """
table { border-collapse: collapse; width: 100%; margin-top: 1.25rem; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
th { font-weight: 400; text-align: left; }
thead th { font-size: .8125rem; color: var(--muted); }
th, td { padding: .35rem 0 .35rem 1rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child { padding-left: 0; }
th code { white-space: nowrap; }
td { overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; padding: 1rem; margin-top: 1.25rem;
  background: var(--raised); border: 1px solid var(--line); border-radius: .375rem; }
form label { flex: 1 1 16rem; min-width: 0; }
input, textarea { display: block; max-width: 100%; margin-top: .35rem; font: inherit; font-size: .875rem; }
form.text { align-items: end; }
form.text label { flex: 1 1 8rem; font-size: .875rem; }
form.text .wide { flex-basis: 100%; font-size: inherit; }
form.text input, textarea { width: 100%; padding: .4rem .6rem; color: inherit; background: var(--paper);
  border: 1px solid var(--line); border-radius: .25rem; }
textarea { resize: vertical; font-size: 1rem; }
button { font: inherit; font-weight: 600; padding: .45rem 1.1rem; border: 0; border-radius: .375rem;
  background: var(--strong); color: var(--paper); cursor: pointer; }
@media (min-width: 44rem) { body { padding: 4rem 2.5rem 5rem; } }
@media print { form { display: none; } }
"""

LIMITS = {
    "max_bytes": ("bytes of a request", 413),
    "max_pixels": ("pixels of a picture", 413),
    "max_files": ("pictures in one form", 413),
    "max_prompt": ("bytes of the prompts in a request", 413),
    "max_tokens": ("tokens made for a request", 422),
    "timeout": ("seconds for a request", 504),
    "queue": ("requests that wait at once", 429),
    "batch": ("pictures computed together", None),
}
ROUTES = {
    "/": "this page, also as /docs",
    "/tasks": "the applications and the models that serve them",
    "/health": "how the server is; 503 once it was told to stop",
    "/openapi.json": "every route, parameter and answer in the OpenAPI format",
}
ERROR = """{"error": {"code": "too_many_bytes",
           "message": "the body has 20,000,000 bytes or more, and this server takes 16,777,216",
           "hint": "send a smaller picture, or fewer in one form"}}"""


class Told(NamedTuple):
    """How one kind of answer is shown and asked for."""

    answer: str  # an example of it
    query: str = ""  # an example of what it may be asked with, with its question mark
    words: str = ""  # HTML on what that means


# What a row of the table `gives` -> how it is told here.
TOLD = {
    "Labels": Told(
        """{"source": "photo.jpg", "model": "classify", "milliseconds": 12.4, "multi": false,
 "labels": [{"name": "tabby", "prob": 0.731},
            {"name": "tiger cat", "prob": 0.184}]}""",
        "?top=3",
        "The parameter <code>top</code> says how many guesses. ",
    ),
    "Boxes": Told(
        """{"source": "photo.jpg", "model": "detect", "milliseconds": 41.7,
 "size": [640, 427], "counts": {"cat": 1, "cup": 1},
 "boxes": [{"name": "cat", "score": 0.912, "x0": 48.2, "y0": 31.0, "x1": 402.7, "y1": 411.5},
           {"name": "cup", "score": 0.377, "x0": 455.1, "y0": 266.4, "x1": 540.0, "y1": 371.9}]}""",
        "?score=0.5",
        "Boxes are in pixels of the picture, from its top left corner. The parameter <code>score</code> "
        "leaves out what is less sure. ",
    ),
    "Mask": Told(
        """{"source": "street.jpg", "model": "segment", "milliseconds": 63.0, "size": [960, 720],
 "classes": [{"name": "road", "share": 0.412, "prob": 0.97},
             {"name": "sky", "share": 0.221, "prob": 0.99}],
 "unlabelled": 0.0}""",
        words="It says how much of the picture each class takes; in Python <code>save_mask</code> writes the "
        "pixels. ",
    ),
    "Points": Told(
        """{"source": "face.jpg", "model": "keypoints", "milliseconds": 18.3, "size": [256, 256],
 "edges": [[0, 1]],
 "points": [{"name": "left eye", "x": 96.4, "y": 110.2, "score": 0.94},
            {"name": "right eye", "x": 158.9, "y": 109.5, "score": 0.93}]}""",
        words="Points are in pixels of the picture, from its top left corner. ",
    ),
    "Joint": Told(
        """{"source": "photo.jpg", "model": "joined", "milliseconds": 44.9,
 "parts": {"classify": {"multi": false, "labels": [{"name": "tabby", "prob": 0.731}]},
           "detect": {"size": [640, 427], "counts": {"cat": 1},
                      "boxes": [{"name": "cat", "score": 0.912,
                                 "x0": 48.2, "y0": 31.0, "x1": 402.7, "y1": 411.5}]}}}""",
        words="Each part says what it would say alone. ",
    ),
}


def page(house: House, base: str) -> str:
    """The page of a server that clients reach under `base`, such as http://127.0.0.1:8000."""
    header = """<h1>Ready to answer</h1>
<p class="lede">What <code>macaw run</code> says, over HTTP. Nothing is stored, and nothing leaves this
machine.</p>"""
    tasks = "\n".join(_task(house, row, base) for row in house.rows)
    if house.writers:
        tasks += "\n" + compatible(base, house.writers[0].name)
    main = f"""{tasks}
<section aria-labelledby="routes">
<h2 id="routes">Everything else</h2>
{_table(("GET", ""), map(_route, ROUTES.items()))}
<h3>Limits</h3>
{_table(("of", "at most", "beyond it"), _limits(house.limits))}
<h3>Errors</h3>
<p>Each has its status, and a body of this form.</p>
<pre tabindex="0"><code>{escape(ERROR)}</code></pre>
{_table(("status", "when"), ((str(code), escape(words)) for code, words in STATUSES.items()))}
</section>"""
    served = ", ".join(row.name for row in house.rows)
    return document(f"macaw {__version__} serves {served}", header, main, style=STYLE)


def _task(house: House, row: Task, base: str) -> str:
    able = [one for one in house.hosted if one.task.name == row.name]
    url = f"{base}/{row.name}"
    written = row.gives in WORDINGS
    return f"""<section class="row" aria-labelledby="{row.name}">
<h2 id="{row.name}">{escape(row.name)}</h2>
<p>{escape(row.does)}</p>
{form(row) if written else _form(row)}
{ways(row, url) if written else _ways(row, escape(url))}
<h3>Models</h3>
{_table(("model", "its card says", *able[0].size), map(_model, able))}
</section>"""


def _form(row: Task) -> str:
    return f"""<form method="post" action="/{row.name}" enctype="multipart/form-data">
<label>A {escape(row.takes)}, or several
<input type="file" name="file" accept="image/*" multiple required></label>
<button>Ask</button>
</form>"""


def _ways(row: Task, url: str) -> str:
    """How to ask for pictures from a terminal and from Python, and what comes back."""
    python = f"""from urllib.request import Request, urlopen

picture = open("photo.jpg", "rb").read()
request = Request("{url}", picture, {{"Content-Type": "image/jpeg"}})
print(urlopen(request).read().decode())"""
    told = TOLD[row.gives]
    return f"""<h3>From a terminal</h3>
<pre tabindex="0"><code>curl -F file=@photo.jpg {url}
curl -F file=@one.jpg -F file=@two.jpg "{url}{told.query}"</code></pre>
<h3>From Python</h3>
<pre tabindex="0"><code>{python}</code></pre>
<h3>The answer</h3>
<p>An object for one {escape(row.takes)}; for a form with several, a list of them in their order.
{told.words}The parameter <code>model</code> says which of the models.</p>
<pre tabindex="0"><code>{escape(told.answer)}</code></pre>"""


def _route(route: tuple[str, str]) -> tuple[str, str]:
    path, words = route
    return f'<a href="{path}"><code>{path}</code></a>', words


def _model(one: Host) -> tuple[str, ...]:
    return f"<code>{escape(one.name)}</code>", escape(one.card.name), *(f"{n:,}" for n in one.size.values())


def _limits(limits: Limits) -> Iterable[tuple[str, ...]]:
    for one in fields(limits):
        words, status = LIMITS[one.name]
        value = getattr(limits, one.name)
        most = f"{value:,}" if isinstance(value, int) else f"{value:g}"
        yield words, most, f"status {status}" if status else "the next batch"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Cells of HTML under a head of words; the first of a row names it."""
    titles = "".join(f'<th scope="col">{words}</th>' for words in head)
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
