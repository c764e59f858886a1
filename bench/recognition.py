#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Studies of recognition, as rows of CSV files in docs/data; rows that stand there already are not measured again.

  bench/recognition.py transfer CSV --model NAME=MODEL … --data NAME=DATA … --head linear+mlp     model, random weights and pixels
  bench/recognition.py search CSV --model NAME=MODEL --data NAME=DATA --splits 3                  --auto beside the whole grid
  bench/recognition.py tune CSV --row NAME --model NAME=MODEL --data NAME=DATA -- OPTIONS         one duet finetune or duet train, tested

Models of transfer and search are run folders, in which `duet` keeps what is done: a part that is stopped goes on where it was. Standard
library alone."""
import argparse
import csv
import datetime
import json
import os
import shlex
import subprocess
import sys
import time

TRANSFER = ("model data reader head setting train_rows test_rows top1 top1_std mean_class val_top1 command seed commit machine date").split()
SEARCH = ("model data seed way rows setting head val_top1 top1 top1_std passes seconds share command commit machine date").split()
TUNE = ("row data seed images labels top1 seconds command commit machine date").split()


def spec(setting):
    """One of "settings" in a result, as --setting takes it."""
    text = f"t={setting['t']},tap={setting['tap']},pool={setting['pool']}"
    return text + "".join(f",{key}={setting[key]}".lower() for key in ("draws", "flip") if setting.get(key, 0) not in (0, 1, False))


def setting_of(row):
    """The settings of a row, one or several; "–" of pixels, which have none."""
    return "+".join(spec(one) for one in row.get("settings") or ([row] if row.get("tap") else [])) or "–"


def machine():
    return os.environ.get("MACHINE", f"{os.uname().machine}, {os.cpu_count()} threads")


class Book:
    """A CSV file to which rows are added, each with where it comes from; `key` columns say which are there."""

    def __init__(self, path, columns, key):
        self.path, self.columns, self.key = path, columns, key
        if not os.path.exists(path):
            with open(path, "w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerow(columns)
        with open(path, newline="", encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))
        self.known = {tuple(row[k] for k in key) for row in self.rows}

    def has(self, *key):
        return tuple(map(str, key)) in self.known

    def find(self, *key):
        """The row as it was when the book was opened; None where there was none."""
        return next((row for row in self.rows if tuple(row[k] for k in self.key) == tuple(map(str, key))), None)

    def add(self, **row):
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
        row.update(commit=commit, machine=machine(), date=datetime.datetime.now(datetime.timezone.utc).date().isoformat())
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, lineterminator="\n").writerow(row)
        self.known.add(tuple(str(row[k]) for k in self.key))
        print(",".join(str(row[c]) for c in self.columns), flush=True)


def duet(o, *args):
    """Runs the program; its JSON."""
    command = [o.duet, *args, "--json", "--quiet", *(["--threads", str(o.threads)] if o.threads else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def pairs(list_):
    return [one.split("=", 1) for one in list_]


def percent(value):
    return "" if value is None else f"{value:.2f}"


def add_rows(book, model_name, data_name, rows, shown):
    """Rows of a transfer that the book does not have."""
    for row in rows:
        name = "-" if row["reader"] == "pixels" else model_name
        if not book.has(name, data_name, row["reader"], row["head"]):
            book.add(model=name, data=data_name, reader=row["reader"], head=row["head"], setting=setting_of(row) if row["reader"] != "pixels" else "-",
                     train_rows=row["train_rows"], test_rows=row["test_rows"], top1=percent(row["top1"]), top1_std=percent(row["top1_std"]),
                     mean_class=percent(row["mean_class"]), val_top1=percent(row["val_top1"]), command=shown, seed="0; noise draws 0 to 2")


def transfer(o):
    book = Book(o.csv, TRANSFER, ("model", "data", "reader", "head"))
    for model_name, model in pairs(o.model):
        for data_name, data in pairs(o.data):
            heads = [h for h in o.head.split("+") if not all(book.has(m, data_name, r, h) for m, r in
                                                              ((model_name, "model"), (model_name, "random"), ("-", "pixels")))]
            if not heads:
                continue
            options = ["--data", data, "--head", "+".join(heads), "--t", o.t, "--pool", o.pool, "--limit", str(o.rows), "--cache-type", "f16"]
            done = duet(o, "transfer", model, *options)
            shown = f"duet transfer RUN --data DATA --head {'+'.join(heads)} --t {o.t} --pool {o.pool} --limit {o.rows} --cache-type f16"
            add_rows(book, model_name, data_name, done["rows"], shown)


def probe(o, model, data, setting, head):
    """Accuracy of a setting on the test split, with a head on all that --probe-rows says."""
    return duet(o, "probe", model, "--data", data, "--setting", setting, "--head", head, "--seeds", "3", "--no-baselines", "--no-few", "--neighbours", "0",
                *(["--rows", str(o.probe_rows)] if o.probe_rows else []))


def search(o):
    book = Book(o.csv, SEARCH, ("model", "data", "seed", "way"))
    for model_name, model in pairs(o.model):
        for data_name, data in pairs(o.data):
            for split in range(o.splits):
                common = ["--data", data, "--t", o.t, "--pool", o.pool, "--rows", str(o.rows), "--seed", str(split), "--no-baselines", "--fresh"]
                ways = {"auto": ["--auto", "--head", o.head], "unlabelled": ["--auto", "--unlabelled"], "grid": ["--head", o.head]}
                costs = {}
                grid = book.find(model_name, data_name, split, "grid")
                if grid and grid["machine"] == machine():
                    costs["grid"] = float(grid["seconds"])
                for way in o.ways.split("+"):
                    if book.has(model_name, data_name, split, way):
                        continue
                    begun = time.time()
                    found = duet(o, "sweep", model, *common, *ways[way])
                    seconds = time.time() - begun
                    best = found["best"]
                    setting = setting_of(best)
                    head = best.get("head") or "linear"
                    if way == "unlabelled":
                        head = "linear"
                    spent = found.get("auto", {}).get("spent")
                    costs[way] = (spent["seconds_passes"] + spent["seconds_heads"]) if spent and way == "auto" else seconds
                    passes = spent["passes"] if spent else (found["fit_rows"] + found["val_rows"]) * len(o.t.split(","))
                    tested = probe(o, model, data, setting, head)
                    share = f"{costs[way] / costs['grid']:.3f}" if "grid" in costs else ""
                    shown = f"duet sweep RUN {' '.join(common[2:])} {' '.join(ways[way])}"
                    book.add(model=model_name, data=data_name, seed=split, way=way, rows=o.rows, setting=setting, head=head,
                             val_top1=percent(best.get("top1")), top1=percent(tested["top1"]), top1_std=percent(tested["top1_std"]), passes=passes,
                             seconds=f"{costs[way]:.1f}", share=share, command=shown)


def tune(o):
    book = Book(o.csv, TUNE, ("row", "data", "seed"))
    (model_name, model), = pairs(o.model)
    (data_name, data), = pairs(o.data)
    if book.has(o.row, data_name, o.seed):
        return
    run = os.path.join(o.work, f"{o.row}-{data_name}-{o.seed}".replace(" ", "_"))
    command = ["finetune", model] if model else ["train"]
    duet(o, *(["train", "--resume", run] if os.path.exists(run) else [*command, "--data", data, "--seed", str(o.seed), "--out", run, *o.options]))
    tested = duet(o, "classify", run, "--data", data, "--metrics", "accuracy", *shlex.split(o.test))
    with open(os.path.join(run, "run.json"), encoding="utf-8") as file:
        trained = json.load(file)
    shown = f"duet {'finetune MODEL' if model else 'train'} --data DATA --seed {o.seed} {shlex.join(o.options)}{'; duet classify RUN --data DATA ' + o.test if o.test else ''}"
    book.add(row=o.row, data=data_name, seed=o.seed, images=trained.get("images", ""), labels=o.labels, top1=percent(tested["top1"]),
             seconds=f"{trained.get('seconds', 0):.0f}", command=shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=("transfer", "search", "tune"))
    parser.add_argument("csv")
    parser.add_argument("--duet", default=os.environ.get("DUET", "build/release/duet"))
    parser.add_argument("--work", default="runs/recognition")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("THREADS", "0")))
    parser.add_argument("--model", action="append", required=True, help="NAME=PATH")
    parser.add_argument("--data", action="append", required=True, help="NAME=PATH")
    parser.add_argument("--head", default="linear+mlp")
    parser.add_argument("--t", default="2,5,10,25,50")
    parser.add_argument("--pool", default="1,2,4")
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--probe-rows", type=int, default=0)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--ways", default="grid+auto+unlabelled")
    parser.add_argument("--row", default="")
    parser.add_argument("--labels", default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", default="", help="tune: further options of the test, as '--draws 4 --flip'")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    o = parser.parse_args(words[:cut])
    o.options = words[cut + 1:]
    os.makedirs(o.work, exist_ok=True)
    {"transfer": transfer, "search": search, "tune": tune}[o.study](o)


if __name__ == "__main__":
    main()
