"""The peers of the training benchmarks in plain PyTorch: ResNet-18, and the CNN of Keras' example.

They get what helps them without changing what they are: channels last, bfloat16 where the processor has it, a
schedule that ends exactly with their minutes, and none of the time that reading the pictures takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from macaw.training.loop import resolve_precision


class Residual(nn.Module):
    """The basic block of He et al. 2015 (arXiv 1512.03385)."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.skip = nn.Sequential()
        if stride != 1 or width != out:
            self.skip = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.skip(x))


def resnet18(labels: int, *, stem: str) -> nn.Module:
    """ResNet-18, 11 M parameters; `stem` "cifar" is one 3x3 convolution, "imagenet" a 7x7 and a pool."""
    first: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    if stem == "imagenet":
        first = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    blocks, width = [], 64
    for out, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        blocks.append(Residual(width, out, stride))
        width = out
    return nn.Sequential(*first, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, labels))


def keras_cnn(labels: int) -> nn.Module:
    """The network of Keras' old CIFAR-10 example: four convolutions, one hidden layer; 1.25 M parameters."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(64 * 6 * 6, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, labels),
    )  # fmt: skip


def optimizer_of(kind: str, net: nn.Module) -> torch.optim.Optimizer:
    """SGD 0.1 with momentum and weight decay for the ResNet, Adam 1e-3 for the CNN: their usual recipes."""
    if kind == "resnet18":
        return torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return torch.optim.Adam(net.parameters(), 1e-3)


def train_for(
    net: nn.Module, kind: str, pictures: np.ndarray, targets: np.ndarray, *, seconds: float, seed: int = 0
) -> dict[str, float]:
    """Train on (N, H, W, 3) uint8 for so many seconds: batches of 128, flips, shifts by an eighth, cosine."""
    torch.manual_seed(seed)
    net.to(memory_format=torch.channels_last).train()
    optimizer, peak = optimizer_of(kind, net), optimizer_of(kind, net).param_groups[0]["lr"]
    native = resolve_precision("auto") == "bfloat16"
    began, seen = time.monotonic(), 0
    for x, y in _batches(pictures, targets, seed):
        progress = (time.monotonic() - began) / seconds
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = peak * 0.5 * (1 + np.cos(np.pi * progress))
        with torch.autocast("cpu", torch.bfloat16, enabled=native):
            raw = net(x)
        loss = F.cross_entropy(raw.float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(x)
    return {"epochs": seen / len(pictures), "pictures_per_second": seen / seconds}


def _batches(
    pictures: np.ndarray, targets: np.ndarray, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    noise = np.random.default_rng(seed)
    side = pictures.shape[1]
    pad = side // 8
    while True:
        order = noise.permutation(len(pictures))
        for i in range(0, len(order) - 127, 128):
            chosen = order[i : i + 128]
            x = np.pad(pictures[chosen], ((0, 0), (pad, pad), (pad, pad), (0, 0)))
            top, left = noise.integers(0, 2 * pad + 1, (2, 128))
            x = np.stack([one[t : t + side, n : n + side] for one, t, n in zip(x, top, left, strict=True)])
            flip = noise.random(128) < 0.5
            x[flip] = x[flip, :, ::-1]
            yield as_input(x), torch.from_numpy(targets[chosen])


def as_input(pictures: np.ndarray) -> torch.Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, roughly unit variance, channels last."""
    x = (torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() - 120) / 64
    return x.contiguous(memory_format=torch.channels_last)


def probabilities(net: nn.Module, pictures: np.ndarray) -> np.ndarray:
    """(N, C) float32."""
    net.eval()
    with torch.inference_mode():
        parts = [net(as_input(pictures[i : i + 250])).softmax(1) for i in range(0, len(pictures), 250)]
    return torch.cat(parts).numpy()
