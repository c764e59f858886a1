#!/usr/bin/env python3
"""tests/golden/mat/: files of MATLAB 5 by SciPy (make_mat_goldens.py needs NumPy and SciPy), for tests/unit/io/test_mat.c."""
import os

import numpy as np
import scipy.io
import scipy.sparse

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mat")
os.makedirs(folder, exist_ok=True)
rows = np.zeros((1, 3), dtype=[("class", "O"), ("fname", "O")])
for i in range(3):
    rows[0, i] = (i + 7, "%05d.jpg" % (i + 1))
cells = np.empty((2, 2), dtype=object)
cells[0, 0], cells[1, 0], cells[0, 1] = "first", np.array([[1.5, -2.5]]), np.empty((0, 0))
cells[1, 1] = np.empty((1, 1), dtype=object)
cells[1, 1][0, 0] = "inner"
values = {
    "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "shorts": np.array([[-300, 300]], dtype=np.int16),
    "longs": np.array([[-5000000000], [5000000000]], dtype=np.int64),
    "singles": np.array([[0.5, -0.25, 1e30]], dtype=np.float32),
    "doubles": np.array([[0.1, -1e-300, np.inf]]),
    "cube": np.arange(24, dtype=np.int32).reshape(2, 3, 4),
    "none": np.zeros((0, 5)),
    "yes": np.array([[True, False]]),
    "complex": np.array([[1.0 + 2.0j]]),
    "text": "a plain text",
    "letters": "Häher \u20ac \U0001f426",
    "lines": np.array(["one", "three"]),
    "cells": cells,
    "rows": rows,
    "sparse": scipy.sparse.csc_matrix(np.eye(3)),
}
for name, packed in (("plain", False), ("packed", True)):
    with open(os.path.join(folder, name + ".mat"), "wb") as file:
        scipy.io.savemat(file, values, do_compression=packed)
    with open(os.path.join(folder, name + ".mat"), "r+b") as file:  # the date of the making
        file.seek(0)
        file.write(b"MATLAB 5.0 MAT-file Platform: any, Created on: any day".ljust(116))
