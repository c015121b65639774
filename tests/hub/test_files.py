"""Names of the Hub and the files they lead to: on this machine, without the network, or by asking for it."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from macaw.errors import InputError, MissingExtra, ModelError, StorageError, UnknownName
from macaw.runtime.hubfetch import find
from macaw.runtime.hubfiles import hub_cache, is_hub, licence, parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER = "89abcdef0123456789abcdef0123456789abcdef"


def keep(home: Path, stub: Path, *, commit: str = COMMIT, refs: tuple[str, ...] = ("main",)) -> Path:
    """Put the stub into the Hub's cache as `owner/stub`, the way the Hub's library does; its snapshot."""
    store = home / "xdg_cache_home" / "huggingface" / "hub" / "models--owner--stub"
    for name in refs:
        (store / "refs" / name).parent.mkdir(parents=True, exist_ok=True)
        (store / "refs" / name).write_text(commit)
    snapshot, blobs = store / "snapshots" / commit, store / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir(exist_ok=True)
    for path in stub.iterdir():
        blob = blobs / f"{commit[:4]}{path.name}"
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(blob)
    return snapshot


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("hf:owner/name", "owner/name", ""),
        ("hf:owner/name@v1.0", "owner/name", "v1.0"),
        ("hf:owner/name@refs/pr/3", "owner/name", "refs/pr/3"),
        ("hf:old-name@0123456", "old-name", "0123456"),
    ],
)
def test_names_of_repositories(text: str, repo: str, revision: str):
    reference = parse(text)
    assert (reference.folder, reference.repo, reference.revision) == (None, repo, revision)


@pytest.mark.parametrize("text", ["hf:./a@b", "hf:../a@b", "hf:/abs/a@b", "hf:~/a@b"])
def test_names_of_folders_may_hold_any_sign(text: str):
    assert parse(text).folder == Path(text.removeprefix("hf:")).expanduser()


@pytest.mark.parametrize(
    "text", ["hf:", "hf:a/b/c", "hf:a/b@", "hf:@v1", "hf:a b/c", "hf:a/b@../../etc", "hf:-a/b"]
)
def test_other_names_are_refused(text: str):
    with pytest.raises(InputError, match=r"write hf:owner/name@revision, or hf:\./folder"):
        parse(text)


def test_only_the_scheme_makes_a_name_of_the_hub(tmp_path: Path):
    assert is_hub("hf:owner/name")
    assert not any(map(is_hub, ["owner/name", "./hf", "HF:owner/name", tmp_path, None]))


def test_a_folder_of_the_users(stub: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(stub.parent)
    for text in ("hf:./stub", f"hf:{stub}"):
        found = find(text)
        assert (found.name, found.commit, found.notes) == ("stub", "", ())
        assert found.folder.resolve() == stub
        assert found.config["model_type"] == "vit"
        assert found.processor["size"] == {"height": 32, "width": 32}
        assert [path.name for path in found.files] == [
            "config.json",
            "preprocessor_config.json",
            "model.safetensors",
        ]


def test_a_folder_that_is_not_there(stub: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(stub.parent)
    with pytest.raises(InputError, match=r"no folder 'stup'. Did you mean 'stub'\?"):
        find("hf:./stup")


@pytest.mark.parametrize("revision", ["", "@main", "@v1", "@refs/pr/3", f"@{COMMIT}", f"@{COMMIT[:9]}"])
def test_what_the_cache_holds_needs_no_network(home: Path, stub: Path, revision: str):
    snapshot = keep(home, stub, refs=("main", "v1", "refs/pr/3"))
    found = find(f"hf:owner/stub{revision}")
    assert (found.folder, found.commit, found.name) == (snapshot, COMMIT, "owner/stub")
    assert found.source == f"hf:owner/stub@{COMMIT}"
    # One line recommends to pin what may change
    assert [f"@{COMMIT}" in note for note in found.notes] == ([] if revision else [True])


def test_a_revision_leads_to_its_own_snapshot(home: Path, stub: Path):
    keep(home, stub)
    older = keep(home, stub, commit=OLDER, refs=("v1",))
    assert find("hf:owner/stub@v1").folder == older
    assert find("hf:owner/stub").commit == COMMIT


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"HF_HUB_CACHE": "{}/a"}, "a"),
        ({"HF_HOME": "{}/b"}, "b/hub"),
        ({"XDG_CACHE_HOME": "{}/c"}, "c/huggingface/hub"),
        ({"HF_HUB_CACHE": "{}/a", "HF_HOME": "{}/b"}, "a"),
        ({"HF_HOME": "$HOME/d"}, "xxx"),
    ],
)
def test_the_cache_is_where_the_library_puts_it(
    variables: dict[str, str], place: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    ours = hub_cache()
    # The library reads its variables once, when it is imported
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert str(ours) == theirs
    assert ours == (home / "d" / "hub" if place == "xxx" else tmp_path / place)


def test_what_is_not_here_is_not_fetched_unasked(home: Path, stub: Path):
    with pytest.raises(
        InputError, match=r"'hf:owner/stub' is not in the Hub's cache .* add --download"
    ) as caught:
        find("hf:owner/stub")
    assert "hf:./folder" in str(caught.value)
    keep(home, stub)
    with pytest.raises(InputError, match=r"Did you mean 'owner/stub'\?"):
        find("hf:owner/stup")


def test_looking_for_a_name_imports_neither_torch_nor_the_libraries_of_the_hub():
    code = """
