#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares duet with PyTorch on this machine: the same networks and weights, both sides in turn, one at a time, medians.
docs/performance.md says what is compared and how. Every finished row is appended to results.csv in the folder --out at once; a
rerun skips the rows that are there. results.md holds the tables and whether each requirement is met; --pass-fail prints them
from what is there and measures nothing. Needs Python alone; PyTorch is in the interpreter named by --python."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
import report  # noqa: E402
from arch_options import ask_table  # noqa: E402
from workers import Failed, OTHERS, Worker, disturbed_rate, once, say  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 1e-4          # relative rms error between the two sides, before anything is timed
IMAGES = 4096         # of the training set that is made
SEED = 1              # of weights and noise on both sides (bench_model.c, torch_worker.py); images are random bytes
COMPILE_SECONDS = 200 # a program that is not ready by then is left out
CLASSIFY = "ddpm-cifar"

# tap: of features. Rows: (work, batch). heavy: one program is loaded at a time, two rounds, and PyTorch warms up on two blocks only.
CASES = {
    "fashion-mnist": {"tap": 9, "rows": [("train", 64), ("features", 32)]},
    "cifar": {"tap": 9, "rows": [("train", 64), ("features", 32)]},
    "ddpm-cifar": {"tap": 14, "rows": [("forward", 8), ("forward", 64), ("train", 16)]},
    "iddpm-32": {"tap": 20, "rows": [("forward", 8), ("forward", 64), ("train", 16)]},
    "adm-256": {"tap": 24, "rows": [("features", 1), ("features", 4), ("forward", 1)], "heavy": True},
}
SPECIAL = ("start", "errors", "pipeline")


# ---- programs ----

class Program:
    """One side of a row. label: duet, duet bf16, eager, eager whole, best; setting: what makes it so."""

    def __init__(self, args, label, setting="", python=False, **options):
        self.args, self.label, self.setting, self.python, self.options = args, label, setting, python, options
        self.stays = options.get("compile") == 1 # loaded through all rounds: compiling takes minutes

    def command(self, case, work, batch):
        values = {"model": case.model, "batch": batch, "threads": self.args.threads, **self.options}
        if self.python:
            values["table"] = self.args.table
        if work == "features":
            values["tap"] = case.tap
        if self.python:
            if case.heavy and not self.stays:
                values["warm"] = 0
            return [self.args.python, os.path.join(HERE, "peers", "torch_worker.py"), work] + [f"{k}={v}" for k, v in values.items()]
        if self.options.get("precision") == "bf16" and work != "train":
            values["model"] = case.bf16_model()
        if work == "train":
            values.pop("model")
            values.update(arch=case.arch, size=case.size, data=case.make_images(), out=case.run_folder())
        return [self.args.duet_bench, work] + [f"{k}={v}" for k, v in values.items()]

    def start(self, case, work, batch):
        return Worker(self.command(case, work, batch), self.args.threads, self.args.out, COMPILE_SECONDS if self.stays else 0)


def programs_of(args, case, work):
    """duet, PyTorch as scripts have it (contiguous f32), and what might be PyTorch at its best."""
    found = [Program(args, "duet")]
    found.append(Program(args, "duet bf16", "activations bf16" if work == "train" else "weights and activations bf16", precision="bf16"))
    found.append(Program(args, "eager", "contiguous", True, format="contiguous"))
    if work == "features":
        found.append(Program(args, "eager whole", "contiguous", True, format="contiguous", stop="whole"))
    best = [Program(args, "best", "channels_last", True, format="channels_last")]
    if args.bf16_pays:
        best.append(Program(args, "best", "channels_last, bf16", True, format="channels_last", precision="bf16"))
    if args.compile: # in the faster precision: it takes minutes
        precision = {"precision": "bf16"} if args.bf16_pays else {}
        best.append(Program(args, "best", "channels_last, bf16, compiled" if args.bf16_pays else "channels_last, compiled", True,
                            format="channels_last", compile=1, **precision))
    return found, best


# ---- a case ----

