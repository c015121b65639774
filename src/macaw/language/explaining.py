"""Explaining a text: one token at a time, another branch, what the model made of its past; the parrot meter.

One prompt in; an Autoregression out, or of the way "parrot" a Parrot.

Shapes: T tokens of the whole text
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.explanation.asked import chosen_ways
from macaw.language.asked import known_names
from macaw.language.besides import beside as models_beside
from macaw.language.explorer import LIMIT, VIEW, View, branch, explore
from macaw.language.glances import glance
from macaw.language.looked_up import look_up
from macaw.language.networks import Network
from macaw.language.opening import PLAIN, open_model
from macaw.language.prompts import each_prompt
from macaw.language.protocol import LanguageModel
from macaw.language.vocabulary import Vocabulary
from macaw.language.writer import Writer
from macaw.results.autoregression import Autoregression
from macaw.results.parrot import Parrot
from macaw.results.turns import Turn

WAYS = ("turns", "inside", "parrot")
# What of a View a user may ask for: its field there, and the least it may be
VIEWED = {"show": ("show", 1), "before": ("given", 0), "erase": ("erase", 0)}
_SPACE = "␣"  # as token names show it


def explain_text(
    writer: Writer,
    prompt: str | Path,
    *,
    by: str | Sequence[str] | None = None,
    step: int | None = None,
    token: str | None = None,
    beside: str | Path | Sequence[str | Path] | None = None,
    data: str | Path | None = None,
    **asked: Any,
) -> Autoregression | Parrot:
    """What `writer` adds to one prompt, each token with what could have come; an Autoregression.

    `by` are "turns" and "inside", what the model made of its past at turn `step`, by default the last; both
    unless told. With `token` the text takes another branch at that turn and goes on. `beside` names models,
    whose opinion is shown too; without it that is the parts of a mixture, or an n-gram: one learned from
    `data`, else the embedded one. `asked` are settings, seed and limit (24), and of the view `show`,
    alternatives of a token (8), `before`, tokens of the prompt that have a turn (8), `erase`, past tokens
    left out in turn (0).

    `by="parrot"` looks up what the model adds to the prompt in `data`, which it was trained on; a Parrot.

    Raises UnknownName for a way, an option, a model or a token that is not known, InputError for a turn there
    is not, and for a prompt that is not one.
    """
    ways = chosen_ways(("turns", "inside") if by is None else by, WAYS)
    asked = _checked(asked)
    words = _single(prompt)
    if "parrot" in ways:
        return _parrot(writer, words, ways, data, asked)
    if token is not None and step is None:
        raise InputError(f"token '{token}' is taken at a turn; say which with step, counted from 1")
    others = models_beside(writer, asked=beside, data=data)
    viewed = {field: asked.pop(name) for name, (field, _) in VIEWED.items() if name in asked}
    view = replace(VIEW, name=writer.card.name, beside=others.models, **viewed)
    made = _unfolded(writer, words, view, asked)
    if token is not None and step is not None:
        made = branch(writer.model, made, step, _token(writer.model.vocabulary, made, step, token), view=view)
    made = replace(made, notes=(*made.notes, *others.notes))
    return _with_inside(writer, made, step, others.models) if "inside" in ways else made


def _unfolded(writer: Writer, words: str, view: View, asked: dict[str, Any]) -> Autoregression:
    """The text turn by turn. Raises InputError for what only whole texts have: a stop, and a count."""
    for name in ("stop", "count"):
        if name in asked:
            raise InputError(f"{name} is not for a text shown turn by turn; leave it out, or set limit")
    wanted = writer.asked(**{"limit": LIMIT, **asked})
    how: dict[str, Any] = {"settings": wanted.settings, "seed": wanted.seed, "limit": wanted.limit}
    return explore(writer.model, writer.prompt(words), view=view, **how)


def _with_inside(
    writer: Writer, made: Autoregression, step: int | None, beside: Mapping[str, LanguageModel]
) -> Autoregression:
    """The text, and what the model and those beside it made of their past at one turn."""
    step = len(made.turns) if step is None else step
    turn = _turn(made, step)
    ids = made.ids[: len(made.ids) - len(made.turns) + step - 1]
    models = {made.model or "the model": _plain(writer), **beside}
    looks = [glance(model, ids, turn.token, name=name, step=step) for name, model in models.items()]
    notes = tuple(note for _, some in looks for note in some)
    return replace(made, inside=tuple(one for one, _ in looks), notes=(*made.notes, *notes))


def _plain(writer: Writer) -> LanguageModel:
    """The model as it can be looked into: its network in numpy, whatever engine writes."""
    model = writer.model
    if isinstance(model, Network) and writer.engine == "torch" and writer.folder.is_dir():
        return open_model(writer.folder, engine=PLAIN)
    return model


def _parrot(
    writer: Writer, words: str, ways: Sequence[str], data: str | Path | None, asked: dict[str, Any]
) -> Parrot:
    if len(ways) > 1:
        raise InputError("'parrot' is another answer than 'turns'; ask for it alone")
    for name in VIEWED:
        if name in asked:
            raise InputError(f"{name} is of the turns; the parrot meter looks whole texts up, leave it out")
    if data is None:
        name = writer.card.name
        raise InputError(f"the parrot meter looks texts up in what '{name}' was trained on; name it by data")
    return look_up(writer, words, data, **asked)


def _checked(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for; None asks for nothing. Raises UnknownName, InputError for what a view cannot be."""
    known = [*known_names(), *VIEWED]
    for name in asked:
        if name not in known:
            close = did_you_mean(name, known)
            listed = ", ".join(known)
            raise UnknownName(f"explaining a text has no option '{name}'.{close} There are: {listed}")
    given = {name: value for name, value in asked.items() if value is not None}
    for name, (_, least) in VIEWED.items():
        value = given.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"{name} is {value!r}; it must be a whole number, {least} or more")
    return given


def _single(prompt: str | Path) -> str:
    """The words of one prompt. Raises InputError for several, and for a file that cannot be read."""
    found = list(each_prompt(prompt))
    if len(found) != 1:
        raise InputError(f"{len(found)} prompts were given; an explanation is of one")
    return found[0].text


def _turn(made: Autoregression, step: int) -> Turn:
    if not 1 <= step <= len(made.turns):
        raise InputError(f"there is no turn {step}; the text has 1 to {len(made.turns)}")
    return made.turns[step - 1]


def _token(vocabulary: Vocabulary, made: Autoregression, step: int, words: str) -> int:
    """The id of a token as people write it: as it is shown, without the mark of its blank, or as its text.

    Raises UnknownName where it is none, with the alternatives of the turn.
    """
    turn = _turn(made, step)
    spelled = words.replace(" ", _SPACE)
    for name in (spelled, _SPACE + spelled):
        if name in turn.names:
            return turn.find(name)
    for name in (_SPACE + spelled, spelled):  # a word mostly has its blank
        if name in vocabulary.names:
            return vocabulary.names.index(name)
    ids = np.asarray(vocabulary.encode(words))
    if len(ids) == 1 and ids[0] != vocabulary.unknown:
        return int(ids[0])
    close = did_you_mean(_SPACE + words, turn.names) or did_you_mean(words, turn.names)
    parts = f"; it is {len(ids)} tokens: {' '.join(vocabulary.names[i] for i in ids)}" if len(ids) > 1 else ""
    shown = ", ".join(turn.names)
    raise UnknownName(f"'{words}' is no token of this model{parts}.{close} At turn {step} there are: {shown}")
