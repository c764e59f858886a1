#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two sets of images drawn from the same noise: the ratio of their Frechet distances to real images, with an interval.

  bench/paired.py build/release/duet A.npz B.npz --data DATA --reader JUDGE [--real 10000] [--draws 1000]

Image k of both stands for the same noise, so both are drawn anew together: what they have in common falls out of the ratio. The bias of
a distance of few images does not, but it is the same on both sides. Prints distance A, distance B, the ratio A / B, and the 2.5 and
97.5 percentiles of the drawn ratios (reflected at the ratio itself, since drawn sets repeat images and lie further off). NumPy alone."""
import argparse
import json
import os
import subprocess
import tempfile

import numpy as np


def features(o, work, data, name):
    out = os.path.join(work, name)
    subprocess.run([o.duet, "features", o.reader, "--data", data, "--tap", str(o.tap), "--pool", "1", "--split", "train", "--out", out, "--threads", str(o.threads), "--quiet"],
                   check=True)
    return np.load(out)["X"].astype(np.float64)


def root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def distance(x, mean, covariance, half):
    """Frechet distance of rows x to a Gaussian whose covariance has the root `half`."""
    own = np.cov(x, rowvar=False)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ own @ half), 0)).sum()
    return ((x.mean(0) - mean) ** 2).sum() + np.trace(own) + np.trace(covariance) - 2 * cross


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet")
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--data", required=True)
    parser.add_argument("--reader", required=True)
    parser.add_argument("--tap", type=int, default=4)
    parser.add_argument("--real", type=int, default=10000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:  # rows without a split are training rows
        real = features(o, work, o.data, "real.npz")
        a, b = (features(o, work, path, f"{name}.npz") for name, path in (("a", o.a), ("b", o.b)))
    if len(a) != len(b):
        raise SystemExit(f"{o.a} has {len(a)} images, {o.b} has {len(b)}: pairs need the same number")
    rng = np.random.default_rng(0)
    if o.real < len(real):
        real = real[rng.choice(len(real), o.real, replace=False)]
    mean, covariance = real.mean(0), np.cov(real, rowvar=False)
    half = root(covariance)
    both = [distance(x, mean, covariance, half) for x in (a, b)]
    ratio = both[0] / both[1]
    drawn = []
    for _ in range(o.draws):
        k = rng.integers(len(a), size=len(a))
        drawn.append(distance(a[k], mean, covariance, half) / distance(b[k], mean, covariance, half))
    middle = np.median(drawn)
    low, high = (ratio * np.percentile(drawn, p) / middle for p in (2.5, 97.5))
    if o.json:
        print(json.dumps({"a": both[0], "b": both[1], "ratio": ratio, "low": low, "high": high, "images": len(a), "real": len(real)}))
    else:
        print(f"{both[0]:.4f} and {both[1]:.4f} of {len(a)} images each: ratio {ratio:.4f}, 95 % between {low:.4f} and {high:.4f}")


if __name__ == "__main__":
    main()
