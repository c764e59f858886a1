#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""logistic.py CSV MODEL DATA ROW…: the head `linear` beside scikit-learn's LogisticRegression on the same table of features, added to CSV;
rows that stand there already are not measured again. A ROW is NAME:SETTING:STRENGTHS; strengths are joined by '/'.

Both do what a probe does: a head of each strength on nine tenths of the training rows, the best by the others, and a head of that strength on
all. Features have mean 0 and deviation 1, the objective is mean cross-entropy + strength/2 |W|^2 (C = 1 / (rows strength)).
scikit-learn: lbfgs, max_iter=1000, default tol, f32 rows, as many threads, one fit after the other (a weaker one begins where the stronger
one ended: warm_start); reading and standardising are not in its time. Medians of REPEAT (3) runs of each.

  python3 bench/logistic.py docs/data/logistic.csv models/fashion-mnist.safetensors DATA "narrow:t=10,tap=8,pool=1:1/0.1/0.01/0.001/0.0001"
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

from recognition import Book

COLUMNS = ("row setting rows numbers strengths top1 top1_sklearn seconds seconds_sklearn ratio strength_sklearn command seed commit machine "
           "date").split()
duet = os.environ.get("DUET", "build/release/duet")
threads = os.environ.get("THREADS", str(os.cpu_count()))
repeat = int(os.environ.get("REPEAT", "3"))


def run(*args):
    done = subprocess.run([duet, *args, "--json", "--quiet", "--threads", threads], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def ours(model, data, setting, strengths, work):
    """Accuracy and seconds of the head, by a probe; its features are kept between runs."""
    found = run("probe", model, "--data", data, "--setting", setting, "--head", f"linear:strengths={strengths}", "--seeds", "1", "--no-few", "--neighbours", "0",
                "--no-baselines", "--cache", os.path.join(work, "cache"))
    return found["top1"], found["timings"]["head"]


def theirs(train, test, strengths):
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    mean, deviation = train[0].mean(0, dtype=np.float64), train[0].std(0, dtype=np.float64)
    deviation[deviation == 0] = 1
    x, z = (((rows - mean) / deviation).astype(np.float32) for rows in (train[0], test[0]))
    y = train[1]
    held = np.random.default_rng(0).permutation(len(x)) < len(x) // 10
    part, rest = x[~held], x[held]
    head = LogisticRegression(max_iter=1000, warm_start=True)
    begun = time.perf_counter()
    best = (-1.0, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for strength in strengths:
            if len(strengths) > 1:
                head.C = 1 / (len(part) * strength)
                head.fit(part, y[~held])
            best = max(best, (head.score(rest, y[held]) if len(strengths) > 1 else 0.0, strength), key=lambda pair: pair[0])
        head.C = 1 / (len(x) * best[1])
        head.fit(x, y)
    seconds = time.perf_counter() - begun
    return 100 * float((head.predict(z) == test[1]).mean()), seconds, best[1]


def tables(model, data, setting, work):
    import numpy as np
    out = []
    for split in ("train", "test"):
        path = os.path.join(work, split + ".npz")
        run("features", model, "--data", data, "--split", split, "--setting", setting, "--out", path, "--cache", os.path.join(work, "cache"))
        with np.load(path) as file:
            out.append((file["X"], file["y"]))
    return out


def main():
    path, model, data, *wanted = sys.argv[1:]
    book = Book(path, COLUMNS, ("row",))
    for name, setting, strengths in (row.split(":") for row in wanted):
        if book.has(name):
            continue
        with tempfile.TemporaryDirectory() as work:
            train, test = tables(model, data, setting, work)
            pairs = [(ours(model, data, setting, strengths, work), theirs(train, test, [float(s) for s in strengths.split("/")])) for _ in range(repeat)]
        mine, other = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
        (top1, _), (top1_other, _, chosen) = pairs[0]
        book.add(row=name, setting=setting, rows=len(train[0]), numbers=train[0].shape[1], strengths=strengths, top1=f"{top1:.2f}",
                 top1_sklearn=f"{top1_other:.2f}", seconds=f"{mine:.2f}", seconds_sklearn=f"{other:.2f}", ratio=f"{other / mine:.1f}",
                 strength_sklearn=chosen, command=f"bench/logistic.py CSV MODEL DATA {name}:{setting}:{strengths}", seed=0)


if __name__ == "__main__":
    main()
