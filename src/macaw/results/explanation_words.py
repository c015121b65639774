"""The sentences of an explanation: how to read each picture, what it does not show, and who thought of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from macaw.results.explanation import Explanation

TENTH = 0.1  # of the picture's pixels: what is hidden in the sentence about a map
NBSP = "\u00a0"


class Method(NamedTuple):
    """What is said of one kind of map."""

    title: str  # as in "the map by gradient"
    reads: str  # how to read it
    hides: str  # what it does not show
    source: str  # how it is made, and by whom


METHODS = {
    "gradient": Method(
        "by gradient",
        "The picture is let out of a blur, step by step, and the network's gradients say what each place "
        "adds: yellow to the answer, blue against it.",
        "It shows where, not what: neither the shape nor the colour that counted.",
        "Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365) at the input and every level of "
        "the front-end (conductance, Dhamdhere et al. 2018, arXiv 1805.12233); what the places of a level "
        "add sums to the whole change of the log-odds.",
    ),
    "occlusion": Method(
        "by covering",
        "Each spot was blurred in turn and the model asked again: yellow where that hurt the answer, blue "
        "where it helped.",
        "It shows what the answer needs, one spot at a time: of two that say the same, neither is missed.",
        "Occlusion (Zeiler and Fergus 2013, arXiv 1311.2901): the mean fall of the log-odds over the blurred "
        "squares that cover a pixel, most by those around it.",
    ),
}
CENTRE = "centre first, whatever the picture"

TESTS = (
    "A map is worth what its order of the pixels is worth: hidden in that order, the answer should fall "
    "fast; shown in that order, it should come back fast. The dotted line is the order of a map that knows "
    "nothing and points at the centre. Half-blurred pictures are nothing the model was trained on, so some "
    "of a fall is its surprise."
)
SANITY = (
    "A map that comes out the same when the network has forgotten everything shows the picture, not the "
    "model. Here the weights are made random from the head down to the first layer, and the map is made "
    "again: no bar is a map that has nothing to do with the first, a full one to the right is the same, one "
    "to the left its reverse. That a map depends on the weights does not yet mean that it is right."
)
NEAR = (
    "Near means that the front-end finds them alike, which need not be what a person would say. They show "
    "what this picture reminds the model of; they do not prove that the answer came from them."
)
LEVELS = (
    "The most active channels of each level, fine to coarse; yellow is where a channel is most active, and "
    "each tile has a scale of its own. Early levels follow edges and colours, late ones parts of things. "
    "What a channel stands for is not known: it got its role by training, not a name."
)
LEDGER = (
    "The head gives every channel of the last level a weight for this class, multiplies it with the "
    "channel's mean activity and adds all up: the sum below is exact, nothing is left out. Yellow adds, "
    "blue takes away. A channel with a large share is no concept: many are shared by dozens of classes."
)
MADE = {
    "Put to the test": "Deletion and insertion (Petsiuk et al. 2018, arXiv 1806.07421), against a picture "
    "blurred by an eighth of its side.",
    "What was learned": "The cascading randomisation of Adebayo et al. 2018 (arXiv 1810.03292): each layer's "
    "weights are shuffled; Spearman's rank correlation of the maps.",
    "Neighbours": "Cosine of centred features, in the principal directions that the model's index keeps.",
}


def percent(share: float) -> str:
    """`63.2 %`, on one line."""
    return f"{100 * share:.1f}{NBSP}%"


def subject(why: Explanation) -> str:
    """What the curves show."""
    return f"“{why.target}” of the two classes" if why.against else f"“{why.target}”"


def found(why: Explanation) -> str:
    """What hiding the hottest tenth of each map does, and whether hiding the centre does as much."""
    if not why.maps:
        return ""
    before = percent(float(why.maps[0].trial.deletion.probs[0]))
    after = {METHODS[one.by].title: one.trial.deletion.at(TENTH) for one in why.maps}
    falls = ", and ".join(f"to {percent(prob)} {title}" for title, prob in after.items())
    words = f"Blur the hottest tenth of the picture, and {subject(why)} goes from {before} {falls}"
    if why.guess is None:
        return f"{words}."
    plain = why.guess.deletion.at(TENTH)
    words = f"{words}; a tenth at the centre takes it to {percent(plain)}."
    weak = " and ".join(title for title, prob in after.items() if prob >= plain)
    return f"{words} So the map {weak} finds no more than a guess would." if weak else words


def near(why: Explanation) -> str:
    """How many of the nearest training pictures carry the class."""
    if why.neighbours is None:
        return ""
    same, shown = why.neighbours.share(why.target)
    of = f"{why.neighbours.total:,} training pictures"
    of += f" of {why.neighbours.source}" if why.neighbours.source else ""
    much, verb = "all" if same == shown else same or "none", "is" if same == 1 else "are"
    return f"Of the {shown} nearest among {of}, {much} {verb} “{why.target}”."
