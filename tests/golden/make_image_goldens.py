#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goldens of image decoding and resizing, made with Pillow 9.4 and numpy; run from the repository's root.

resize.npz        in/<image>, and <filter>/<image>/<width>x<height>, crop/<image>/<size>
images/*          small files of every kind the readers know, and images.npz with the pixels each must give
numpy_arrays.npz  one array of every type, in C and Fortran order, deflated
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image

OUT = "tests/golden/"
FILTERS = {"box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}


def synthetic(width, height, channels, seed):
    """Waves, a hard edge and noise: over- and undershoot, ties and saturation all occur."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for c in range(channels):
        plane = 127 + 100 * np.sin(x / (3.0 + c) + c) * np.cos(y / (5.0 - c))
        plane[(x + 2 * y) % 23 < 5] = 255 if c != 1 else 0
        plane += rng.randint(-20, 21, size=plane.shape)
        planes.append(np.clip(plane, 0, 255).astype(np.uint8))
    return np.stack(planes, axis=-1)


def picture(a):
    return Image.fromarray(a[..., 0] if a.shape[2] == 1 else a)


def pixels(image):
    a = np.asarray(image)
    return a[..., None] if a.ndim == 2 else a


def center_crop(image, size):
    """guided-diffusion's center_crop_arr."""
    while min(*image.size) >= 2 * size:
        image = image.resize(tuple(x // 2 for x in image.size), resample=Image.BOX)
    scale = size / min(*image.size)
    image = image.resize(tuple(round(x * scale) for x in image.size), resample=Image.BICUBIC)
    a = pixels(image)
    y, x = (a.shape[0] - size) // 2, (a.shape[1] - size) // 2
    return a[y:y + size, x:x + size]


def make_resize():
    images = {"grey1x1": (1, 1, 1), "rgb1x1": (1, 1, 3), "rgb2x3": (2, 3, 3), "rgb5x7": (5, 7, 3), "grey33x20": (33, 20, 1),
              "rgb33x20": (33, 20, 3), "grey97x61": (97, 61, 1), "rgb97x61": (97, 61, 3), "rgb160x131": (160, 131, 3)}
    targets = {"grey1x1": [(1, 1), (4, 3)], "rgb1x1": [(5, 2)], "rgb2x3": [(1, 1), (7, 5), (2, 9)], "rgb5x7": [(5, 3), (3, 7), (11, 13)],
               "grey33x20": [(8, 8), (33, 7), (50, 41)], "rgb33x20": [(32, 19), (16, 10)],
               "grey97x61": [(1, 1), (13, 61), (64, 40), (97, 62)], "rgb97x61": [(32, 20), (48, 31)], "rgb160x131": []}
    out = {}
    for seed, (name, shape) in enumerate(images.items()):
        a = synthetic(*shape, seed)
        out["in/" + name] = a
        for size in targets[name]:
            for filter_name, f in FILTERS.items():
                out["%s/%s/%dx%d" % (filter_name, name, *size)] = pixels(picture(a).resize(size, resample=f))
    for name in ("rgb33x20", "grey97x61", "rgb97x61", "rgb160x131"):
        for size in (32, 64):
            if name != "rgb33x20" or size == 32:
                out["crop/%s/%d" % (name, size)] = center_crop(picture(out["in/" + name]), size)
    np.savez_compressed(OUT + "resize.npz", **out)


def png(width, height, kind, depth, rows, passes=None, extra=b""):
    """A PNG by hand, for what Pillow cannot write; `rows` are unfiltered scan lines."""
    def chunk(tag, data):
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 1 if passes else 0)
    raw = b"".join(b"\0" + bytes(r) for r in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def trns(data):
    return struct.pack(">I", len(data)) + b"tRNS" + data + struct.pack(">I", zlib.crc32(b"tRNS" + data))


def adam7(a):
    for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        part = a[y0::dy, x0::dx]
        if part.size:
            yield from (row.tobytes() for row in part)


def over_white(image):
    grey = image.mode in ("L", "LA")
    image = image.convert("LA" if grey else "RGBA")
    base = Image.new("L" if grey else "RGB", image.size, "white")
    base.paste(image.convert(base.mode), mask=image.getchannel("A"))
    return pixels(base)


def make_jpegs(files, expected):
    def save(image, **options):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", **options)
        return buffer.getvalue()
    rgb, grey = picture(synthetic(37, 29, 3, 50)), picture(synthetic(21, 17, 1, 51))
    cmyk = Image.fromarray(np.concatenate([synthetic(19, 23, 3, 52), synthetic(19, 23, 1, 53)], axis=-1), mode="CMYK")
    files["grey.jpg"] = save(grey, quality=85)
    files["rgb_420.jpg"] = save(rgb, quality=80, subsampling=2)
    files["rgb_422.jpg"] = save(rgb, quality=60, subsampling=1)
    files["rgb_444_progressive.jpg"] = save(rgb, quality=90, subsampling=0, progressive=True)
    files["cmyk.jpg"] = save(cmyk, quality=90)
    # The colour transform in Adobe's marker: 0 is CMYK, 2 is YCCK.
    at = files["cmyk.jpg"].index(b"Adobe") + 11
    assert files["cmyk.jpg"][at] == 0
    files["ycck.jpg"] = files["cmyk.jpg"][:at] + b"\2" + files["cmyk.jpg"][at + 1:]
    for name in [n for n in files if n.endswith(".jpg")]:
        image = Image.open(io.BytesIO(files[name]))
        expected[name] = pixels(image if image.mode == "L" else image.convert("RGB"))


def make_pngs(files, expected):
    def save(name, image, **options):
        buffer = io.BytesIO()
        image.save(buffer, "PNG", **options)
        files[name] = buffer.getvalue()
        again = Image.open(io.BytesIO(files[name]))
        again.load()
        if "A" in again.getbands() or "transparency" in again.info:
            expected[name] = over_white(again)
        else:
            expected[name] = pixels(again.convert("L" if again.mode in "1L" else "RGB"))
    rgb, grey = synthetic(23, 19, 3, 60), synthetic(23, 19, 1, 61)
    alpha = np.tile(np.arange(0, 253, 11, dtype=np.uint8)[None, :, None], (19, 1, 1))
    palette = picture(rgb).quantize(40)
    save("grey.png", picture(grey))
    save("rgb.png", picture(rgb))
    save("bits1.png", picture(grey).convert("1"))
    save("palette.png", palette)
    save("palette4.png", picture(rgb).quantize(11))
    save("palette_alpha.png", palette, transparency=bytes(range(0, 240, 6)))
    save("rgba.png", Image.fromarray(np.concatenate([rgb, alpha], axis=-1)))
    save("la.png", Image.fromarray(np.concatenate([grey, alpha], axis=-1), mode="LA"))
    save("grey_key.png", picture(grey), transparency=255)
    wide = (rgb.astype(np.uint16) << 8 | np.random.RandomState(62).randint(0, 256, rgb.shape).astype(np.uint16))
    files["grey16.png"] = png(23, 19, 0, 16, [r.astype(">u2").tobytes() for r in wide[..., 0]])
    expected["grey16.png"] = (wide[..., :1] >> 8).astype(np.uint8)
    files["rgb16.png"] = png(23, 19, 2, 16, [r.astype(">u2").tobytes() for r in wide])
    expected["rgb16.png"] = pixels(Image.open(io.BytesIO(files["rgb16.png"])))
    assert (expected["rgb16.png"] == wide >> 8).all()
    files["interlaced.png"] = png(23, 19, 2, 8, adam7(rgb), passes=True)
    expected["interlaced.png"] = pixels(Image.open(io.BytesIO(files["interlaced.png"])))
    assert (expected["interlaced.png"] == rgb).all()
    files["rgb_key.png"] = png(23, 19, 2, 8, [r.tobytes() for r in rgb], extra=trns(struct.pack(">HHH", *map(int, rgb[3, 4]))))
    expected["rgb_key.png"] = over_white(Image.open(io.BytesIO(files["rgb_key.png"])))
    four = np.arange(16, dtype=np.uint8).reshape(2, 8)
    files["bits4.png"] = png(8, 2, 0, 4, [(r[0::2] << 4 | r[1::2]).tobytes() for r in four])
    expected["bits4.png"] = pixels(Image.open(io.BytesIO(files["bits4.png"])).convert("L"))


def make_ppms(files, expected):
    rgb, grey = synthetic(7, 5, 3, 70), synthetic(6, 4, 1, 71)
    files["rgb.ppm"] = b"P6\n# a comment\n7 5\n255\n" + rgb.tobytes()
    files["grey.pgm"] = b"P5 6 4 255\n" + grey.tobytes()
    files["max100.ppm"] = b"P6 7 5 100\n" + (rgb % 101).tobytes()
    files["wide.ppm"] = b"P6 7 5 65535\n" + (rgb.astype(">u2") * 200 + 13).astype(">u2").tobytes()
    for name in ("rgb.ppm", "grey.pgm", "max100.ppm", "wide.ppm"):
        expected[name] = pixels(Image.open(io.BytesIO(files[name])))


def make_arrays():
    base = np.array([[-2, -1, 0], [1, 100, 7]])
    arrays = {"f4": (base / 3).astype("<f4"), "f8": base / 7, "f2": (base / 3).astype("<f2"), "u1": np.abs(base).astype("u1"),
              "i1": base.astype("i1"), "i4": base.astype("<i4") * 100000, "i8": base.astype("<i8") * 10**12, "b1": base > 0,
              "scalar": np.float64(2.5), "empty": np.zeros((0, 3), "<f4"), "vector": np.arange(5, dtype="<i4")}
    arrays["fortran2"] = np.asfortranarray(arrays["f4"])
    arrays["fortran3"] = np.asfortranarray(np.arange(24, dtype="<i4").reshape(2, 3, 4))
    arrays["zeros"] = np.zeros((3, 50000), "u1")
    arrays["folder/name"] = np.ones(2, "<f4")
    np.savez_compressed(OUT + "numpy_arrays.npz", **arrays)


def main():
    make_resize()
    make_arrays()
    files, expected = {}, {}
    make_jpegs(files, expected)
    make_pngs(files, expected)
    make_ppms(files, expected)
    for name, data in files.items():
        with open(OUT + "images/" + name, "wb") as f:
            f.write(data)
    np.savez_compressed(OUT + "images/images.npz", **expected)


main()