import sys
from macaw.errors import InputError
from macaw.runtime.hubfetch import find
try:
    find("hf:owner/name")
except InputError:
    print(*({"torch", "transformers", "huggingface_hub"} & set(sys.modules)), "done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["done"]


def test_a_folder_of_the_same_name_is_pointed_at(stub: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(stub.parent)
    with pytest.raises(InputError, match=r"for the folder of that name write hf:\./stub"):
        find("hf:stub")


def test_a_revision_that_the_cache_does_not_have(home: Path, stub: Path):
    keep(home, stub, refs=("main", "v1.0"))
    with pytest.raises(UnknownName, match=r"no revision 'v1\.1' of it\. Did you mean 'v1\.0'\?") as caught:
        find("hf:owner/stub@v1.1")
    assert "main" in str(caught.value) and COMMIT in str(caught.value) and "--download" in str(caught.value)


def test_a_pickle_is_refused_and_not_opened(stub: Path):
    (stub / "model.safetensors").unlink()
    (stub / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(
        InputError, match=r"a pickle \(pytorch_model\.bin\), which can run code .* convert it to saf"
    ):
        find(f"hf:{stub}")
    # Beside safetensors it is of no interest
    save_file({"weight": np.zeros(3, np.float32)}, stub / "model.safetensors")
    assert [path.name for path in find(f"hf:{stub}").weights] == ["model.safetensors"]


def test_weights_of_other_kinds(stub: Path):
    (stub / "model.safetensors").rename(stub / "tf_model.h5")
    with pytest.raises(ModelError, match=r"no model\.safetensors, only tf_model\.h5, which is not read"):
        find(f"hf:{stub}")


@pytest.mark.parametrize("left", [0, 5, 40, -1])
def test_weights_cut_short(stub: Path, left: int):
    path = stub / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ModelError, match=r"model\.safetensors is cut short or damaged \("):
        find(f"hf:{stub}")


def test_weights_in_several_files(stub: Path):
    (stub / "model.safetensors").unlink()
    parts = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    table = {"first": parts[0], "second": parts[1]}
    (stub / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    save_file({"first": np.zeros(3, np.float32)}, stub / parts[0])
    with pytest.raises(ModelError, match=rf"lacks 1 of the 2 files of its weights, {parts[1]} first"):
        find(f"hf:{stub}")
    save_file({"second": np.zeros(3, np.float32)}, stub / parts[1])
    assert [path.name for path in find(f"hf:{stub}").weights] == parts
    (stub / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ModelError, match="it has no weight_map"):
        find(f"hf:{stub}")


def test_a_config_that_is_missing_or_damaged(stub: Path):
    (stub / "config.json").write_text('{"model_type": "vi')
    with pytest.raises(ModelError, match=r"config\.json is damaged"):
        find(f"hf:{stub}")
    (stub / "config.json").write_text("[1, 2]")
    with pytest.raises(ModelError, match="holds a list, not an object"):
        find(f"hf:{stub}")
    (stub / "config.json").unlink()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        find(f"hf:{stub}")


def test_a_processor_inside_another_comes_first(stub: Path):
    inner = {"image_processor_type": "BitImageProcessor"}
    (stub / "processor_config.json").write_text(json.dumps({"image_processor": inner}))
    assert find(f"hf:{stub}").processor == inner
    (stub / "processor_config.json").write_text(json.dumps({"processor_class": "X"}))
    assert find(f"hf:{stub}").processor["image_processor_type"] == "ViTImageProcessor"
    for name in ("processor_config.json", "preprocessor_config.json"):
        (stub / name).unlink()
    assert find(f"hf:{stub}").processor == {}


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("---\nlicense: apache-2.0\ntags:\n- vision\n---\n", "apache-2.0"),
        ("---\ntags: x\nlicense: 'other'\nlicense_name: mine\n---\n", "other"),
        ("# A model\nlicense: mit\n", ""),
        ("---\ntags: x\n---\nlicense: mit\n", ""),
        ("", ""),
    ],
)
def test_the_licence_is_what_the_header_says(text: str, stated: str, tmp_path: Path):
    (tmp_path / "README.md").write_text(text)
    assert licence(tmp_path) == stated
    assert licence(tmp_path / "nowhere") == ""


# Fetching, from a Hub on this machine


def test_fetching_when_asked(hub: Any, home: Path):
    hub.repos["owner/stub"] |= {
        "pytorch_model.bin": b"pickle", "model.fp16.safetensors": b"x", "onnx/model.onnx": b"x",
        "train.py": b"x",
    }  # fmt: skip
    found = find("hf:owner/stub", download=True)
    assert found.commit == COMMIT
    assert found.folder.is_relative_to(home)
    fetched = {path.name for path in found.folder.iterdir()}
    assert fetched == {"config.json", "preprocessor_config.json", "README.md", "model.safetensors"}
    assert licence(found.folder) == "cc-by-4.0"
    asked = len(hub.asked)
    assert not any("telemetry" in request for request in hub.asked)
    # It is in the cache now: neither the network nor the word to use it is needed
    assert find("hf:owner/stub").folder == find("hf:owner/stub", download=True).folder == found.folder
    assert len(hub.asked) == asked


def test_fetching_a_revision(hub: Any):
    assert find("hf:owner/stub@v1", download=True).commit == OLDER
    with pytest.raises(UnknownName, match="has no revision 'main' of it"):
        find("hf:owner/stub")


def test_what_a_snapshot_lacks_is_fetched(hub: Any, home: Path, stub: Path):
    snapshot = keep(home, stub)
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no model\.safetensors; fetch it again with --download"):
        find("hf:owner/stub")
    assert find("hf:owner/stub", download=True).weights[0].is_file()


def test_a_repository_of_pickles_is_refused_before_it_is_fetched(hub: Any):
    files = hub.repos["owner/stub"]
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    with pytest.raises(InputError, match=r"a pickle \(pytorch_model\.bin\)"):
        find("hf:owner/stub", download=True)
    assert not any("resolve" in request for request in hub.asked)


def test_what_the_hub_does_not_have(hub: Any):
    with pytest.raises(UnknownName, match="has no repository 'owner/nothing'"):
        find("hf:owner/nothing", download=True)
    with pytest.raises(UnknownName, match=r"no revision 'v9' of 'owner/stub'"):
        find("hf:owner/stub@v9", download=True)
    hub.closed.add("owner/stub")
    with pytest.raises(InputError, match="who accept its terms"):
        find("hf:owner/stub", download=True)


def test_no_network(hub: Any, monkeypatch: pytest.MonkeyPatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens
    with pytest.raises(InputError, match=r"the Hub cannot be reached \(.*\); try again with a network"):
        find("hf:owner/stub", download=True)


def test_a_network_that_is_forbidden(hub: Any, monkeypatch: pytest.MonkeyPatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE forbids the network"):
        find("hf:owner/stub", download=True)


def test_a_disk_that_is_full(hub: Any, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    with pytest.raises(StorageError, match="the disk is full"):
        find("hf:owner/stub", download=True)


def test_without_the_library_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"pip install 'macaw\[hub\]'"):
        find("hf:owner/stub", download=True)
