"""Shapes: the numbers that fix a network's weights, as its card keeps them; read with and without torch.

The torch module that learns the weights and the numpy step that runs them are built from the same Shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from macaw.errors import InputError, ModelError, UnknownName, did_you_mean

EPSILON = 1e-6  # under every root of a mean square
MANY = 1024  # tokens of a vocabulary beyond which they are no letters
_HEAD = 64  # channels of an attention head at every dial


@dataclass(frozen=True)
class TransformerShape:
    """A Transformer's; with SwiGLU it is the block of Qwen3 (arXiv 2505.09388), without QK norm Llama's.

    Raises InputError for numbers that do not go together, UnknownName for an activation there is none of.
    """

    kind: ClassVar[str] = "transformer"
    tokens: int  # V
    width: int = 384  # D
    depth: int = 6
    heads: int = 6  # of queries; each has width / heads channels
    groups: int = 0  # of keys and values; 0: one for each head. Fewer: grouped-query (arXiv 2305.13245)
    context: int = 256  # tokens that a position may look back on, itself included
    inner: int = 0  # channels within the feed-forward half; 0: of the activation's usual size
    activation: str = "swiglu"  # or "relu2", which is cheaper, and better only where text is plentiful
    qk_norm: str = "yes"  # or "no"
    theta: float = 10_000.0  # base of the rotary angles
    softcap: float = 0.0  # logits are cap * tanh(logits / cap); 0: as they are
    dropout: float = 0.0  # after each half of a block, and of the embeddings
    never: int = -1  # the id that is never predicted (a begin), or -1

    def __post_init__(self) -> None:
        _whole_and_above(self, "tokens", "width", "depth", "heads", "context")
        _share(self, "dropout")
        if self.activation not in {"swiglu", "relu2"}:
            hint = did_you_mean(self.activation, ("swiglu", "relu2"))
            raise UnknownName(f"activation={self.activation!r}: swiglu or relu2.{hint}")
        if self.width % (2 * self.heads):
            words = f"width={self.width} does not divide into {self.heads} heads of an even size"
            raise InputError(f"{words}; take {self.heads * 64}")
        if self.heads % self.pairs:
            raise InputError(f"groups={self.groups}: it must divide heads={self.heads}")

    @property
    def head(self) -> int:
        """K: channels of a head."""
        return self.width // self.heads

    @property
    def pairs(self) -> int:
        """G: heads of keys and values."""
        return self.groups or self.heads

    @property
    def hidden(self) -> int:
        """F: channels within the feed-forward half. Two matrices of 4 D cost as much as three of 8/3 D."""
        if self.inner:
            return self.inner
        return 4 * self.width if self.activation == "relu2" else -(-8 * self.width // 3 // 64) * 64

    @classmethod
    def dialled(cls, tokens: int, *, dial: int = 6, **numbers: Any) -> TransformerShape:
        """Depth `dial`, width 64 times that, heads of 64 channels: 6 is nanoGPT's small one, 12 GPT-2's."""
        if dial < 1:
            raise InputError(f"dial={dial}: the number of layers, 1 or more")
        plain = {"width": _HEAD * dial, "depth": dial, "heads": dial}
        return cls(tokens, **(plain | numbers))


@dataclass(frozen=True)
class RecurrentShape:
    """A recurrent network's.

    Raises InputError for numbers that do not go together, UnknownName for a cell there is none of.
    """

    kind: ClassVar[str] = "recurrent"
    tokens: int  # V
    width: int = 256  # D: of the hidden state
    depth: int = 1
    embedding: int = 64  # E: channels of a token
    cell: str = "lstm"  # or "gru"
    tied: str = "no"  # "yes": the embeddings are the output's weights as well (arXiv 1608.05859)
    weight_drop: float = 0.0  # share of the weights from state to state that a step does without
    dropout: float = 0.0  # of the output; one mask for a whole window (arXiv 1512.05287), as all below
    dropout_input: float = 0.0
    dropout_between: float = 0.0
    dropout_tokens: float = 0.0  # share of the vocabulary that a step does without
    never: int = -1  # the id that is never predicted (a begin), or -1
    context: ClassVar[None] = None  # no end to what it looks back on

    def __post_init__(self) -> None:
        _whole_and_above(self, "tokens", "width", "depth", "embedding")
        _share(self, "weight_drop", "dropout", "dropout_input", "dropout_between", "dropout_tokens")
        if self.cell not in {"lstm", "gru"}:
            raise UnknownName(f"cell={self.cell!r}: lstm or gru.{did_you_mean(self.cell, ('lstm', 'gru'))}")

    @property
    def gates(self) -> int:
        """Rows of a weight matrix for each channel of the state."""
        return 4 if self.cell == "lstm" else 3

    @classmethod
    def dialled(cls, tokens: int, *, dial: float = 1.0, **numbers: Any) -> RecurrentShape:
        """`dial` scales the width; 1 is 256 for characters. Many tokens: wider embeddings, tied."""
        if not dial > 0:
            raise InputError(f"dial={dial}: a number above 0")
        many = tokens > MANY
        width = max(8, round((512 if many else 256) * dial / 8) * 8)
        plain = {"width": width, "embedding": width // 2 if many else 64, "tied": "yes" if many else "no"}
        return cls(tokens, **(plain | numbers))


Shape = TransformerShape | RecurrentShape
SHAPES: dict[str, type[TransformerShape] | type[RecurrentShape]] = {
    "transformer": TransformerShape,
    "recurrent": RecurrentShape,
}


def shape_of(head: Mapping[str, Any]) -> Shape:
    """The Shape that a card's head describes: {"name": "transformer", "config": {...}}.

    Raises ModelError for one that is none.
    """
    kind = SHAPES.get(str(head.get("name")))
    if kind is None:
        known = ", ".join(SHAPES)
        raise ModelError(f"the card names the network '{head.get('name')}'; this macaw knows: {known}")
    held = {one.name for one in fields(kind)}
    try:
        return kind(**{name: value for name, value in head["config"].items() if name in held})
    except (TypeError, KeyError, InputError, UnknownName) as problem:
        raise ModelError(f"the card's network is damaged ({problem}); restore the folder") from problem


def head_of(shape: Shape) -> dict[str, Any]:
    """The inverse of `shape_of`."""
    return {"name": shape.kind, "config": asdict(shape)}


def _whole_and_above(shape: Any, *names: str) -> None:
    for name in names:
        value = getattr(shape, name)
        if not (isinstance(value, int) and value > 0):
            raise InputError(f"{name}={value!r}: a whole number above 0")


def _share(shape: Any, *names: str) -> None:
    for name in names:
        value = getattr(shape, name)
        if not 0 <= value < 1:
            raise InputError(f"{name}={value!r}: a share, from 0 to less than 1")
