"""What the contracts are tried on besides embedded models: the small language models of tests/language."""

from tests.language.conftest import tiny_texts, tiny_vocabulary, written

__all__ = ["tiny_texts", "tiny_vocabulary", "written"]
