# SPDX-License-Identifier: MIT
"""What compare.py found: the rows in a CSV file, tables for docs/performance.md, and which requirements are met."""
import csv
import os
import shlex
import subprocess
import time

from workers import Failed, OTHERS

COLUMNS = ["date", "case", "work", "batch", "program", "setting", "value", "unit", "least", "most", "rounds", "ratio", "gflops",
           "peak_memory", "weights", "others", "torch", "cpu", "vectors", "threads", "peak_gflops", "memory_gbs", "load", "commit", "seed", "command"]

# (case, work, batch, duet's program, peer, at least this many times as fast). PyTorch at its best takes bf16 where that is faster;
# "any" takes the faster precision of duet's too.
SPEED = [
    ("adm-256", "features", 1, "duet", "eager whole", 8.0), ("adm-256", "features", 4, "duet", "eager whole", 10.0),
    ("adm-256", "features", 1, "duet", "eager", 2.8), ("adm-256", "features", 4, "duet", "eager", 3.0),
    ("adm-256", "features", 1, "any", "best", 1.4), ("adm-256", "features", 4, "any", "best", 1.4),
    ("adm-256", "forward", 1, "duet", "eager", 3.0), ("adm-256", "forward", 1, "duet", "best", 1.2),
] + [(case, "forward", batch, program, peer, least) for case in ("iddpm-32", "ddpm-cifar") for batch in (8, 64)
     for program, peer, least in (("duet", "eager", 3.0), ("any", "best", 1.4))] + [
    (case, "train", 16, program, peer, least) for case in ("iddpm-32", "ddpm-cifar")
    for program, peer, least in (("duet", "eager", 2.5), ("any", "best", 1.4))] + [
    (case, "train", 64, program, peer, least) for case in ("fashion-mnist", "cifar")
    for program, peer, least in (("duet", "eager", 2.5), ("any", "best", 1.5))] + [
    ("fashion-mnist", "pipeline", 0, "duet", "eager", 20.0)]
# (case, work, batch, program, at most)
LIMITS = [("ddpm-cifar", "start", 1, "duet", 0.3), ("adm-256", "errors", 1, "duet f32", 2e-5), ("adm-256", "errors", 1, "duet bf16", 1e-2)]
MEMORY_BEYOND, MEMORY_TOTAL, MEMORY_BF16 = 0.5, 1.0, 0.5 # of PyTorch's, each row of a network

NAMES = {"train": "training step", "features": "features of the tap", "forward": "whole pass", "start": "start, one image",
         "errors": "error of fast against exact", "pipeline": "linear-probe pipeline"}


def origin_of(args, words, seed):
    """What made a row: {commit or version, seed, command}, without the names of this machine's folders."""
    here = os.path.dirname(os.path.abspath(__file__))
    asked = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True)
    version = subprocess.run([args.duet, "--version"], capture_output=True, text=True).stdout.strip()
    shown = [w if not os.path.isabs(w) else os.path.basename(w) for w in words]
    return {"commit": asked.stdout.strip() or version, "seed": seed, "command": shlex.join(["bench/compare.py", *shown])}


class Table:
    """Rows of the CSV file; each measurement is written as it is done."""

    def __init__(self, path):
        self.path, self.rows, self.machine, self.origin, self.torch = path, [], {}, {}, ""
        if os.path.exists(path):
            with open(path, newline="") as file:
                lines = csv.DictReader(file)
                self.rows = list(lines)
            if lines.fieldnames != COLUMNS:
                raise Failed(f"'{path}' has other columns than this version writes; choose another --out")

    def add(self, case, work, batch, lines):
        fresh = not os.path.exists(self.path)
        machine = {k: self.machine[k] for k in ("cpu", "vectors", "threads", "peak_gflops", "memory_gbs", "load")}
        with open(self.path, "a", newline="") as file:
            out = csv.DictWriter(file, COLUMNS, restval="")
            if fresh:
                out.writeheader()
            for line in lines:
                row = {"date": time.strftime("%Y-%m-%d %H:%M"), "case": case, "work": work, "batch": batch, "torch": self.torch, **machine,
                       **self.origin, **line}
                out.writerow(row)
                self.rows.append({k: str(row.get(k, "")) for k in COLUMNS})

    def of(self, case, work, batch):
        """program -> row"""
        return {r["program"]: r for r in self.rows if (r["case"], r["work"], r["batch"]) == (case, work, str(batch))}

    def has(self, case, work, batch):
        return bool(self.of(case, work, batch))

    def keys(self):
        """(case, work, batch) in the order in which they were measured"""
        return list(dict.fromkeys((r["case"], r["work"], r["batch"]) for r in self.rows))