class Case:
    """A network with its files, made when first needed and kept in the folder."""

    def __init__(self, name, args):
        self.name, self.args, self.folder = name, args, os.path.join(args.out, "work", name)
        self.tap, self.heavy = CASES[name]["tap"], CASES[name].get("heavy", False)
        self.model, made = os.path.join(self.folder, "model.safetensors"), os.path.join(self.folder, "made.json")
        os.makedirs(self.folder, exist_ok=True)
        if not os.path.exists(made):
            about = once([args.duet_bench, "make", f"network={name}", f"out={self.model}"])
            with open(made, "w") as file:
                json.dump(about, file)
        with open(made) as file:
            self.about = json.load(file)
        self.arch, self.size, self.channels = self.about["arch"], self.about["size"], self.about["channels"]
        self.weights = 4 * self.about["parameters"]

    def macs(self, work):
        if work == "features":
            return next(tap["macs"] for tap in self.about["taps"] if tap["tap"] == self.tap)
        return self.about["macs"] * (3 if work == "train" else 1)

    def bf16_model(self):
        path = os.path.join(self.folder, "model-bf16.safetensors")
        if not os.path.exists(path):
            subprocess.run([self.args.duet, "export", self.model, "--dtype", "bf16", "--out", path, "--quiet"], check=True)
        return path

    def run_folder(self):
        number = 1
        while os.path.exists(os.path.join(self.folder, f"run{number}")):
            number += 1
        os.mkdir(os.path.join(self.folder, f"run{number}"))
        return os.path.join(self.folder, f"run{number}")

    def make_images(self):
        """IDX files of random bytes."""
        folder = os.path.join(self.folder, "data")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            shape = (IMAGES, self.size, self.size) + ((self.channels,) if self.channels > 1 else ())
            head = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
            with open(os.path.join(folder, "train-images-idx3-ubyte"), "wb") as file:
                file.write(head + os.urandom(IMAGES * self.size * self.size * self.channels))
            with open(os.path.join(folder, "train-labels-idx1-ubyte"), "wb") as file:
                file.write(bytes([0, 0, 8, 1]) + IMAGES.to_bytes(4, "big") + bytes(i % 10 for i in range(IMAGES)))
        return folder

    def check(self):
        """Both sides must count the same parameters and compute the same values. Heavy networks: skipped, the same code is checked
        on the smaller ones."""
        if self.heavy or os.path.exists(os.path.join(self.folder, "checked")):
            return
        file = os.path.join(self.folder, "check.safetensors")
        once([self.args.duet_bench, "check", f"model={self.model}", f"out={file}"])
        got = once([self.args.python, os.path.join(HERE, "peers", "torch_worker.py"), "check", f"model={self.model}", f"file={file}",
                    f"table={self.args.table}", f"threads={self.args.threads}"])
        if got["parameters"] != self.about["parameters"]:
            raise Failed(f"PyTorch has {got['parameters']} parameters, duet {self.about['parameters']}")
        if not got["error"] <= LIMIT:
            raise Failed(f"PyTorch differs from duet by {got['error']:.2g} in '{got['worst']}'; at most {LIMIT}")
        say(f"  {self.name}: output and {got['taps']} taps agree to {got['error']:.1e}")
        with open(os.path.join(self.folder, "checked"), "w") as mark:
            mark.write(f"{got['error']:.3g}\n")


# ---- rows ----

def pick_best(args, case, work, batch, candidates):
    """(the fastest of the candidates by a short turn of each, its worker), loaded one after another."""
    best = None, None
    fastest = 0.0
    for program in candidates:
        try:
            worker = program.start(case, work, batch)
            rate = disturbed_rate(worker, 0.01 if case.heavy else args.seconds / 2, 1 if case.heavy else 3)[0]
        except Failed as why:
            say(f"    {program.setting}: left out ({why})")
            continue
        say(f"    {program.setting}: {rate:.3g} images/s, ready after {worker.start:.0f} s")
        if rate > fastest and best[1]:
            best[1].end()
        if rate > fastest:
            best, fastest = (program, worker), rate
        else:
            worker.end()
    return best


def in_turn(args, case, work, batch, programs, loaded):
    """(rates by round, disturbance, peak memory) of each program. All stay loaded, or, of heavy networks, one at a time."""
    rates, others, memory = ({p.label: [] for p in programs} for _ in range(3))
    for program in programs:
        if program.label not in loaded and not case.heavy:
            loaded[program.label] = program.start(case, work, batch)
    for number in range(2 if case.heavy else args.rounds):
        for program in programs if number % 2 == 0 else programs[::-1]:
            name = program.label
            worker = loaded.get(name) or program.start(case, work, batch)
            rate, taken = disturbed_rate(worker, 0.01 if case.heavy else args.seconds, 1 if case.heavy else 3)
            rates[name].append(rate)
            others[name].append(taken)
            if name not in loaded:
                memory[name].append(worker.end())
            say(f"    {name}: {rate:.4g} images/s")
    for name, worker in loaded.items():
        memory[name].append(worker.end())
    return rates, {n: max(v) for n, v in others.items()}, {n: max(v) for n, v in memory.items()}


