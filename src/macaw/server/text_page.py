"""What the page at / says of models that write: how to ask for text, at once or token by token."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from macaw.tasks import Task


class Wording(NamedTuple):
    """How one kind of text is asked for and shown."""

    label: str  # of the form's field
    prompt: str  # an example
    lines: int  # of the field
    answer: str  # an example of what comes back
    words: str = ""  # HTML on what that means


# What a row of the table `gives` -> how it is told here.
WORDINGS = {
    "Completion": Wording(
        "The beginning of a text",
        "It was a dark evening, and",
        4,
        """{"source": "", "model": "complete", "milliseconds": 211.0,
 "prompt": "It was a dark evening, and", "text": " the wind had risen", "ends": "limit",
 "settings": {"temperature": 0.8, "top_p": 0.95}, "seed": 0, "item": 0, "limit": 4, "stop": [],
 "bits": 14.2, "tokens": [{"token": "␣the", "text": " the", "logp": -1.204}, ...]}""",
    ),
    "Story": Wording(
        "A title; nothing lets the model find one",
        "The Fox and the Moon",
        1,
        """{"title": "The Fox and the Moon",
 "paragraphs": ["Once there was a fox who wished to have the moon.", ...],
 "source": "", "model": "story", "milliseconds": 904.0, "prompt": "The Fox and the Moon\\n\\n",
 "text": "Once there was a fox ...", "ends": "end", "settings": {"temperature": 0.8}, "seed": 0, ...}""",
        "A text of several lines is a title and the beginning. ",
    ),
}
_SETTINGS = "temperature top_k top_p min_p typical repetition presence frequency no_repeat".split()
_LISTED = ", ".join(f"<code>{name}</code>" for name in _SETTINGS)


def form(row: Task) -> str:
    """A form that asks for a text; the answer is the JSON that a program gets."""
    told = WORDINGS[row.gives]
    return f"""<form class="text" method="post" action="/{row.name}">
<label class="wide">{told.label}
<textarea name="prompt" rows="{told.lines}">{escape(told.prompt)}</textarea></label>
<label>temperature <input name="temperature" type="number" min="0" step="any" placeholder="its own"></label>
<label>top_p <input name="top_p" type="number" min="0" max="1" step="any" placeholder="its own"></label>
<label>seed <input name="seed" type="number" min="0" step="1" placeholder="0"></label>
<label>limit, in tokens <input name="limit" type="number" min="1" step="1" placeholder="its own"></label>
<button>Ask</button>
</form>"""


def ways(row: Task, url: str) -> str:
    """How to ask from a terminal and from Python, and what comes back."""
    told = WORDINGS[row.gives]
    prompt = told.prompt
    terminal = f"""curl {url} --json '{{"prompt": "{prompt}", "seed": 1}}'
curl -N {url} --json '{{"prompt": "{prompt}", "stream": true}}'"""
    python = f"""import json
from urllib.request import Request, urlopen

body = json.dumps({{"prompt": "{prompt}", "limit": 200, "stream": True}}).encode()
for line in urlopen(Request("{url}", body, {{"Content-Type": "application/json"}})):
    if line.startswith(b"data:"):
        print(json.loads(line[5:]))"""
    return f"""<h3>From a terminal</h3>
<pre tabindex="0"><code>{escape(terminal, quote=False)}</code></pre>
<p>The second sends each token as soon as it is there: an event with its text, its name and its natural-log
probability, and at last one called <code>answer</code>. Whoever leaves stops the model.</p>
<h3>From Python</h3>
<pre tabindex="0"><code>{escape(python, quote=False)}</code></pre>
<h3>The answer</h3>
<p>An object for one prompt; for a list of prompts, and for a <code>count</code> above one, a list of them.
{told.words}Besides <code>prompt</code> a request may have {_LISTED}, <code>seed</code>, <code>limit</code>,
<code>stop</code>, <code>count</code>, <code>stream</code> and <code>model</code>; what it leaves out is as
the model's card has it. The same seed gives the same text again.</p>
<pre tabindex="0"><code>{escape(told.answer, quote=False)}</code></pre>"""


def compatible(base: str, model: str) -> str:
    """How programs that speak OpenAI's API ask, and harnesses that score."""
    scoring = f"""curl {base}/v1/completions --json '{{"model": "{model}", "prompt": "The sea was calm.",
  "max_tokens": 0, "echo": true, "logprobs": 1}}'"""
    python = f"""from openai import OpenAI

client = OpenAI(base_url="{base}/v1", api_key="none")
for chunk in client.completions.create(model="{model}", prompt="It was", max_tokens=60, stream=True):
    print(chunk.choices[0].text, end="")"""
    return f"""<section aria-labelledby="openai">
<h2 id="openai">For programs that speak OpenAI's API</h2>
<p><code>/v1/completions</code> and <code>/v1/models</code> have its fields, ranges and defaults. With
<code>echo</code> and <code>logprobs</code> a prompt comes back with the natural-log probability of each of
its tokens, null for the first: what evaluation harnesses ask for. Prompts may be ids of tokens.</p>
<h3>How likely is a text?</h3>
<pre tabindex="0"><code>{escape(scoring, quote=False)}</code></pre>
<h3>Their client</h3>
<pre tabindex="0"><code>{escape(python, quote=False)}</code></pre>
</section>"""
