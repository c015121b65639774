"""`macaw serve` under 1, 4 and 16 clients, beside FastAPI wrappers of the same model as tutorials write them.

    python -m benchmarks.serve --pictures ../shared/data/det_bccd/images/test

checkpoint: a MobileNetV2 with random weights, by `macaw serve hf:./folder` and by `transformers.pipeline`.
embedded: macaw's own classifier, by `macaw serve` and by a wrapper of the file that `macaw export` writes.
Servers and clients are processes of their own on this machine. Each client asks again as soon as it is
answered, over one connection, with the same forms in the same order; the servers take turns, round by round.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

BOUNDARY = "b0undary"
KIND = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

PIPELINE = """
import io, sys
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image
from transformers import pipeline

app = FastAPI()
classifier = pipeline("image-classification", model=sys.argv[1], device="cpu")

@app.post("/classify")
async def classify(file: UploadFile):
    picture = Image.open(io.BytesIO(await file.read())).convert("RGB")
    return classifier(picture, top_k=5)

uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""

WRAPPER = """
import io, json, sys
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

app = FastAPI()
card = json.load(open(sys.argv[1] + "/card.json"))
how, session = card["prepare"], onnxruntime.InferenceSession(sys.argv[1] + "/whole.onnx")

@app.post("/classify")
async def classify(file: UploadFile):
    picture = Image.open(io.BytesIO(await file.read())).convert("RGB")
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    picture = picture.crop((left, top, left + side, top + side)).resize((how["size"],) * 2, Image.BICUBIC)
    x = (np.asarray(picture, np.float32) / 255 - np.float32(how["mean"])) / np.float32(how["std"])
    raw = session.run(["raw"], {"pictures": x.transpose(2, 0, 1)[None]})[0][0] / card["decode"]["temperature"]
    probs = np.exp(raw - raw.max())
    probs /= probs.sum()
    return [{"label": card["names"][i], "score": float(probs[i])} for i in np.argsort(-probs)[:5]]

uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""

SERVE = """
import sys
from macaw import server
server.serve([sys.argv[1]], port=int(sys.argv[2]), quiet=True)
"""


def save_checkpoint(folder: Path) -> None:
    """A MobileNetV2 of 1,000 classes and random weights, whose answers can be compared.

    Fresh norms let the signal die out, and every answer is one in a thousand; so they are given statistics.
    """
    import torch
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification, MobileNetV2ImageProcessor

    torch.manual_seed(0)
    model = MobileNetV2ForImageClassification(MobileNetV2Config(num_labels=1000))
    for norm in (one for one in model.modules() if isinstance(one, torch.nn.BatchNorm2d)):
        norm.momentum = None  # the mean of all batches
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 224, 224))
    torch.nn.init.normal_(model.classifier.weight, std=0.3)
    model.eval().save_pretrained(folder)
    MobileNetV2ImageProcessor().save_pretrained(folder)


def save_whole(folder: Path) -> None:
    """The embedded classifier as one file, and its card."""
    import macaw
    from macaw import zoo

    macaw.export("classify", folder / "whole.onnx")
    (folder / "card.json").write_bytes((zoo.folder("classify") / "card.json").read_bytes())


@contextlib.contextmanager
def server(code: str, what: str) -> Iterator[int]:
    """The port of a server process, which ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-c", code, what, str(port)], stdout=subprocess.DEVNULL
    ) as process:
        try:
            while process.poll() is None:
                with socket.socket() as link:
                    if link.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def form(picture: Path) -> bytes:
    """A picture as the form that curl -F would send."""
    head = (
        f'Content-Disposition: form-data; name="file"; filename="{picture.name}"\r\nContent-Type: image/jpeg'
    )
    return (
        f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + picture.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    )