def measure(args, case, work, batch, table):
    say(f"{case.name}: {work}, batch {batch}")
    case.check()
    programs, candidates = programs_of(args, case, work)
    best, worker = pick_best(args, case, work, batch, candidates)
    loaded = {}
    if best:
        programs.append(best)
        if case.heavy and not best.stays:
            worker.end()
        else:
            loaded[best.label] = worker
    rates, others, memory = in_turn(args, case, work, batch, programs, loaded)
    lines = []
    for program in programs:
        name = program.label
        seconds = [1 / rate for rate in rates[name]]
        lines.append({"program": name, "setting": program.setting, "value": statistics.median(seconds), "unit": "s/image",
                      "least": min(seconds), "most": max(seconds), "rounds": len(seconds),
                      "ratio": statistics.median(d / p for d, p in zip(rates["duet"], rates[name])), "peak_memory": memory[name],
                      "weights": case.weights, "others": others[name], "gflops": 2e-9 * case.macs(work) / statistics.median(seconds)})
        if name != "duet":
            say(f"  duet against {name} ({program.setting}): {lines[-1]['ratio']:.2f}; memory {memory['duet'] / 1e6:.0f} and "
                f"{memory[name] / 1e6:.0f} MB" + (f"; others took {others[name]:.2f} processors" if others[name] >= OTHERS else ""))
    table.add(case.name, work, batch, lines)


def measure_start(args, table):
    """One image: 'duet classify' as a fresh process, its file in the page cache; PyTorch until its first features."""
    case, runs = Case(CLASSIFY, args), {"duet": [], "eager": []}
    run, picture, data = os.path.join(case.folder, "classify"), os.path.join(case.folder, "one.png"), "synth:size=32,train=60,test=20,classes=3"
    if not os.path.isdir(run):
        for command in (["train", "--data", data, "--arch", case.arch, "--steps", "2", "--batch", "4", "--out", run],
                        ["probe", run, "--data", data, "--t", "10", "--tap", str(case.tap), "--pool", "1", "--seeds", "1", "--no-baselines"],
                        ["sample", run, "--sampler", "ddim:steps=1", "--count", "1", "--out", picture]):
            subprocess.run([args.duet, *command, "--quiet"], check=True)
    program = Program(args, "eager", "", True, format="contiguous")
    for number in range(12):
        began = time.monotonic()
        subprocess.run([args.duet, "classify", run, picture], check=True, stdout=subprocess.DEVNULL)
        runs["duet"].append(time.monotonic() - began)
        if number % 4 == 3:
            worker = program.start(case, "features", 1)
            runs["eager"].append(worker.start)
            worker.end()
    lines = [{"program": name, "value": statistics.median(s), "unit": "s", "least": min(s), "most": max(s), "rounds": len(s),
              "ratio": statistics.median(s) / statistics.median(runs["duet"])} for name, s in runs.items()]
    say(f"start: duet {lines[0]['value']:.3f} s, PyTorch {lines[1]['value']:.3f} s")
    table.add(CLASSIFY, "start", 1, lines)


def measure_errors(args, table):
    case, lines = Case("adm-256", args), []
    for precision in ("f32", "bf16"):
        got = once([args.duet_bench, "errors", f"model={case.model}", "batch=1", "t=100", f"precision={precision}"])
        lines.append({"program": f"duet {precision}", "value": got["worst"], "unit": "relative rms", "rounds": 1})
        say(f"errors of {got['values']} taps against an exact pass, {precision}: at most {got['worst']:.2e}")
    table.add(case.name, "errors", 1, lines)


