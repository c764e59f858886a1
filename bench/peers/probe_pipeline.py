#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""probe_pipeline.py DUET MODEL DATA [key=value ...]: the linear-probe pipeline, 5 taps x 3 t x 3 pools x 5 strengths, by `duet sweep` and
by PyTorch features with scikit-learn heads, on a part of an IDX data set of 60,000 training images; prints one JSON object.

PyTorch: eager f32, the whole pass once per t with the taps kept (the papers' scripts run it once per tap and t), adaptive average
pooling. scikit-learn: LogisticRegression (lbfgs, max_iter=1000, default tol), one fit after the other, on standardised features.

What is scaled, and how:
  features, both sides   seconds in proportion to the images, to 60,000.
  heads of duet          all columns and strengths on `duet_rows` rows, in proportion to the rows, to 48,000 (a part does not grow).
  heads of scikit-learn  all strengths of a narrow, a middle and a wide column, on each number of `rows`. The line through the two,
                         seconds over rows (a pass costs a part that does not grow, and one in proportion to the rows), leads to
                         48,000. Columns of other widths lie between the measured ones, log seconds over log width.

One side at a time: side=duet or side=peer, and known=FILE with what the other one printed.

  python3 bench/peers/probe_pipeline.py build/release/duet models/fashion-mnist.safetensors DATA
"""
import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

options = {"threads": str(os.cpu_count()), "taps": "3,6,9,11,13", "t": "5,10,25", "pools": "1,2,4", "images": "1000", "rows": "6000,12000",
           "duet_rows": "8000", "side": "both", "known": "", "format": "contiguous"}
STRENGTHS = [0.1, 0.01, 0.001, 0.0001, 0.00001]
FIT_ROWS, ALL_ROWS = 48000, 60000


def numbers(key):
    return [int(v) for v in options[key].split(",")]


def duet(program, model, data):
    """Seconds of features and heads for all rows, by `duet sweep`."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "model.safetensors")
        shutil.copy(model, copy)
        head = "linear:strengths=" + "/".join(f"{s:g}" for s in STRENGTHS)
        command = [os.path.abspath(program), "sweep", copy, "--data", os.path.abspath(data), "--t", options["t"], "--tap", options["taps"], "--pool",
                   options["pools"], "--rows", options["duet_rows"], "--no-baselines", "--json", "--quiet", "--threads", options["threads"],
                   "--head", head]
        result = json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout)
    features, heads = result["timings"]["features"], result["timings"]["heads"]
    rows = result["fit_rows"] + result["val_rows"]
    return {"rows": rows, "features": features, "heads": heads, "best": result["best"], "in_network": result["features"]["in_network"],
            "features_scaled": features * ALL_ROWS / rows, "heads_scaled": heads * FIT_ROWS / result["fit_rows"]}


def read_idx(path):
    import numpy as np
    with gzip.open(path, "rb") as file:
        data = file.read()
    dims = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(dims)).reshape(dims)


def torch_features(model, table, images, taps, times, whole=True):
    """Pooled rows [N,D] of (t, tap, pool), and the seconds it took; not whole: passes end at the last tap."""
    import numpy as np
    import torch
    import torch.nn.functional as F
    import torch_unet
    memory_format = torch.channels_last if options["format"] == "channels_last" else torch.contiguous_format
    net = torch_unet.load(model, table, memory_format)
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    alpha, sigma = kept.sqrt().float(), (1 - kept).sqrt().float()
    x0 = torch.from_numpy(images.astype(np.float32) / 127.5 - 1)[:, None]
    rows = {}
    with torch.inference_mode():
        net.find_ends(x0[:1], torch.zeros(1), None)
        net.wanted, net.stop_at = tuple(taps), None if whole else taps[-1]

        def read(x, t):
            net.depth = 0
            with contextlib.suppress(torch_unet.Stop):
                net.forward(x, torch.full((len(x),), float(t)), None)

        read(x0[:32], 0)
        began = time.perf_counter()
        for t in times:
            for first in range(0, len(x0), 32):
                x = x0[first:first + 32]
                x = (alpha[t] * x + sigma[t] * torch.randn_like(x)).contiguous(memory_format=memory_format)
                read(x, t)
                for tap in taps:
                    for pool in numbers("pools"):
                        rows.setdefault((t, tap, pool), []).append(F.adaptive_avg_pool2d(net.taps[tap], pool).flatten(1).numpy().copy())
        seconds = time.perf_counter() - began
    return {key: np.concatenate(parts) for key, parts in rows.items()}, seconds