def load(port: int, clients: int, seconds: float, folder: Path) -> dict[str, Any]:
    """What so many clients in a closed loop get: milliseconds of each request, and the last answers."""
    forms = [form(picture) for picture in sorted(folder.glob("*.jpg"))]
    times: list[float] = []
    answers: dict[int, Any] = {}
    refused: list[str] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        link, i = http.client.HTTPConnection("127.0.0.1", port, timeout=60), number
        while time.monotonic() < end:
            began = time.perf_counter()
            link.request("POST", "/classify", forms[i % len(forms)], KIND)
            reply = link.getresponse()
            body = reply.read()
            times.append(1000 * (time.perf_counter() - began))
            if reply.status != 200:
                refused.append(f"status {reply.status}: {body[:300]!r}")
                return
            answers[i % len(forms)] = json.loads(body)
            i += clients

    began = time.monotonic()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if refused:
        raise SystemExit(refused[0])
    return {"times": times, "seconds": time.monotonic() - began, "answers": answers}


def loaded(port: int, clients: int, seconds: float, folder: Path) -> dict[str, Any]:
    """`load` in a process of its own."""
    words = ["--client", str(port), str(clients), str(seconds), str(folder)]
    done = subprocess.run([sys.executable, "-m", "benchmarks.serve", *words], check=True, capture_output=True)
    return json.loads(done.stdout)


def guesses(answer: Any) -> dict[str, float]:
    """Either server's answer as name -> probability, the best first."""
    if isinstance(answer, dict):
        return {one["name"]: one["prob"] for one in answer["labels"]}
    return {one["label"]: one["score"] for one in answer}


def compared(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    """How the answers to the same pictures differ."""
    pairs = [(guesses(mine[key]), guesses(theirs[key])) for key in mine.keys() & theirs.keys()]
    changed = sum(next(iter(a)) != next(iter(b)) for a, b in pairs)
    gaps = [abs(a[name] - b[name]) for a, b in pairs for name in a.keys() & b.keys()]
    largest = round(max(gaps, default=float("nan")), 6)
    return {"compared": len(pairs), "changed": changed / max(1, len(pairs)), "largest difference": largest}


def measure(part: str, servers: dict[str, tuple[str, str]], chosen: argparse.Namespace) -> None:
    """Print a row for each number of clients: both servers, in turn."""
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(server(*words)) for name, words in servers.items()}
        for port in ports.values():
            loaded(port, 2, 2, chosen.pictures)  # warm
        for clients in chosen.clients:
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ports}
            for _ in range(chosen.rounds):
                for name, port in ports.items():
                    runs[name].append(loaded(port, clients, chosen.seconds, chosen.pictures))
            rates = {
                name: [len(run["times"]) / run["seconds"] for run in some] for name, some in runs.items()
            }
            for name, some in runs.items():
                p50, p99 = np.percentile([t for run in some for t in run["times"]], [50, 99])
                row = {"part": part, "server": name, "clients": clients}
                row["requests/s"] = round(statistics.median(rates[name]), 1)
                print(
                    json.dumps({**row, "p50 ms": round(float(p50), 1), "p99 ms": round(float(p99), 1)}),
                    flush=True,
                )
            mine, theirs = rates.values()
            ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
            first, second = (some[-1]["answers"] for some in runs.values())
            row = {"part": part, "clients": clients, "macaw / peer, median of pairs": round(ratio, 2)}
            print(json.dumps({**row, **compared(first, second)}), flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--client"]:
        port, clients, seconds, folder = sys.argv[2:]
        print(json.dumps(load(int(port), int(clients), float(seconds), Path(folder))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, default=Path("../shared/data/det_bccd/images/test"))
    parser.add_argument("--part", nargs="+", default=["checkpoint", "embedded"])
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if "checkpoint" in chosen.part:
            save_checkpoint(Path(folder))
            peers = {"macaw serve": (SERVE, f"hf:{folder}"), "FastAPI, pipeline": (PIPELINE, folder)}
            measure("checkpoint", peers, chosen)
        if "embedded" in chosen.part:
            save_whole(Path(folder))
            peers = {"macaw serve": (SERVE, "classify"), "FastAPI, ONNX Runtime": (WRAPPER, folder)}
            measure("embedded", peers, chosen)


if __name__ == "__main__":
    main()