# ---- requirements ----

def ratio(rows, program, peer):
    """How many times as fast as the peer duet's program is; "any": the fastest of duet's."""
    if peer not in rows:
        return None
    own = [r for name, r in rows.items() if name == program or (program == "any" and name.startswith("duet"))]
    return max((float(rows[peer]["ratio"]) / float(r["ratio"]) for r in own), default=None)


def line(what, required, value, met):
    return [what, required, value, "not measured" if met is None else "met" if met else "NOT MET"]


def speed_lines(table):
    for case, work, batch, program, peer, least in SPEED:
        found = ratio(table.of(case, work, batch), program, peer)
        yield line(f"{case}, {NAMES[work]}, batch {batch}: {'any precision' if program == 'any' else 'f32'} against PyTorch {peer}"
                   if batch else f"{case}, {NAMES[work]}", f">= {least:g} x", "" if found is None else f"{found:.2f} x",
                   None if found is None else found >= least)


def limit_lines(table):
    for case, work, batch, program, most in LIMITS:
        row = table.of(case, work, batch).get(program)
        unit = " s" if work == "start" else ""
        yield line(f"{case}, {NAMES[work]}: {program}", f"<= {most:g}{unit}", f"{float(row['value']):.2g}{unit}" if row else "",
                   float(row["value"]) <= most if row else None)


def memory_of(rows, own, peers):
    """(duet's, PyTorch's least, weights) in bytes, or None"""
    found = [float(r["peak_memory"]) for r in peers if r["peak_memory"]]
    if not found or own not in rows:
        return None
    return float(rows[own]["peak_memory"]), min(found), float(rows[own]["weights"])


def memory_lines(table):
    """Against the PyTorch program of the row that takes least: f32 against those in f32, bf16 against all."""
    for case, work, batch in table.keys():
        rows = table.of(case, work, batch)
        peers = [r for name, r in rows.items() if not name.startswith("duet")]
        what = f"{case}, {NAMES[work]}, batch {batch}: memory"
        for own, name, among in (("duet", "f32", [r for r in peers if "bf16" not in r["setting"]]), ("duet bf16", "bf16", peers)):
            found = memory_of(rows, own, among)
            if not found:
                continue
            mine, peer, weights = found
            stored = weights / 2 if name == "bf16" and work != "train" else weights
            beyond = (mine - stored) / (peer - weights) if peer > weights else float("inf")
            most = MEMORY_BF16 if name == "bf16" and work != "train" else MEMORY_TOTAL
            yield line(f"{what} beyond the weights, {name}", f"<= {MEMORY_BEYOND:g} x",
                       f"{beyond:.2f} x ({(mine - stored) / 1e6:.0f} of {(peer - weights) / 1e6:.0f} MB)", beyond <= MEMORY_BEYOND)
            yield line(f"{what}, total, {name}", f"<= {most:g} x", f"{mine / peer:.2f} x ({mine / 1e6:.0f} of {peer / 1e6:.0f} MB)", mine <= most * peer)


def requirement_lines(table):
    return [*speed_lines(table), *limit_lines(table), *memory_lines(table)]


def requirements(table):
    """(text, are all met?)"""
    lines = requirement_lines(table)
    met = all(entry[3] == "met" for entry in lines)
    rows = ["| what | required | measured | |", "|---|---|---|---|"] + ["| " + " | ".join(entry) + " |" for entry in lines]
    return "\n".join(rows) + f"\n\n{sum(e[3] == 'met' for e in lines)} of {len(lines)} met.\n", met


