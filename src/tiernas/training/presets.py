"""Named recipes: values that `[recipe] preset` stands for and that other keys of the section replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {},  # the defaults are for candidates
    "transformer": {
        "epochs": 30,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 0.05,
        "schedule": "cosine",
        "warmup_fraction": 0.1,
        "label_smoothing": 0.1,
        "drop_path_rate": 0.1,
        "mixup_alpha": 0.8,
        "cutmix_alpha": 1.0,
    },
    "paper": {
        "epochs": 450,
        "batch_size": 8 * 192,
        "optimizer": "rmsproptf",
        "learning_rate": 0.06,
        "momentum": 0.9,
        "weight_decay": 1e-5,
        "schedule": "step",
        "warmup_fraction": 3 / 450,
        "label_smoothing": 0.1,
        "ema_decay": 0.9999,
        "dropout": 0.2,
        "drop_path_rate": 0.2,
        "crop_padding": 0.0,
        "crop_scale": (0.08, 1.0),
        "auto_augment": "rand-m9-mstd0.5",
        "erase_probability": 0.2,
        "precision": "fp16",
    },
}
"""`paper` is how GPUNet-0, -1 and -2 were trained on ImageNet with 8 GPUs (NVIDIA/DeepLearningExamples,
PyTorch/Classification/GPUNet, train_params and train.py, commit 729963dd): RMSprop as in TensorFlow with smoothing 0.9
and epsilon 1e-3, times 0.97 every 2.4 epochs, 3 epochs of warm-up; dropout and drop path are those that its code has,
not its flags, which do nothing.

`transformer` is for networks of attention or MLPs: as DeiT (arXiv 2012.12877, Table 9) and Compact Convolutional
Transformers (arXiv 2104.05704) are trained, but with a tenth of the epochs, and with shifts in the place of
RandAugment, which would take most of the time with small images."""