def fit_seconds(x, y, strengths):
    """Seconds of scikit-learn for all strengths; standardising included once."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    began = time.perf_counter()
    z = StandardScaler().fit_transform(x)
    for strength in strengths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            LogisticRegression(C=1 / (len(z) * strength), solver="lbfgs", max_iter=1000).fit(z, y)
    return time.perf_counter() - began


def peer_heads(model, table, images, labels, widths):
    """Seconds of all heads of scikit-learn on FIT_ROWS rows, from columns of two taps on two numbers of rows."""
    import numpy as np
    taps, t, rows = numbers("taps"), numbers("t")[1], numbers("rows")
    held, _ = torch_features(model, table, images[:max(rows)], (taps[0], taps[2]), (t,), whole=False)
    measured = {}
    for tap, pool in ((taps[0], 1), (taps[2], 2), (taps[2], 4)):
        x = held[(t, tap, pool)]
        took = [fit_seconds(x[:n], labels[:n], STRENGTHS) for n in rows]
        slope = (took[-1] - took[0]) / (rows[-1] - rows[0])
        measured[f"tap {tap} pool {pool}"] = {"features": x.shape[1], "rows": rows, "seconds": took,
                                              "seconds_scaled": took[-1] + slope * (FIT_ROWS - rows[-1])}
    known = sorted((line["features"], line["seconds_scaled"]) for line in measured.values())
    logs = np.interp(np.log(widths), np.log([k[0] for k in known]), np.log([k[1] for k in known]))
    return {"measured": measured, "columns": len(widths), "seconds_scaled": float(np.exp(logs).sum())}


def peer(program, model, data):
    import torch
    from arch_options import ask_table
    table = ask_table(program)
    torch.set_num_threads(int(options["threads"]))
    images = read_idx(os.path.join(data, "train-images-idx3-ubyte.gz"))
    labels = read_idx(os.path.join(data, "train-labels-idx1-ubyte.gz"))
    count = numbers("images")[0]
    rows, seconds = torch_features(model, table, images[:count], numbers("taps"), numbers("t"))
    heads = peer_heads(model, table, images, labels, [x.shape[1] for x in rows.values()])
    return {"images": count, "features": seconds, "heads": heads, "features_scaled": seconds * ALL_ROWS / count,
            "heads_scaled": heads["seconds_scaled"]}


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    program, model, data = sys.argv[1:4]
    for pair in sys.argv[4:]:
        key, value = pair.split("=", 1)
        if key not in options:
            sys.exit(f"probe_pipeline: no option '{key}'")
        options[key] = value
    os.environ["OMP_NUM_THREADS"] = options["threads"]
    result = {"load": os.getloadavg()[0]}
    if options["side"] in ("both", "duet"):
        result["duet"] = duet(program, model, data)
    if options["side"] in ("both", "peer"):
        result["peer"] = peer(program, model, data)
    if options["known"]:
        with open(options["known"], encoding="utf-8") as file:
            result = {**json.load(file), **result}
    if "duet" in result and "peer" in result:
        total = {side: result[side]["features_scaled"] + result[side]["heads_scaled"] for side in ("duet", "peer")}
        result["seconds_scaled"] = total
        result["ratio"] = total["peer"] / total["duet"]
        result["scaled"] = f"to {ALL_ROWS} images, {FIT_ROWS} of them fitted on; see the head of this script"
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
