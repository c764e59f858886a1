#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""first_rows.py DATA COUNT OUT: a folder of IDX files with the first COUNT training images of DATA, and its test images as they are.

  python3 bench/first_rows.py DATA/fashion-mnist 10000 runs/fashion10k
"""
import glob
import gzip
import os
import shutil
import struct
import sys

data, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
os.makedirs(out)
for path in glob.glob(os.path.join(data, "*-ubyte.gz")):
    name = os.path.join(out, os.path.basename(path))
    if not os.path.basename(path).startswith("train"):
        shutil.copy(path, name)
        continue
    with gzip.open(path) as file:
        content = file.read()
    axes = content[3]
    sides = struct.unpack(f">{axes}I", content[4:4 + 4 * axes])
    row = 1
    for side in sides[1:]:
        row *= side
    with gzip.open(name, "wb", compresslevel=1) as file:
        file.write(content[:4] + struct.pack(f">{axes}I", count, *sides[1:]) + content[4 + 4 * axes:4 + 4 * axes + count * row])
