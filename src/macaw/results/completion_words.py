"""What pages, sheets and the terminal say of a text that was written or scored, in words."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np

from macaw.results.words import several

if TYPE_CHECKING:
    from macaw.results.completion import Completion
    from macaw.results.scored import Scored
    from macaw.results.shaded import Shaded

SHADE = "The darker a token, the more it surprised the model; what was given has no shade."
SHADE_ALL = "The darker a token, the more it surprised the model, given all before it."
BITS = (
    "The surprise of a token, in bits, is how often its probability halves one: 1 bit is one of two, 10 bits "
    "one of a thousand."
)
OWN = "The model's own probabilities count, whatever the settings."
CHANCE = (
    "One number for each token, from the seed: the same model, settings and seed give the same text again."
)
COMPARED = (
    "Bits per byte compare models of every kind of token, and are what a perfect packer would need; "
    "perplexity is among how many tokens the model was undecided, on average."
)
_LINE, _QUOTED, _BEFORE = 96, 240, 40  # characters of a headline, of a prompt in a command, before a token
_ENDS = ".!?…\"'”’»)"  # with what a sentence ends


def line(text: str, most: int = _LINE) -> str:
    """A text on one line; of a long one the beginning, cut between words."""
    words = " ".join(text.split())
    if len(words) <= most:
        return words
    cut = words[: most - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def lede(one: Completion) -> str:
    """Who added how much, and why nothing follows."""
    prompt = "to the prompt" if one.prompt else "from nothing: there was no prompt"
    verb = "added" if one.prompt else "wrote"
    return f"{one.model or 'The model'} {verb} {several(len(one.names), 'token')} {prompt}. {ended(one)}"


def ended(one: Completion) -> str:
    """Why nothing follows, as a sentence; nothing where that is not known."""
    if one.ends == "end":
        return "Then it ended the document."
    if one.ends == "stop":
        return f"It ended before a string that was to stop it: {' or '.join(map(repr, one.stop))}."
    if one.ends != "limit":
        return ""
    limit = f"limit of {several(one.limit, 'token')}" if one.limit else "limit"
    where = "" if one.text.rstrip().endswith(tuple(_ENDS)) else ", in the middle of a sentence"
    return f"It was stopped by the {limit}{where}."


def drawn(one: Completion) -> str:
    """The settings and the seed, as people write them."""
    words = [f"{name.replace('_', '-')} {value:g}" for name, value in one.settings.items()]
    item = [f"continuation {one.item + 1}"] if one.item else []
    return ", ".join([*(words or ["the model's own probabilities"]), f"seed {one.seed}", *item])


def cost(one: Completion) -> str:
    """What the added tokens cost, altogether and each."""
    if not len(one.names):
        return "No token was added."
    each = one.bits / len(one.names)
    return f"{one.bits:,.0f} bits over {several(len(one.names), 'token')}, {each:.2f} bits each."


def again(one: Completion, verb: str = "run") -> str:
    """The command that makes the text again, of the embedded model of its application."""
    words = ["macaw", verb, one.application, _prompt(one)]
    words += [f"--{name.replace('_', '-')} {value}" for name, value in one.settings.items()]
    words += [f"--seed {one.seed}"]
    words += [f"--limit {one.limit}"] if one.limit and verb == "run" else []
    words += [f"--stop {shlex.quote(stop)}" for stop in one.stop if verb == "run"]
    words += [f"--count {one.item + 1}"] if one.item and verb == "run" else []
    return " ".join(words)


def _prompt(one: Completion) -> str:
    return shlex.quote(one.prompt.removesuffix("\n\n")) if len(one.prompt) <= _QUOTED else "'the prompt'"


def figures(one: Scored) -> str:
    """What a text costs, and what that is per byte and per token, on one line."""
    compared = one.bits_per_byte
    bits = f"{compared:.3f} bits per byte, " if compared is not None else ""
    size = f"{one.bits:,.1f} bits over {several(len(one.names), 'token')} and {several(one.size, 'byte')}"
    return f"{bits}perplexity {one.perplexity:,.1f} per token: {size}"


def scored_lines(one: Scored, n: int = 5) -> list[str]:
    """The figures, and the hardest tokens with what stands before them."""
    lines = [figures(one)]
    if hard := hardest(one.shaded, n):
        width = max(len(name) for name, _, _ in hard)
        lines.append("hardest to foretell, in bits")
        lines += [
            f"  {name:<{width}}  {bits:5.1f}{before and f'  after {before}'}" for name, bits, before in hard
        ]
    return lines


def hardest(one: Shaded, n: int) -> list[tuple[str, float, str]]:
    """The `n` tokens of most bits, the hardest first: name, bits, and the text before."""
    order = np.argsort(one.logp, kind="stable")[:n].tolist()
    return [(one.names[place], one.bits[place], _before(one, place)) for place in order]


def _before(one: Shaded, place: int) -> str:
    """The last words before a token, on one line; nothing where they are not known."""
    if not one.known:
        return ""
    past = " ".join((one.lead + "".join(one.pieces[:place])).split())
    if len(past) <= _BEFORE:
        return past
    last = past[-_BEFORE:]
    return f"…{last.partition(' ')[2] or last}"
