"""Rules of texts: all that `macaw check` can find in a corpus, how grave it is, and what to do about it."""

from __future__ import annotations

from functools import partial

from macaw.data.rules import error, finding, note, warning

RULES = {
    # Files
    "refused": error("mend it: training stops here with these words"),
    "file-unreadable": error("save them as UTF-8, or fetch or copy them again"),
    "row-bad": error("mend or remove the lines: training stops at the first"),
    "file-ignored": note("fine, if they do not belong to the data; only .txt and .jsonl are read"),
    # Splits
    "train-missing": error("add train"),
    "val-missing": note("fine; or make a val of your own"),
    "documents-few": warning(
        "add documents, or part those there are: see between; figures over few say little"
    ),
    "document-large": warning("part it: a split moves whole documents, and it weighs more than all others"),
    "document-short": note("fine, if they are whole; else join them"),
    # Copies
    "duplicate": warning("keep one of each: copies are learned by heart first"),
    "duplicate-near": warning("keep one of each: copies are learned by heart first"),
    "leak-exact": error("remove them from one of the two: what was learned by heart is scored"),
    "leak-near": error("keep all copies in one split: what was learned by heart is scored"),
    "leak-part": warning("look at them: a quotation is fine, a chapter is not"),
    "leak-carved": warning("make a val of your own, with copies on one side"),
    # Encodings
    "mojibake": warning("read the source again as UTF-8: it was read as Windows-1252 once"),
    "replacement": warning("read the source again in its own encoding: these characters are lost"),
    "control": warning("remove them: they are no text"),
    "invisible": note("remove them, unless the script needs them: they part words that look alike"),
    "decomposed": note("bring all texts into one Unicode form, NFC: these are written with loose accents"),
    "entities": warning("turn them into characters and remove the tags: they are learned as words"),
    "role-spelled": note("fine: they are read as text, never as the end of a document"),
    # Boilerplate
    "boilerplate": warning("remove the lines: they are learned by heart, and make every score too good"),
    "notice": warning("remove them, and mind the terms that they tell"),
    "repetitive": warning("look at them, and remove them unless they are meant so"),
    "noise": warning("remove them: they look like data, not like language"),
    "script-odd": note("fine, if several languages are meant to be learned"),
}


found = partial(finding, RULES)
