"""Two detectors of the Hub from random weights, trained by their own library's Trainer.

YOLOS-tiny (Fang et al. 2021, arXiv 2106.00666) and RT-DETR with ResNet-18 (Zhao et al. 2023, arXiv
2304.08069), each with the losses, the processor and the AdamW of transformers, at the rates of their authors;
of RT-DETR's the one for all that does not come from another training, since here nothing does. They get what
helps them without changing what they are: pictures prepared beforehand, mirrored half of the time, bfloat16
where the processor has it, and a rate that falls to nothing exactly when their minutes end. The Trainer needs
`accelerate`.

Shapes: N boxes of a picture
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import transformers as hub

from benchmarks.contest import Clock, Row, parameters
from macaw.data.objects import Annotated, Objects
from macaw.data.pictures import read_picture

RATES = {"yolos": 5e-5, "rt_detr": 1e-4}  # of YOLOS-tiny's command in its repository, and of RT-DETR's paper
DECAY, CLIP = 1e-4, 0.1  # of weights; of the norm of gradients; both authors'
_ENDLESS = 10**6  # steps: the clock ends a training, not their number
Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes (N, 4), labels (N,), scores (N,)


def network(kind: str, names: Sequence[str], size: int) -> tuple[Any, Any]:
    """A detector with random weights, and its processor, which squeezes pictures to `size`."""
    labels: dict[str, Any] = {
        "id2label": dict(enumerate(names)),
        "label2id": {n: i for i, n in enumerate(names)},
    }
    if kind == "yolos":
        sides = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
        config: Any = hub.YolosConfig(
            image_size=[size, size], use_mid_position_embeddings=False, **sides, **labels
        )
        processor = hub.YolosImageProcessorPil(size={"height": size, "width": size}, do_pad=False)
        return hub.YolosForObjectDetection(config), processor
    small = hub.RTDetrResNetConfig(
        depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = hub.RTDetrConfig(
        backbone_config=small, encoder_in_channels=[128, 256, 512], decoder_layers=3, hidden_expansion=0.5,
        freeze_backbone_batch_norms=False, **labels,
    )  # fmt: skip
    return hub.RTDetrForObjectDetection(config), hub.RTDetrImageProcessorPil(
        size={"height": size, "width": size}
    )


def coco_of(number: int, objects: Objects) -> Row:
    """What is annotated in a picture, as the processors take it."""
    corners, sides = objects.xyxy[:, :2], objects.xyxy[:, 2:] - objects.xyxy[:, :2]
    rows = zip(
        np.hstack([corners, sides]).tolist(), objects.labels.tolist(), objects.area.tolist(), strict=True
    )
    return {
        "image_id": number,
        "annotations": [
            {"bbox": box, "category_id": label, "area": area, "iscrowd": 0} for box, label, area in rows
        ],
    }


@dataclass
class Prepared(torch.utils.data.Dataset[Row]):
    """A split, prepared by their processor; every second picture that is asked for is mirrored, at random."""

    pictures: list[torch.Tensor]  # each (3, H, W) float32
    targets: list[Row]  # as their losses take them: boxes are middle, width and height in parts of the sides
    noise: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @classmethod
    def of(cls, some: Annotated, processor: Any, seed: int) -> Prepared:
        pictures, targets = [], []
        for number, (source, objects) in enumerate(zip(some.sources, some.objects, strict=True)):
            made = processor(
                images=read_picture(source), annotations=coco_of(number, objects), return_tensors="pt"
            )
            pictures.append(made["pixel_values"][0])
            targets.append(dict(made["labels"][0]))
        return cls(pictures, targets, np.random.default_rng(seed))

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Row:
        picture, target = self.pictures[index], self.targets[index]
        if self.noise.random() < 0.5:
            middle, rest = target["boxes"][:, :1], target["boxes"][:, 1:]
            picture, target = picture.flip(-1), {**target, "boxes": torch.cat((1 - middle, rest), 1)}
        return {"pixel_values": picture, "labels": target}


def collate(some: Sequence[Row]) -> Row:
    return {
        "pixel_values": torch.stack([one["pixel_values"] for one in some]),
        "labels": [one["labels"] for one in some],
    }


class ByTheClock(hub.Trainer):
    """Their Trainer, whose schedule and end follow a clock that starts with the first step."""

    seconds = 60.0

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        clock = self.clock = Clock(self.seconds)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer, lambda step: clock.scale()
        )
        return self.lr_scheduler


class Stop(hub.TrainerCallback):
    """Starts a training's clock, and ends the training when its time is over."""

    trainer: ByTheClock

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.trainer.clock.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        control.should_training_stop = self.trainer.clock.progress >= 1


def fit(
    net: Any, pictures: Prepared, *, rate: float, batch: int, seconds: float, seed: int, precision: str
) -> Row:
    """Train by their Trainer for so many seconds; what was done. `precision`: "float32" or "bfloat16"."""
    native = precision == "bfloat16"
    with tempfile.TemporaryDirectory() as folder:
        how = hub.TrainingArguments(
            output_dir=folder, max_steps=_ENDLESS, per_device_train_batch_size=batch, learning_rate=rate,
            weight_decay=DECAY, max_grad_norm=CLIP, use_cpu=True, bf16=native, seed=seed, save_strategy="no",
            logging_strategy="no", report_to="none", disable_tqdm=True, remove_unused_columns=False,
            dataloader_pin_memory=False,
        )  # fmt: skip
        stop = Stop()
        trainer = ByTheClock(
            model=net, args=how, train_dataset=pictures, data_collator=collate, callbacks=[stop]
        )
        trainer.seconds, stop.trainer = seconds, trainer
        trainer.train()
    passes = trainer.state.global_step * batch / len(pictures)
    wall = round(trainer.clock.spent, 1)
    return {"parameters": parameters(net), "passes": round(passes, 2), "wall_s": wall}


def find(net: Any, processor: Any, some: Annotated, *, batch: int = 8) -> list[Found]:
    """What it finds in a split, as their processor decodes it: every answer, however unsure."""
    net.eval()
    found: list[Found] = []
    for start in range(0, len(some), batch):
        read = [read_picture(source) for source in some.sources[start : start + batch]]
        with torch.inference_mode():
            raw = net(**processor(images=read, return_tensors="pt"))
        sides = [one.shape[:2] for one in read]
        for one in processor.post_process_object_detection(raw, threshold=0.0, target_sizes=sides):
            found.append(tuple(one[name].float().numpy() for name in ("boxes", "labels", "scores")))
    return [(boxes, labels.astype(np.int64), scores) for boxes, labels, scores in found]
