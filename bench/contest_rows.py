#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rows of a comparison, as rows of docs/data/compare.csv: bench/contest_rows.py CSV RUN NAME [COMMAND]

RUN is what `duet compare --out` made; NAME says which data. Rows that the table has are left as they are. Standard library alone."""
import glob
import json
import os
import sys

from recognition import Book, setting_of

COLUMNS = ("data row seed images parameters trains reads linear mlp knn few few_std random own fid precision recall damaged classes setting "
           "command commit machine date").split()


def digits(value, places):
    return "–" if value is None else f"{value:.{places}f}"


def main():
    path, run, name = sys.argv[1:4]
    newest = max(glob.glob(os.path.join(run, "compare-*", "result.json")))
    with open(newest, encoding="utf-8") as file:
        result = json.load(file)
    shown = sys.argv[4] if len(sys.argv) > 4 else f"duet compare --data DATA --budget {result['minutes']:g}m --out RUN"
    book = Book(path, COLUMNS, ("data", "row", "seed"))
    for row in result["rows"]:
        if book.has(name, row["name"], row["seed"]):
            continue
        top1 = {head["head"]: head["top1"] for head in row["heads"]}
        rate = {key: row[f"{key}_images_per_second"] or None for key in ("train", "read")}
        book.add(data=name, row=row["name"], seed=row["seed"], images=row["images"] or "–", parameters=row["parameters"] or "–",
                 trains=digits(rate["train"], 0), reads=digits(rate["read"], 0), **{head: digits(top1.get(head), 2) for head in ("linear", "mlp", "knn")},
                 few=digits(row["few"], 1), few_std=digits(row["few_std"], 1), random=digits(row["random"], 2), own=digits(row["own"], 2),
                 fid=digits(row["fid"], 2), precision=digits(row["precision"], 2), recall=digits(row["recall"], 2), damaged=digits(row["damaged"], 1),
                 classes=digits(row.get("classes_seen"), 0), setting=setting_of(row["heads"][0]), command=shown)


main()