def measure_pipeline(args, table):
    """Features and heads of a sweep over all of Fashion-MNIST, by a script of its own."""
    got = once([args.python, os.path.join(HERE, "peers", "probe_pipeline.py"), args.duet, os.path.join(HERE, "..", "models", "fashion-mnist.safetensors"),
                args.fashion, f"threads={args.threads}"], whole=True)
    seconds = got["seconds_scaled"]
    lines = [{"program": "duet", "setting": "scaled from a subset", "value": seconds["duet"], "unit": "s", "rounds": 1, "ratio": 1.0},
             {"program": "eager", "setting": "features, and heads of scikit-learn, scaled from a subset", "value": seconds["peer"], "unit": "s", "rounds": 1,
              "ratio": got["ratio"]}]
    say(f"probe pipeline: {got['ratio']:.1f} times as fast")
    table.add("fashion-mnist", "pipeline", 0, lines)


# ---- all ----

def bf16_pays(args):
    """Does autocast to bf16 help PyTorch here? One step of a small pass: without instructions for it, it is several times slower."""
    case, rates = Case("cifar", args), []
    for precision in ("f32", "bf16"):
        worker = Program(args, "best", precision, True, format="channels_last", precision=precision).start(case, "forward", 8)
        rates.append(disturbed_rate(worker, 1.0)[0])
        worker.end()
    say(f"PyTorch, channels_last: f32 {rates[0]:.1f} images/s, autocast to bf16 {rates[1]:.1f}")
    return rates[1] > 0.8 * rates[0]


def go(args, table):
    special = {"start": measure_start, "errors": measure_errors, "pipeline": measure_pipeline}
    todo = [(name, work, batch) for name in args.case for work, batch in CASES[name]["rows"]
            if work in args.work and not table.has(name, work, batch)]
    args.bf16_pays = bool(todo) and bf16_pays(args)
    failed = []
    for name, work, batch in todo:
        try:
            measure(args, Case(name, args), work, batch, table)
        except Failed as why: # the other rows are still worth having; a rerun tries again
            failed.append(f"{name} {work}: {why}")
            say(f"  failed: {why}")
        report.write(table, args.out)
    rows = {"start": (CLASSIFY, 1), "errors": ("adm-256", 1), "pipeline": ("fashion-mnist", 0)}
    for work in SPECIAL:
        if work not in args.work or table.has(rows[work][0], work, rows[work][1]):
            continue
        if work == "pipeline" and not args.fashion:
            say("pipeline: left out, it needs --fashion")
            continue
        special[work](args, table)
        report.write(table, args.out)
    if failed:
        raise Failed(f"{len(failed)} rows failed; {'; '.join(failed)}")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="folder with the programs duet and duet-bench (default build/release)")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has PyTorch and NumPy (default: this one)")
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="may be given again; default: all")
    parser.add_argument("--work", default="train,features,forward,start,errors,pipeline", help="which of %(default)s")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each program in a round (default 2)")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="without torch.compile, which takes a minute or more a row")
    parser.add_argument("--fashion", default="", help="folder with the four files of Fashion-MNIST, for the probe pipeline")
    parser.add_argument("--pass-fail", action="store_true", help="print what is required and what is met, and end")
    parser.add_argument("--into", help="also put the results into docs/data/*_INTO.csv, from which docs/make draws the pages: amx or avx2")
    parser.add_argument("--out", required=True, help="folder for results.csv, results.md and working files")
    args = parser.parse_args()
    args.case, args.work = args.case or list(CASES), args.work.split(",")
    args.duet, args.duet_bench = os.path.join(args.build, "duet"), os.path.join(args.build, "duet-bench")
    args.out = os.path.abspath(args.out)
    return args


def main():
    args = parse_args()
    os.makedirs(args.out, exist_ok=True)
    table = report.Table(os.path.join(args.out, "results.csv"))
    if not args.pass_fail:
        table.machine = once([args.duet_bench, "machine", f"threads={args.threads}"])
        table.torch = once([args.python, "-c", "import torch; print('\"' + torch.__version__.split('+')[0] + '\"')"])
        args.table = os.path.join(args.out, "options.json")
        with open(args.table, "w") as file:
            json.dump(ask_table(args.duet), file)
        table.origin = report.origin_of(args, sys.argv[1:], SEED)
        go(args, table)
        report.write(table, args.out)
    if args.into:
        report.write_into(table, args.into)
    text, met = report.requirements(table)
    print(text, end="")
    return 0 if met or not args.pass_fail else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as why:
        sys.exit(f"compare: {why}")
