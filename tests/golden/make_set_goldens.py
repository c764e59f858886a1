#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sets/: data sets as Python writes them: three WebDataset shards (classes 0, 10, 20; the class before or behind the image, another field)
a zip with dataset.json, and numpy archives as
MedMNIST, guided-diffusion and Keras have them, CIFAR for Python. Pixel (0, 0) of image k is (k, 2 k, 3 k). From the repository's root."""
import gzip
import io
import json
import os
import pickle
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
    python_cifar()


def batch(labels, first):
    """One of CIFAR-10's files: the opcodes that Python 2 wrote, image k of the values k, 2 k, 3 k in its planes."""
    data = b"".join(bytes([k % 256] * 1024 + [2 * k % 256] * 1024 + [3 * k % 256] * 1024) for k in range(first, first + len(labels)))
    listed = b"".join(b"K" + bytes([label]) for label in labels)
    return (b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x05batchq\x03U\x06labelsq\x04]q\x05(" + listed + b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07"
            b"cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\t(K\x01K" + bytes([len(labels)]) + b"M\x00\x0c\x86cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNN"
            b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + len(data).to_bytes(4, "little") + data + b"tbU\tfilenamesq\x0d]q\x0eu.")


def python_cifar():
    folder = OUT + "cifar-10-batches-py/"
    os.makedirs(folder, exist_ok=True)
    for i in range(5):
        with open(folder + f"data_batch_{i + 1}", "wb") as f:
            f.write(batch([2 * i, 2 * i + 1], 2 * i))
    with open(folder + "test_batch", "wb") as f:
        f.write(batch([9, 8, 7], 10))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    with open(folder + "batches.meta", "wb") as f:
        f.write(b"\x80\x02}q\x01(U\x0blabel_namesq\x02]q\x03(" + b"".join(b"U" + bytes([len(n)]) + n.encode() for n in names) + b"eu.")
    folder = OUT + "cifar-100-python/"
    os.makedirs(folder, exist_ok=True)
    for name, first, count in (("train", 0, 3), ("test", 3, 2)):
        data = np.concatenate([np.repeat(np.array([[k], [2 * k], [3 * k]], np.uint8), 1024, 1).reshape(1, 3072) for k in range(first, first + count)])
        with open(folder + name, "wb") as f:
            pickle.dump({b"data": data, b"fine_labels": [97 + k % 3 for k in range(first, first + count)], b"coarse_labels": [0] * count}, f, protocol=4)
    with open(folder + "meta", "wb") as f:
        pickle.dump({b"fine_label_names": [b"class %d" % k for k in range(100)]}, f, protocol=4)


main()
