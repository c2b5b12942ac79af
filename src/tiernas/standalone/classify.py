"""Classifies image files with the network in this folder.

Needs numpy, Pillow and the runtime named in `deploy.json`. That file contains everything else: the size and the
normalization of images, the classes, and the settings of the runtime that the network was measured with.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from tiernas.standalone.preprocessing import Pixels, network_input, square

FORMAT_VERSION = 1
"""Format of `deploy.json`; newer ones are refused."""

FACTS, CHECK, RUNTIME = "deploy.json", "check.npz", "runtime.py"
"""The files beside the network: facts about it, images with their recorded logits, and the code that runs it."""

_AT_A_TIME = 64
"""Smallest number of images that are read before the network runs on them; a network of any batch gets as many."""

FloatArray = npt.NDArray[np.float32]


class Classifier:
    """The network of a folder in its runtime.

    Args:
        folder: Contains `deploy.json`, `runtime.py` and the network.

    Attributes:
        facts: The contents of `deploy.json`.
        classes: Names of the classes, in the order of the logits.

    Raises:
        ValueError: The folder contains no network, or one of a newer format; the runtime is not installed, or cannot
            run the network here.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.facts: dict[str, Any] = json.loads((folder / FACTS).read_text("utf-8"))
            version, self.classes, network = (self.facts[key] for key in ("format", "classes", "network"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{folder / FACTS}: cannot be read ({error!r}); export the network again") from error
        if version > FORMAT_VERSION:
            raise ValueError(f"{folder / FACTS}: format {version}; this program reads up to {FORMAT_VERSION}")
        try:
            self._run = _runtime(folder).load(folder / network["file"], network["options"])
        except ImportError as error:
            wanted = " ".join(f"'{name}'" for name in self.facts["requirements"])
            raise ValueError(f"{error.name} is not installed; the network needs it: pip install {wanted}") from error
        except Exception as error:  # runtimes have no common base class
            raise ValueError(f"{folder / network['file']}: {network['runtime']} cannot run it: {error}") from error

    def pixels(self, path: Path) -> Pixels:
        """An image file, prepared as in training, `(size, size, 3)`, RGB.

        Raises:
            ValueError: It is missing, or cannot be decoded.
        """
        wanted = self.facts["preprocessing"]
        try:
            return np.asarray(square(Image.open(path), wanted["image_size"], wanted["fit_interpolation"]))
        except UnidentifiedImageError as error:
            raise ValueError("is not an image of a known format") from error
        except FileNotFoundError as error:
            raise ValueError("there is no such file") from error
        except IsADirectoryError as error:
            raise ValueError("is a folder; give image files") from error
        except Exception as error:  # Pillow raises nearly anything for damaged files
            raise ValueError(f"cannot be read ({str(error) or type(error).__name__})") from error

    def logits(self, pixels: Pixels) -> FloatArray:
        """Logits, `(n, classes)`, of images, `(n, size, size, 3)`, as returned by `pixels`."""
        wanted, network = self.facts["preprocessing"], self.facts["network"]
        any_batch = network.get("dynamic_batch", False)
        batch = _AT_A_TIME if any_batch else network["batch"]
        found = []
        for start in range(0, len(pixels), batch):
            images = network_input(
                pixels[start : start + batch],
                wanted["resolution"],
                wanted["mean"],
                wanted["std"],
                wanted["scale_interpolation"],
            )
            missing = 0 if any_batch else batch - len(images)
            found.append(self._run(np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))))[: len(images)])
        return np.concatenate(found)

    def classify(self, paths: Sequence[Path], top: int) -> Iterator[dict[str, Any]]:
        """For each file its most probable classes, best first, or what is wrong with it.

        Args:
            paths: Image files.
            top: The number of classes to list.
        """
        step = max(_AT_A_TIME, self.facts["network"]["batch"])
        for start in range(0, len(paths), step):
            answers: list[dict[str, Any]] = []
            pixels: list[Pixels] = []
            for path in paths[start : start + step]:
                try:
                    pixels.append(self.pixels(path))
                    answers.append({"file": str(path)})
                except ValueError as error:
                    answers.append({"file": str(path), "error": str(error)})
            probabilities = iter(_softmax(self.logits(np.stack(pixels))) if pixels else np.empty((0, 0)))
            for answer in answers:
                if "error" not in answer:
                    values = next(probabilities)
                    best = np.argsort(-values, kind="stable")[:top]
                    named = [{"class": self.classes[k], "probability": float(values[k])} for k in best]
                    answer |= {"class": named[0]["class"], "top": named}
                yield answer

    def check(self, path: Path) -> dict[str, Any]:
        """Runs the network on images whose logits were recorded when it was measured.

        Args:
            path: `check.npz`: `pixels`, `(n, size, size, 3)`, and `logits`, `(n, classes)`.

        Returns:
            The number of `images`, how many get the `same_class` as then, and the `largest_difference` of a logit,
            relative to the largest logit.

        Raises:
            ValueError: The file cannot be read.
        """
        try:
            with np.load(path) as kept:
                pixels, expected = kept["pixels"], kept["logits"]
        except Exception as error:  # damaged archives raise nearly anything
            raise ValueError(f"{path}: cannot be read ({error}); export the network again") from error
        found = self.logits(pixels)
        return {
            "images": len(pixels),
            "same_class": int((found.argmax(axis=1) == expected.argmax(axis=1)).sum()),
            "largest_difference": largest_difference(found, expected),
        }


def largest_difference(found: FloatArray, expected: FloatArray) -> float:
    """The largest difference of a logit, relative to the largest expected logit."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Classifies image files.")
    parser.add_argument("files", nargs="*", type=Path, metavar="IMAGE", help="image files")
    parser.add_argument("--top", type=int, default=1, help="number of classes to list (default: 1)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--check", action="store_true", help=f"run the network on the images in {CHECK} instead")
    given = parser.parse_args(arguments)
    if given.top < 1:
        parser.error(f"--top {given.top}: must be at least 1")
    if given.check == bool(given.files):
        parser.error("give image files, or --check")
    folder = Path(__file__).resolve().parent
    try:
        classifier = Classifier(folder)
        if given.check:
            print(json.dumps(classifier.check(folder / CHECK)))
            return 0
    except (ValueError, OSError) as error:
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    answers = []
    failed = False
    for answer in classifier.classify(given.files, given.top):
        answers.append(answer)
        if "error" in answer:
            failed = True
            print(f"{answer['file']}: {answer['error']}", file=sys.stderr)
        elif not given.json:
            told = ", ".join(f"{best['class']} {best['probability']:.1%}" for best in answer["top"])
            print(f"{answer['file']}: {told}")
    if given.json:
        print(json.dumps(answers, indent=1))
    return int(failed)


def _softmax(logits: FloatArray) -> npt.NDArray[np.float64]:
    powers: npt.NDArray[np.float64] = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _runtime(folder: Path) -> Any:
    """The module that runs the network, loaded without writing a cache file, as importing would."""
    module = ModuleType("runtime")
    source = (folder / RUNTIME).read_text("utf-8")
    exec(compile(source, str(folder / RUNTIME), "exec", dont_inherit=True), vars(module))
    return module


if __name__ == "__main__":
    sys.exit(main())
