"""What the page, the sheet and the terminal say of a glance into a model, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macaw.results.autoregression_words import percent

if TYPE_CHECKING:
    from macaw.results.glance import Glance, Ladder, Lens, Pull

LENS = (
    "The logit lens reads the stream after each block as if it were the last (nostalgebraist 2020). The "
    "darker, the surer; the last row is the model's answer."
)
ATTENTION = (
    "A row is a past token, the latest at the top; a column is a block. Of its two strips the left is the "
    "mean over the {heads} heads, the right the head that looked there most. Where a head looked is not what "
    "it made of it."
)
LADDER = (
    "The longest context that the training text has comes first, and gives a part of its weight to the next "
    "shorter one. It counts how often a token came; the shorter ones after how many different tokens it did. "
    "Weight times share, row by row, is the probability (interpolated modified Kneser-Ney)."
)
SHARES = "A mixture adds up what its parts say, each times a weight that is the same for every text."
PULLS = {
    "gradient": "By how many nats the log-probability of the token would move, for one unit of change in the "
    "embedding of a past token: the norm of the gradient.",
    "erasure": "By how many bits all probabilities move when a past token alone is left out.",
}


def settled(lens: Lens) -> str:
    """From which block on the first choice is the answer's."""
    last, where = lens.names[-1][0], lens.settled
    if where == len(lens.names):
        return f"“{last}” comes first with the last block only."
    return f"From block {where} of {len(lens.names)} on “{last}” comes first."


def pulled(pull: Pull) -> str:
    """How a pull was measured, and how far back it reaches."""
    far = f"{pull.reach:,} token{'s' if pull.reach != 1 else ''}"
    reach = f" Nine tenths of it lie within the last {far} of {len(pull.tokens):,}." if pull.reach else ""
    return f"{PULLS[pull.by]}{reach}"


def glanced(one: Glance) -> list[str]:
    """What one model shows, in a line each: for the terminal."""
    lines = []
    if one.shares:
        parts = ", ".join(f"{part.name} {percent(part.brought)}" for part in one.shares)
        lines.append(f"brought by {parts}")
    if one.lens:
        firsts = " > ".join(names[0] for names in one.lens.names)
        lines.append(f"first choice block by block: {firsts}")
    if one.attention:
        looks = ", ".join(f"{name} {percent(share)}" for name, share in one.attention.top(-1))
        lines.append(f"its last block looked at {looks}")
    if one.pull:
        top = ", ".join(name for name, _ in one.pull.top())
        lines.append(f"moved most by {top} ({one.pull.by}; reaches {one.pull.reach:,} back)")
    return lines + ([_laddered(one.ladder)] if one.ladder else [])


def _laddered(ladder: Ladder) -> str:
    """The context that adds most, and what that is of the whole."""
    if not ladder.rungs:
        return f"{percent(ladder.prob)}, from no count"
    most = max(ladder.rungs, key=lambda rung: rung.adds)
    after = f"after “{most.context}”" if most.context else "anywhere"
    seen = f"counted {most.times:,} of {most.total:,} {after}"
    return f"{seen}, which adds {percent(most.adds)} of {percent(ladder.prob)}"
