"""ONNX words: how an exported language model is fed and read, in sentences, for those without macaw.

Shapes: B texts, T positions, P past positions, G heads of keys and values, K channels of a head, D width
"""

from __future__ import annotations

from macaw.language.shapes import Shape, TransformerShape
from macaw.language.vocabulary import Vocabulary

_KINDS = {
    "pieces": "The ids of a text are those that the tokenizers library gives by 'tokenizer.json', which is "
    "in this metadata, without special tokens.",
    "bytes": "The ids of a text are its UTF-8 bytes, 0 to 255.",
    "characters": "The ids of a text are the places of its characters among the 'tokens' of "
    "'vocabulary.json', which is in this metadata, from 0 on; behind them stand the end of a document, and "
    "16 upper and 16 lower halves of bytes, which spell any other character in UTF-8.",
    "words": "The ids of a text are the places of its words among the 'tokens' of 'vocabulary.json', which "
    "is in this metadata, from 3 on; words stand between blanks, the end of a line is one of them, 0 is any "
    "other word, 1 the beginning of a document and 2 its end.",
}


def feed_words(shape: Shape, vocabulary: Vocabulary) -> str:
    """How text becomes the inputs."""
    said = [
        _KINDS[vocabulary.kind],
        f"In front of a document stands the id {vocabulary.start}.",
        "Input 'ids': int64 (B, T), the next T tokens of B texts that are equally long.",
    ]
    if isinstance(shape, TransformerShape):
        said.append(
            f"Inputs 'past.I.keys' and 'past.I.values', of each block I from 0 to {shape.depth - 1}: float32 "
            f"(B, {shape.pairs}, P, {shape.head}), of the P tokens before, where P is 0 at the beginning. "
            f"P and T together are {shape.context} at most: no more was learned. Then begin anew with the "
            "later half of the text, and no past."
        )
    else:
        names = "'past.I.hidden' and 'past.I.cell'" if shape.cell == "lstm" else "'past.I.hidden'"
        said.append(
            f"Inputs {names}, of each layer I from 0 to {shape.depth - 1}: float32 (B, {shape.width}), all 0 "
            "at the beginning."
        )
    return " ".join(said)


def read_words(shape: Shape, vocabulary: Vocabulary) -> str:
    """How the outputs become text."""
    said = [
        f"Output 'logits': float32 (B, T, {shape.tokens}); the softmax of the last axis gives the "
        "probability of every id that may follow each position.",
        "Outputs 'present.I...' are the 'past.I...' of the next call, to which only the new ids are given.",
    ]
    if vocabulary.end is not None:
        said.append(f"The id {vocabulary.end} ends a document.")
    return " ".join(said)
