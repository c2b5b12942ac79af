"""The `.param` file of a network for ncnn: text, a line for each layer.

A line is `type name inputs outputs blobs... key=value...` (Tencent/ncnn, wiki, "param and model file structure").
"""

from __future__ import annotations

from pathlib import Path

from tiernas.engines.input_shape import fixed_shape
from tiernas.errors import UsageError

SUFFIX, WEIGHTS_SUFFIX = ".param", ".bin"

_MAGIC = "7767517"
_INPUT = "Input"
_SIZES = ("2", "1", "0")
"""Keys of channels, height and width of a layer of the type `Input`."""
_HEADER_LINES = 2
"""The magic number, and the numbers of layers and blobs."""


def write_input_shape(path: Path, input_shape: tuple[int, int, int, int]) -> None:
    """Writes the sizes of an image into a file that lacks them, as those of pnnx do.

    Args:
        path: The file, with one layer of the type `Input`.
        input_shape: Shape of the images, NCHW.
    """
    sizes = " ".join(f"{key}={size}" for key, size in zip(_SIZES, input_shape[1:]))
    lines = path.read_text(encoding="utf-8").splitlines()
    shaped = [f"{line} {sizes}" if line.split()[0] == _INPUT else line for line in lines]
    path.write_text("\n".join(shaped) + "\n", encoding="utf-8")


def read_input_shape(path: Path) -> tuple[int, int, int, int]:
    """The shape of a network's images, NCHW; ncnn runs one image at a time.

    Raises:
        UsageError: It is no such file, or does not say the shape.
    """
    layers = _layers(path)
    inputs = [words for words in layers if words[0] == _INPUT]
    if len(inputs) != 1:
        raise UsageError(f"{path}: has {len(inputs)} inputs; a network has one, the images")
    found = dict(word.split("=", 1) for word in inputs[0][4:] if "=" in word)
    return fixed_shape(path, [1, *(int(size) if (size := found.get(key, "")).isdigit() else None for key in _SIZES)])


def layer_types(path: Path) -> tuple[str, ...]:
    """The types of a network's layers, each once.

    Raises:
        UsageError: It is no such file.
    """
    return tuple(dict.fromkeys(words[0] for words in _layers(path)))


def _layers(path: Path) -> list[list[str]]:
    """The words of the line of each layer."""
    try:
        magic, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as a network of ncnn ({error})") from error
    if magic.strip() != _MAGIC:
        raise UsageError(f"{path}: is not a network of ncnn: it does not begin with {_MAGIC}")
    return [words for line in lines[_HEADER_LINES - 1 :] if (words := line.split())]
