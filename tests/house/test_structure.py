"""The shape of the source: names, words, docstrings and errors, read from its syntax trees.

`make check` sees to the rest: layers and cycles (import-linter), prints, positional booleans and the other
docstrings (ruff).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "macaw"
FILES = {str(path.relative_to(SOURCE)): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}

VERBS = {"load", "run", "train", "evaluate", "explain", "check", "export", "serve"}

# The house word for each synonym that drifts into every large code base of this field.
SYNONYMS = {
    "width": {"embed_dim", "hidden_dim", "hidden_size", "d_model", "n_embd", "num_channels", "num_features"},
    "depth": {"n_layer", "n_layers", "num_layers", "num_blocks"},
    "heads": {"n_head", "n_heads", "nhead", "num_heads"},
    "dropout": {"drop", "drop_rate", "dropout_rate", "p_drop"},
    "labels or names": {"num_classes", "n_classes", "num_labels", "class_names", "id2label", "nb_classes"},
    "steps": {"n_steps", "num_steps", "n_iter", "num_iterations", "max_steps"},
    "epochs": {"n_epochs", "num_epochs", "max_epochs"},
    "batch": {"batch_size", "bs", "bsz"},
    "rate": {"learning_rate", "base_lr"},
    "seed": {"random_state", "random_seed", "rng_seed"},
}
HOUSE_WORD = {synonym: word for word, synonyms in SYNONYMS.items() for synonym in synonyms}

# Said once by the contract that asks for them (design: Contracts), not again by everyone who fulfils it.
WATCHED = {"started", "said", "read", "step", "scored", "ended"}  # said once, by training.progress.Watcher
SAID_BY_CONTRACT = WATCHED | {
    "outputs",
    "targets",
    "forward",
    "loss",
    "phases",
    "prepare",
    "core",
    "decode",
    "features",
    "headline",
    "width",
    "parts",
    "to_dict",
    "plot",
    "save",
}

# Python's own protocols ask for these; everything else that a user can meet is in macaw/errors.py.
OF_PYTHON = {"AttributeError", "IndexError", "KeyError", "NotImplementedError", "StopIteration", "TypeError"}
NOT_OURS = {"Exception", "BaseException", "RuntimeError", "ValueError", "OSError", "IOError", "ImportError"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def words(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Argument names and the fields of classes: what a caller has to write."""
    for function in functions(tree):
        spec = function.args
        for argument in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]:
            yield argument.arg, argument.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.target.id, field.lineno


def test_no_module_is_named_like_a_verb():
    # A sub-module of that name would shadow the function once imported: macaw.train is a function.
    assert len(FILES) > 10
    names = {part.removesuffix(".py") for name in FILES for part in Path(name).parts}
    assert names & VERBS == set()


def test_arguments_and_fields_speak_the_house_vocabulary():
    drift = [
        f"{name}:{line}: {word!r}, here it is called {HOUSE_WORD[word]!r}"
        for name, tree in TREES.items()
        for word, line in words(tree)
        if word in HOUSE_WORD
    ]
    assert drift == []


def test_public_functions_have_no_one_letter_arguments():
    # The paper's letters belong inside the mathematics. `x` is what a callable of one thing is given.
    short = [
        f"{name}:{function.lineno}: {function.name}({argument.arg})"
        for name, tree in TREES.items()
        for function in functions(tree)
        if not function.name.startswith("_") and function.name not in SAID_BY_CONTRACT
        for argument in function.args.kwonlyargs
        if len(argument.arg) == 1
    ]
    assert short == []


def test_public_methods_say_what_they_do():
    silent = [
        f"{name}:{method.lineno}: {owner.name}.{method.name}"
        for name, tree in TREES.items()
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef) and not owner.name.startswith("_")
        for method in owner.body
        if isinstance(method, Function)
        and not method.name.startswith("_")
        and method.name not in SAID_BY_CONTRACT
        and ast.get_docstring(method) is None
        and not any(ast.unparse(decorator).endswith("setter") for decorator in method.decorator_list)
    ]
    assert silent == []


def raises(tree: ast.AST) -> Iterator[tuple[str, ast.Call | None, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            call = node.exc if isinstance(node.exc, ast.Call) else None
            yield ast.unparse(call.func if call else node.exc).split(".")[-1], call, node.lineno


def test_errors_a_user_can_meet_come_from_the_tree():
    foreign = [
        f"{name}:{line}: raise {error}; macaw/errors.py has one that fits"
        for name, tree in TREES.items()
        for error, _, line in raises(tree)
        if error in NOT_OURS
    ]
    assert foreign == []


@pytest.mark.parametrize("wrong", ["\n", "!"], ids=["two lines", "exclamation mark"])
def test_error_messages_are_one_calm_line(wrong: str):
    loud = [
        f"{name}:{line}: {error}"
        for name, tree in TREES.items()
        for error, call, line in raises(tree)
        if call is not None and error not in OF_PYTHON
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and wrong in part.value
    ]
    assert loud == []


def test_torch_is_imported_from_layers_upwards_only():
    may = ("layers", "frontends", "heads", "recognition", "language", "training", "explanation", "testing")
    early = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        if not name.startswith(may)
        for node in tree.body
        for imported in imports(node)
        if imported.split(".")[0] == "torch"
    ]
    assert early == []


def imports(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
