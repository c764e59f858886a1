#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""logistic.py CSV MODEL DATA ROW…: the head `linear` beside scikit-learn's LogisticRegression on the same table of features, one strength,
added to CSV; rows that stand there already are not measured again. A ROW is NAME:SETTING:STRENGTH.

Both get features of mean 0 and deviation 1, all rows of training, and the same objective, mean cross-entropy + strength/2 |W|^2
(C = 1 / (rows strength)). scikit-learn: lbfgs, max_iter=1000, default tol, its usual f32 rows, as many threads. Medians of REPEAT (3) runs
of each, one after the other; reading and standardising are in neither. The head of duet is trained twice in a probe (on nine tenths to
choose its strength, then on all): both count.

  python3 bench/logistic.py docs/data/logistic.csv models/fashion-mnist.safetensors DATA "narrow:t=10,tap=8,pool=1:0.001"
"""
import csv
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

COLUMNS = ("row setting rows numbers strength top1 top1_sklearn seconds seconds_sklearn ratio iterations_sklearn command seed commit machine "
           "date").split()
duet = os.environ.get("DUET", "build/release/duet")
threads = os.environ.get("THREADS", str(os.cpu_count()))
repeat = int(os.environ.get("REPEAT", "3"))


def run(*args):
    done = subprocess.run([duet, *args, "--json", "--quiet", "--threads", threads], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def ours(model, data, setting, strength, work):
    """Accuracy and seconds of the head, by a probe; its features are kept between runs."""
    found = run("probe", model, "--data", data, "--setting", setting, "--head", f"linear:strengths={strength}", "--seeds", "1", "--no-few", "--neighbours", "0",
                "--no-baselines", "--cache", os.path.join(work, "cache"))
    return found["top1"], found["timings"]["head"]


def theirs(train, test, strength):
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    mean, deviation = train[0].mean(0, dtype=np.float64), train[0].std(0, dtype=np.float64)
    deviation[deviation == 0] = 1
    x, z = (((rows - mean) / deviation).astype(np.float32) for rows in (train[0], test[0]))
    head = LogisticRegression(C=1 / (len(x) * float(strength)), max_iter=1000)
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head.fit(x, train[1])
    seconds = time.perf_counter() - begun
    return 100 * float((head.predict(z) == test[1]).mean()), seconds, int(head.n_iter_[0])


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
    if not os.path.exists(path):
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(COLUMNS)
    with open(path, newline="", encoding="utf-8") as file:
        known = {row["row"] for row in csv.DictReader(file)}
    for name, setting, strength in (row.split(":") for row in wanted):
        if name in known:
            continue
        with tempfile.TemporaryDirectory() as work:
            train, test = tables(model, data, setting, work)
            pairs = [(ours(model, data, setting, strength, work), theirs(train, test, strength)) for _ in range(repeat)]
        mine, other = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
        (top1, _), (top1_other, _, iterations) = pairs[0]
        row = dict(row=name, setting=setting, rows=len(train[0]), numbers=train[0].shape[1], strength=strength, top1=f"{top1:.2f}", top1_sklearn=f"{top1_other:.2f}",
                   seconds=f"{mine:.2f}", seconds_sklearn=f"{other:.2f}", ratio=f"{other / mine:.1f}", iterations_sklearn=iterations,
                   command=f"bench/logistic.py CSV MODEL DATA {name}:{setting}:{strength}", seed=0,
                   commit=subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip(),
                   machine=os.environ.get("MACHINE", f"{os.uname().machine}, {os.cpu_count()} threads"),
                   date=datetime.datetime.now(datetime.timezone.utc).date().isoformat())
        with open(path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
