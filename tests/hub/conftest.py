"""Checkpoints in Hugging Face format, tiny and of random weights, and a Hub of our own to fetch them from."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from safetensors.numpy import save_file

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER = "89abcdef0123456789abcdef0123456789abcdef"
LABELS = ("tench", "crane", "a cup of tea", "crane", "Ærø ferry")
_VIT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
_STAGED = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}
_SWIN = {
    "embed_dim": 8, "depths": [2, 2, 1], "num_heads": [1, 2, 2], "window_size": 4,
    "image_size": 32, "patch_size": 2,
}  # fmt: skip

# What a config needs to be tiny; everything else is the family's own
TINY: dict[str, dict[str, Any]] = {
    "beit": {**_VIT, "use_relative_position_bias": True, "layer_scale_init_value": 0.5},
    "bit": {**_STAGED, "embedding_size": 8, "num_groups": 4},
    "convnext": {**_STAGED, "layer_scale_init_value": 0.5},
    "convnextv2": _STAGED,
    "data2vec-vision": {**_VIT, "use_relative_position_bias": True, "layer_scale_init_value": 0.5},
    "deit": _VIT,
    "dinov2": _VIT,
    "dinov2_with_registers": {**_VIT, "num_register_tokens": 3},
    "dinov3_convnext": _STAGED,
    "dinov3_vit": {**_VIT, "num_register_tokens": 4},
    "hgnet_v2": {
        "stem_channels": [3, 8, 8], "stage_in_channels": [8, 16, 24, 32], "stage_mid_channels": [8, 8, 8, 8],
        "stage_out_channels": [16, 24, 32, 40], "hidden_sizes": [16, 24, 32, 40], "embedding_size": 8,
        "depths": [1, 1, 1, 1], "stage_num_blocks": [1, 1, 2, 1], "stage_numb_of_layers": [2, 2, 2, 2],
    },
    "ijepa": _VIT,
    "mobilenet_v1": {"depth_multiplier": 0.25, "tf_padding": True},
    "mobilenet_v2": {"depth_multiplier": 0.25, "tf_padding": False},
    "regnet": {**_STAGED, "embedding_size": 8, "groups_width": 4},
    "resnet": {**_STAGED, "embedding_size": 8},
    "swin": _SWIN,
    "swinv2": _SWIN,
    "vit": _VIT,
    "vit_msn": _VIT,
}  # fmt: skip
PLAIN = {  # a preprocessor_config.json for pictures of 32 pixels
    "image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}, "resample": 2,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    "do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
}  # fmt: skip

Make = Callable[..., Path]


def randomise(net: Any) -> Any:
    """Weights under which no part of a network is switched off, and no norm is the identity."""
    import torch

    torch.manual_seed(7)
    with torch.no_grad():
        for name, value in [*net.named_parameters(), *net.named_buffers()]:
            if not value.is_floating_point():
                continue
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand_like(value))
            elif value.ndim == 1 and not name.endswith(("bias", "running_mean")):
                value.copy_(0.5 + torch.rand_like(value))
            elif value.ndim < 2:
                value.copy_(0.2 * torch.randn_like(value))
            elif value.ndim in {2, 4} and "token" not in name and "position" not in name:
                value.copy_(torch.randn_like(value) * 1.5 / value[0].numel() ** 0.5)
            else:
                value.copy_(0.5 * torch.randn_like(value))
    return net.eval()


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """`make("vit")` is the folder of a checkpoint of that family, with a classifier; made once.

    `base=True` leaves the classifier out, `processor` says how pictures are prepared, other words change the
    config.
    """
    made: dict[str, Path] = {}

    def checkpoint(kind: str, *, base: bool = False, processor: Any = None, **changes: Any) -> Path:
        key = json.dumps([kind, base, processor, changes], sort_keys=True)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("checkpoints") / kind
            _write(made[key], kind, base, processor or PLAIN, changes)
        return made[key]

    return checkpoint


def _write(folder: Path, kind: str, base: bool, processor: dict[str, Any], changes: dict[str, Any]) -> None:
    from transformers import CONFIG_MAPPING, MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING, MODEL_MAPPING

    config = CONFIG_MAPPING[kind](**{**TINY[kind], "id2label": dict(enumerate(LABELS)), **changes})
    built = (MODEL_MAPPING if base else MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING)[type(config)]
    net = randomise((built[0] if isinstance(built, tuple) else built)(config))
    net.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Photographs of several shapes, (H, W, 3) uint8."""
    from skimage import data

    coffee, cat, rocket = data.coffee(), data.chelsea(), data.rocket()
    return [coffee, cat, rocket[:, :200], cat[100:101, :9], coffee[::40, ::40]]


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A folder with the files of a checkpoint, whose network nobody builds."""
    folder = tmp_path / "stub"
    write_stub(folder)
    return folder


def write_stub(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "vit", "id2label": {"0": "a", "1": "b"}}))
    (folder / "preprocessor_config.json").write_text(json.dumps(PLAIN))
    (folder / "README.md").write_text("---\nlibrary_name: transformers\nlicense: cc-by-4.0\n---\n# A stub\n")
    save_file({"weight": np.arange(12, dtype=np.float32).reshape(3, 4)}, folder / "model.safetensors")


@dataclass
class Hub:
    """A server that speaks as much of the Hub's language as its own library needs to fetch files."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)  # "owner/name" -> file -> content
    branches: dict[str, str] = field(default_factory=lambda: {"main": COMMIT, "v1": OLDER})
    closed: set[str] = field(default_factory=set)  # repositories with terms to accept
    asked: list[str] = field(default_factory=list)  # every request: "GET /api/..."


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_POST(self) -> None:
            self._send(404, b"{}", {}, body=True)

        def log_message(self, *words: object) -> None:
            """Tests are silent."""

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            parts = path.strip("/").split("/")
            api = parts[:2] == ["api", "models"]
            parts = parts[2:] if api else parts
            repo, rest = "/".join(parts[:2]), parts[2:]
            revision = rest[1] if len(rest) > 1 else "main"
            commit = hub.branches.get(revision, revision if revision in hub.branches.values() else "")
            files = hub.repos.get(repo)
            if files is None:
                return self._refuse(404, "RepoNotFound", body=body)
            if not commit:
                return self._refuse(404, "RevisionNotFound", body=body)
            if repo in hub.closed and not api:
                return self._refuse(403, "GatedRepo", body=body)
            if api:
                siblings = [{"rfilename": name} for name in files]
                told = {"id": repo, "modelId": repo, "sha": commit, "siblings": siblings, "private": False}
                return self._send(
                    200, json.dumps(told).encode(), {"Content-Type": "application/json"}, body=body
                )
            content = files.get("/".join(rest[2:]))
            if content is None:
                return self._refuse(404, "EntryNotFound", body=body)
            tag = hashlib.sha1(content).hexdigest()
            return self._send(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": commit}, body=body)

        def _refuse(self, code: int, why: str, *, body: bool) -> None:
            self._send(code, b"{}", {"X-Error-Code": why}, body=body)

        def _send(self, code: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

    return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, stub: Path) -> Iterator[Hub]:
    """A Hub on this machine, with the repository `owner/stub`."""
    from huggingface_hub import constants

    hub = Hub(repos={"owner/stub": {path.name: path.read_bytes() for path in stub.iterdir()}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()
