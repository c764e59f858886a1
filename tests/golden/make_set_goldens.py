#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sets/: data sets as Python writes them: three WebDataset shards (classes 0, 10, 20; the class before or behind the image, another field)
a zip with dataset.json, and numpy archives as
MedMNIST, guided-diffusion and Keras have them. Pixel (0, 0) of image k is (k, 2 k, 3 k). From the repository's root."""
import gzip
import io
import json
import tarfile
import zipfile

import numpy as np
from PIL import Image

OUT = "tests/golden/sets/"


def pixels_of(k):
    pixels = np.full((8, 8, 3), 200, np.uint8)
    pixels[0, 0] = (k, 2 * k, 3 * k)
    return pixels


def png(k):
    buffer = io.BytesIO()
    Image.fromarray(pixels_of(k)).save(buffer, "PNG")
    return buffer.getvalue()


def main():
    k = 0
    for name in ("train-000000", "train-000001", "val-000000"):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            for i in range(6):
                fields = [("png", png(k)), ("cls", str(10 * (k % 3)).encode() + b"\n" * (i % 2)), ("json", b"{}")]
                for field, data in fields[:2] if i % 2 else reversed(fields):
                    info = tarfile.TarInfo(f"photo.dir/sample{k:06d}.{field}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
                k += 1
        with open(OUT + f"shards-{name}.tar.gz", "wb") as f:
            f.write(gzip.compress(raw.getvalue(), mtime=0))
    with zipfile.ZipFile(OUT + "edm.zip", "w") as z:
        labels = []
        for i in range(9):
            name = f"00000/img{i:08d}.png"
            z.writestr(zipfile.ZipInfo(name), png(i))
            labels.append([name, i % 4])
        z.writestr(zipfile.ZipInfo("dataset.json"), json.dumps({"labels": labels}))
    def images(first, count):
        return np.stack([pixels_of(k) for k in range(first, first + count)])

    def classes(first, count, dtype):
        return (np.arange(first, first + count) % 3).astype(dtype)

    np.savez_compressed(OUT + "medmnist.npz", train_images=images(0, 7), train_labels=classes(0, 7, np.uint8)[:, None], val_images=images(7, 2),
                        val_labels=classes(7, 2, np.uint8)[:, None], test_images=images(9, 4), test_labels=classes(9, 4, np.uint8)[:, None])
    np.savez(OUT + "samples.npz", images(0, 5), classes(0, 5, np.int64))
    np.savez(OUT + "keras.npz", x_train=np.asfortranarray(images(0, 4)), y_train=classes(0, 4, np.int32), x_test=images(4, 2)[..., 0], y_test=classes(4, 2, np.uint8))
    np.savez(OUT + "unlabelled.npz", x=images(0, 3))


main()