# ---- tables ----

def shown(value):
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.1f} ms"


def machine_line(row):
    return (f"{row['date'][:10]}, {row['cpu']}, {row['threads']} threads, {row['vectors']}: f32 multiply-adds {float(row['peak_gflops']):.0f} GFLOP/s, "
            f"memory {float(row['memory_gbs']):.1f} GB/s, load before {float(row['load']):.2f}; PyTorch {row['torch']}.")


SHOWN = ["label", "name", "shown", "part", "memory", "faster"]


def shown_cells(row):
    """What the tables show of a row, by the names of SHOWN."""
    value, peak = float(row["value"]), float(row["peak_gflops"])
    spread = f" ({shown(float(row['least']))}–{shown(float(row['most']))})" if row["least"] else ""
    name = row["program"] if row["program"].startswith("duet") else f"PyTorch {row['program']}"
    name += f", {row['setting']}" if row["setting"] else ""
    others = f" (others took {float(row['others']):.2f} processors)" if row["others"] and float(row["others"]) >= OTHERS else ""
    return dict(zip(SHOWN, [
        f"{NAMES[row['work']]}" + (f", batch {row['batch']}" if row["batch"] not in ("0", "") else ""), name + others,
        f"{value:.2g} relative rms" if row["unit"] == "relative rms" else shown(value) + spread,
        f"{100 * float(row['gflops']) / peak:.0f} %" if row["gflops"] else "",
        f"{float(row['peak_memory']) / 1e6:.0f} MB" if row["peak_memory"] else "",
        f"{float(row['ratio']):.2f}×" if row["ratio"] and not row["program"].startswith("duet") else ""]))


def markdown(table):
    text, case = [], None
    if table.rows:
        text += [machine_line(table.rows[-1])]
    for key in sorted(table.keys(), key=lambda k: k[0]):
        if key[0] != case:
            case = key[0]
            weights = next((r["weights"] for r in table.rows if r["case"] == case and r["weights"]), "")
            text += ["", f"#### {case}" + (f": weights {float(weights) / 1e6:.0f} MB" if weights else ""), "",
                     "| work | program | seconds an image (spread) | of peak | peak memory | duet is faster by |", "|---|---|---|---|---|---|"]
        text += ["| " + " | ".join(shown_cells(row).values()) + " |" for row in table.of(*key).values()]
    return "\n".join(text) + "\n"


def document(table):
    return "### What is required\n\n" + requirements(table)[0] + "\n### All rows\n\n" + markdown(table)


def write(table, folder):
    with open(os.path.join(folder, "results.md"), "w") as file:
        file.write(document(table))


def write_csv(path, columns, rows):
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def write_into(table, name):
    """docs/data/performance_NAME.csv and required_NAME.csv, from which docs/make draws the page."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "data")
    if not os.path.exists(os.path.join(folder, f"performance_{name}.csv")):
        raise Failed(f"no page of docs/ is drawn from 'performance_{name}.csv'")
    if not table.rows:
        raise Failed("there are no rows to put into docs/data")
    origin = ["command", "seed", "commit", "machine", "date"]
    rows = [{**row, **shown_cells(row), "machine": f"{row['cpu']}, {row['threads']} threads, {row['vectors']}", "date": row["date"][:10]}
            for row in table.rows]
    write_csv(os.path.join(folder, f"performance_{name}.csv"), SHOWN + [c for c in COLUMNS if c not in origin] + origin, rows)
    made = {key: rows[-1][key] for key in origin}
    lines = requirement_lines(table)
    required = [{"kind": "one", "what": w, "required": r, "measured": m, "met": met, **made} for w, r, m, met in lines]
    required.append({"kind": "all", "what": "all", "required": len(lines), "measured": sum(e[3] == "met" for e in lines),
                     "about": machine_line(table.rows[-1]), **made})
    write_csv(os.path.join(folder, f"required_{name}.csv"), ["kind", "what", "required", "measured", "met", "about"] + origin, required)
