"""Wording: the words of a text, what stands between blanks, and the end of each line as one more.

So the published counts of Penn Treebank and WikiText come about, with one `<eos>` a line.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\n|[^ \t\n\r\f\v]+")  # the blanks of ASCII, by which KenLM parts words too


def words_of(text: str) -> list[str]:
    """The words in order; the end of a line is one."""
    return _WORD.findall(text)


def word_count(text: str) -> int:
    """How many words a text has, line ends among them."""
    return sum(1 for _ in _WORD.finditer(text))
