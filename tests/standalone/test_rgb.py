"""Every mode of Pillow becomes the RGB that its definition says, computed here with numpy alone."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, features

from tiernas.standalone.preprocessing import square, upright_rgb

Bytes = npt.NDArray[np.uint8]

SHAPE = (11, 7)


def noise(*more: int, seed: int = 0, high: int = 256) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, high, (*SHAPE, *more))


def reopened(image: Image.Image, kind: str, **options: Any) -> Image.Image:
    stored = io.BytesIO()
    image.save(stored, kind, **options)
    return Image.open(stored)


def grey(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(values[..., None], 3, axis=-1)


def on_white(colours: npt.NDArray[Any], alpha: npt.NDArray[Any]) -> npt.NDArray[Any]:
    part = alpha[..., None] / 255
    return colours * part + 255 * (1 - part)


def close(image: Image.Image, expected: npt.NDArray[Any], within: float = 1) -> None:
    found = np.asarray(upright_rgb(image)).astype(float)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= within


def test_one_bit() -> None:
    bits = noise(high=2).astype(bool)
    close(reopened(Image.fromarray(bits), "PNG"), grey(255 * bits), 0)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_eight_bits_stay_what_they_are(channels: tuple[int, ...]) -> None:
    values = noise(*channels).astype(np.uint8)
    close(reopened(Image.fromarray(values), "PNG"), values if channels else grey(values), 0)


@pytest.mark.parametrize(
    ("channels", "mode", "kind"), [(2, "LA", "PNG"), (4, "RGBA", "PNG"), (4, "RGBA", "TIFF"), (4, "RGBA", "WEBP")]
)
def test_what_is_transparent_is_white(channels: int, mode: str, kind: str) -> None:
    values = noise(channels).astype(np.uint8)
    values[0, :, -1], values[1, :, -1] = 0, 255
    image = reopened(
        Image.fromarray(values, mode), kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})
    )
    assert image.mode == mode
    colours = values[..., :-1] if channels == 4 else grey(values[..., 0])
    close(image, on_white(colours, values[..., -1]))
    found = np.asarray(upright_rgb(image))
    assert (found[0] == 255).all()
    assert (found[1] == colours[1]).all()


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_colours(mode: str) -> None:
    bands = len(Image.new(mode, (1, 1)).getbands())
    alpha = noise(seed=1)
    multiplied = (noise(bands - 1) * alpha[..., None] / 255).round()
    image = Image.frombytes(mode, SHAPE[::-1], np.dstack([multiplied, alpha]).astype(np.uint8).tobytes())
    straight = multiplied + 255 - alpha[..., None]
    close(image, straight if bands == 4 else grey(straight[..., 0]), 2)


def palette_image(mode: str = "P") -> tuple[Image.Image, Bytes, Bytes]:
    places, palette = noise(high=16).astype(np.uint8), noise(seed=2).ravel()[:48].astype(np.uint8).reshape(16, 3)
    image = Image.fromarray(places, "P")
    image.putpalette(palette.tobytes())
    return image if mode == "P" else image.convert(mode), places, palette


def test_a_palette() -> None:
    image, places, palette = palette_image()
    close(reopened(image, "PNG"), palette[places], 0)


@pytest.mark.parametrize(("kind", "alphas"), [("PNG", [0, 100, 255]), ("PNG", [255] * 16), ("GIF", None)])
def test_a_palette_with_transparent_colours(kind: str, alphas: list[int] | None) -> None:
    image, places, palette = palette_image()
    alpha = np.full(16, 255, np.uint8)
    if alphas is None:
        stored, alpha[5] = reopened(image, kind, transparency=5, optimize=False), 0
    else:
        stored, alpha[: len(alphas)] = reopened(image, kind, transparency=bytes(alphas)), alphas
    assert stored.mode == "P"
    close(stored, on_white(palette[places], alpha[places]))


def test_a_palette_with_alpha() -> None:
    image, places, palette = palette_image()
    alpha = noise(seed=3).astype(np.uint8)
    with_alpha = image.convert("PA")
    with_alpha.putalpha(Image.fromarray(alpha))
    assert with_alpha.mode == "PA"
    close(with_alpha, on_white(palette[places], alpha))


def test_one_colour_that_means_transparent() -> None:
    values = noise(3, high=2).astype(np.uint8) * 200
    hidden = (values == (200, 0, 200)).all(axis=-1)
    assert 0 < hidden.sum() < hidden.size
    close(reopened(Image.fromarray(values), "PNG", transparency=(200, 0, 200)), on_white(values, 255 * ~hidden), 0)
    values = values[..., 0]
    close(reopened(Image.fromarray(values), "PNG", transparency=200), on_white(grey(values), 255 * (values != 200)), 0)


def test_sixteen_bits_with_one_value_that_means_transparent() -> None:
    values = noise(high=65536).astype(np.uint16)
    values[0] = 4321
    image = Image.fromarray(values)
    image.info["transparency"] = 4321
    close(image, on_white(grey(values / 257), 255 * (values != 4321)), 0.5)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bits_are_scaled(kind: str) -> None:
    values = noise(high=65536).astype(np.uint16)
    values[0, :3] = 0, 255, 65535
    image = reopened(Image.fromarray(values), kind)
    assert np.array_equal(np.asarray(image), values)
    close(image, grey(values / 257), 0.5)


def test_sixteen_bits_with_the_high_byte_first() -> None:
    values = noise(high=65536).astype(">u2")
    close(Image.frombytes("I;16B", SHAPE[::-1], values.tobytes()), grey(values / 257), 0.5)


def test_sixteen_bit_colours() -> None:
    values = noise(3, high=65536).astype(">u2")
    header = f"P6 {SHAPE[1]} {SHAPE[0]} 65535\n".encode()
    close(Image.open(io.BytesIO(header + values.tobytes())), values / 257)


def tiff(values: npt.NDArray[Any], bits: int, photometric: int, packed: bytes | None = None) -> Image.Image:
    """A little-endian TIFF of one strip, as TIFF 6.0 describes it; Pillow writes neither 12 bits nor white as zero."""
    data = values.tobytes() if packed is None else packed
    height, width = values.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 122, 277: 1, 278: height, 279: len(data)}
    entries = b"".join(
        tag.to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + value.to_bytes(4, "little")
        for tag, value in tags.items()
    )
    head = b"II*\0" + (8).to_bytes(4, "little") + len(tags).to_bytes(2, "little") + entries + bytes(4)
    assert len(head) == 122
    return Image.open(io.BytesIO(head + data))


def test_twelve_bits() -> None:
    values = np.random.default_rng(0).integers(0, 4096, (6, 4))
    pairs = values.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    close(tiff(values, 12, 1, packed.astype(np.uint8).tobytes()), grey(values / 4095 * 255), 0.51)


def test_sixteen_bits_with_zero_for_white() -> None:
    values = noise(high=65536).astype("<u2")
    close(tiff(values, 16, 0), grey(255 - values / 257), 0.51)


def test_cmyk() -> None:
    ink = noise(4).astype(np.uint8)
    paper = (255 - ink[..., :3].astype(float)) * (255 - ink[..., 3:]) / 255
    close(reopened(Image.fromarray(ink, "CMYK"), "TIFF"), paper, 2)


def test_ycbcr() -> None:
    values = noise(3).astype(np.uint8)
    y, cb, cr = (values[..., i].astype(float) - (128 if i else 0) for i in range(3))
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)  # JFIF 1.02
    close(Image.fromarray(values, "YCbCr"), rgb.clip(0, 255), 2)


def test_hsv() -> None:
    values = noise(3).astype(np.uint8)
    rgb = np.array([[colorsys.hsv_to_rgb(*pixel) for pixel in row] for row in values / 255]) * 255
    close(Image.fromarray(values, "HSV"), rgb, 4)


@pytest.mark.skipif(not features.check("littlecms2"), reason="this Pillow has no LittleCMS")
def test_lab() -> None:
    values = noise(3).astype(np.uint8)
    values[..., 0] = 60 + values[..., 0] // 3
    values[..., 1:] = 118 + values[..., 1:] // 13  # colours that sRGB has
    signed = values ^ np.array([0, 128, 128], np.uint8)  # as TIFF keeps a and b
    lightness, a, b = values[..., 0] / 255 * 100, values[..., 1] - 128.0, values[..., 2] - 128.0
    f = np.stack([(lightness + 16) / 116 + a / 500, (lightness + 16) / 116, (lightness + 16) / 116 - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1, 0.8249]  # D50
    matrix = np.array(  # XYZ of D50 to linear sRGB, Bradford-adapted (Lindbloom)
        [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
    )
    linear = (xyz @ matrix.T).clip(0, 1)
    rgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear) * 255
    close(reopened(Image.frombytes("LAB", SHAPE[::-1], signed.tobytes()), "TIFF"), rgb, 3)


def test_floats_from_black_to_white() -> None:
    values = np.random.default_rng(0).random(SHAPE, np.float32)
    values[0, :2] = 0, 1
    close(reopened(Image.fromarray(values), "TIFF"), grey(255 * values), 0.51)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, 255.0, np.nan, np.inf])
def test_floats_of_another_range_are_refused(wrong: float) -> None:
    values = np.full(SHAPE, 0.5, np.float32)
    values[3, 3] = wrong
    with pytest.raises(ValueError, match=r"floating-point values .* scale them to 0 \(black\) to 1 \(white\)"):
        upright_rgb(reopened(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("kind", [np.int32, np.int16])
def test_integers_of_no_known_range_are_refused(kind: Any) -> None:
    image = Image.fromarray(noise(high=200).astype(np.int32))
    stored = reopened(image, "TIFF") if kind is np.int32 else image
    with pytest.raises(ValueError, match="32 bits, so which is white is unknown"):
        upright_rgb(stored)


ORIENTATIONS: dict[int, Callable[[Bytes], Bytes]] = {  # how to turn the stored rows and columns (EXIF 2.32, tag 274)
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_images_are_turned_and_mirrored_as_exif_says(orientation: int, kind: str) -> None:
    corners = np.zeros((16, 24, 3), np.uint8)
    corners[:8, :12], corners[:8, 12:], corners[8:, :12] = 250, 170, 80
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    image = reopened(Image.fromarray(corners), kind, exif=exif, **options)
    close(image, ORIENTATIONS[orientation](corners), 3 if kind == "JPEG" else 0)
    wide = np.asarray(square(reopened(Image.fromarray(corners), kind, exif=exif, **options), 8)).astype(int)
    quadrants = ORIENTATIONS[orientation](corners)[:: 15 if orientation < 5 else 23, :: 23 if orientation < 5 else 15]
    assert np.abs(wide[::7, ::7] - quadrants).max() <= 5


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        image = reopened(
            frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
        )
        close(image, np.broadcast_to([255, 0, 0], (8, 8, 3)), 0)
