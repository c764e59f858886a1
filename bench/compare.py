#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares duet with PyTorch on this machine: training, features, whole passes, memory, start. docs/performance.md says
how it is done and how to call it. All programs of a row stay loaded and work in turn, one at a time; each has its own best
number of threads and memory layout, found before. Writes result.json, result.csv and result.md into the folder --out.
Needs Python alone; PyTorch is in the interpreters named by --python."""
import argparse
import csv
import json
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 1e-4     # relative rms error of outputs and taps, before anything is timed
IMAGES = 4096    # of the training set that is made
REST = 0.2       # seconds between programs, so that waiting threads of the last one go to sleep
OTHERS = 0.1     # processors taken by other processes during a turn, from which on the turn is repeated
REPEATS = 3      # at most

# arch None: what `duet train` takes for images of this size. batch: training, features, whole passes.
CASES = {
    "fashion-mnist": {"size": 28, "channels": 1, "arch": None, "batch": (64, 32, 32), "taps": (7, 9, 12)},
    "cifar": {"size": 32, "channels": 3, "arch": None, "batch": (64, 32, 32), "taps": (7, 9, 12)},
    "tiny-imagenet": {"size": 64, "channels": 3, "arch": None, "batch": (64, 16, 16), "taps": (9, 12, 15)},
    "iddpm-32": {"size": 32, "channels": 3, "batch": (16, 8, 8), "taps": (17, 20, 26), "arch":
                 "adm_unet:image_size=32,num_channels=128,channel_mult=1/2/2/2,num_res_blocks=3,"
                 "attention_resolutions=16/8,num_heads=4,learn_sigma=true"},
}


def say(text):
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    pass


# ---- programs ----

class Worker:
    """A program that is loaded and works on command (bench.h)."""

    def __init__(self, command, threads, folder, timeout):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), TORCHINDUCTOR_CACHE_DIR=os.path.join(folder, "inductor"))
        self.command = command
        self.errors = tempfile.TemporaryFile(mode="w+")
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=env,
                                        text=True, bufsize=1)
        watch = None
        if timeout:
            watch = threading.Timer(timeout, self.process.kill)
            watch.start()
        try:
            self.base = self.read()["memory"]
        finally:
            if watch:
                watch.cancel()
        self.start = time.monotonic() - began

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            tail = self.errors.read().strip().splitlines()[-1:] or ["no message"]
            raise Failed(f"{' '.join(self.command)}: {tail[0]}")
        return json.loads(line)

    def rate(self, seconds):
        """Images a second."""
        self.process.stdin.write(f"run {seconds}\n")
        self.process.stdin.flush()
        answer = self.read()
        return answer["images"] / answer["seconds"]

    def processor_seconds(self):
        """Spent so far by all its threads."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        """Peak memory in bytes."""
        self.process.stdin.write("end\n")
        self.process.stdin.flush()
        answer = self.read()
        self.process.stdout.read()
        self.process.stdin.close()
        self.process.wait()
        return answer["peak_memory"]


def once(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


class Program:
    """duet (python None), or PyTorch in an interpreter. extra: options of the peer (stop=whole, compile=1)."""

    def __init__(self, bench, python=None, version="", label="", extra=()):
        self.bench, self.python, self.version, self.extra = bench, python, version, list(extra)
        self.name = "duet" if python is None else f"PyTorch {version}{label}"
        self.base_name = "duet" if python is None else f"PyTorch {version}"

    def command(self, case, work, setting, values):
        threads, layout = setting
        values = dict(values, threads=threads)
        if self.python is None:
            if work == "train":
                values.pop("model")
                case.runs += 1
                values.update(arch=case.arch, size=case.size, data=case.data, out=os.path.join(case.folder, f"run{case.runs}"))
                os.mkdir(values["out"])
            return [self.bench, work] + [f"{k}={v}" for k, v in values.items()]
        values["format"] = layout
        return [self.python, os.path.join(HERE, "torch_worker.py"), work] + [f"{k}={v}" for k, v in values.items()] + self.extra

    def settings(self, threads):
        layouts = ("nhwc",) if self.python is None else ("contiguous", "channels_last")
        return [(t, layout) for t in threads for layout in layouts]

    def start(self, case, work, setting, values):
        timeout = 600 if "compile=1" in self.extra else 0
        return Worker(self.command(case, work, setting, values), setting[0], case.folder, timeout)


# ---- a case ----

class Case:
    """A network with its files."""

    def __init__(self, name, args, folder):
        entry = CASES[name]
        self.name, self.folder, self.runs = name, os.path.join(folder, name), 0
        self.size, self.channels, self.batch = entry["size"], entry["channels"], entry["batch"]
        os.mkdir(self.folder)
        self.model = os.path.join(self.folder, "model.safetensors")
        spec = [f"arch={entry['arch']}"] if entry["arch"] else []
        made = once([args.duet_bench, "make", f"size={self.size}", f"channels={self.channels}", f"out={self.model}"] + spec)
        self.arch, self.parameters, self.macs = made["arch"], made["parameters"], made["macs"]
        self.tap = {row["tap"]: row for row in made["taps"]}
        self.taps = [t for t in (args.taps or entry["taps"]) if t in self.tap]
        self.data = self.make_images()

    def make_images(self):
        """IDX files of random bytes."""
        folder = os.path.join(self.folder, "data")
        os.mkdir(folder)
        shape = (IMAGES, self.size, self.size) + ((self.channels,) if self.channels > 1 else ())
        with open(os.path.join(folder, "train-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape))
            file.write(os.urandom(IMAGES * self.size * self.size * self.channels))
        with open(os.path.join(folder, "train-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">4BI", 0, 0, 8, 1, IMAGES) + bytes(i % 10 for i in range(IMAGES)))
        return folder

    def check(self, args, programs):
        """Every interpreter must count the same parameters and compute the same values."""
        file = os.path.join(self.folder, "check.safetensors")
        once([args.duet_bench, "check", f"model={self.model}", f"out={file}"])
        errors = {}
        for program in programs:
            for layout in ("contiguous", "channels_last"):
                got = once([program.python, os.path.join(HERE, "torch_worker.py"), "check", f"model={self.model}",
                            f"file={file}", f"format={layout}"])
                if got["parameters"] != self.parameters:
                    raise Failed(f"{program.name} has {got['parameters']} parameters, duet {self.parameters}")
                if not got["error"] <= LIMIT:
                    raise Failed(f"{program.name} differs from duet by {got['error']:.2g} in '{got['worst']}'; at most {LIMIT}")
                errors[program.name] = max(got["error"], errors.get(program.name, 0.0))
                say(f"  {program.name}, {layout}: output and {got['taps']} taps agree to {got['error']:.1e}")
        return errors


# ---- measurements ----

def busy_seconds():
    """Of all processors, by all processes: user, nice, system, interrupts; and what the host took away."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = [int(v) for v in file.readline().split()[1:9]]
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def one_rate(worker, seconds):
    """(rate, processors that others took). A disturbed turn is repeated; the least disturbed one counts."""
    best = None
    for _ in range(REPEATS):
        time.sleep(REST)
        busy, own, began = busy_seconds(), worker.processor_seconds(), time.monotonic()
        rate = worker.rate(seconds)
        spent = time.monotonic() - began
        others = max(0.0, busy_seconds() - busy - (worker.processor_seconds() - own)) / spent
        if best is None or others < best[1]:
            best = rate, others
        if others < OTHERS:
            break
    return best


def turn(workers, seconds, reverse=False):
    """Each works once; name -> one_rate."""
    return {name: one_rate(workers[name], seconds) for name in (reversed(list(workers)) if reverse else list(workers))}


def best_setting(program, case, work, values, args, cache):
    """Threads and layout that are fastest: three short turns for each, alternately. Found for every row; for whole passes
    that keep a tap, once; a compiled program takes the setting of the plain one."""
    name = program.base_name if "compile=1" in program.extra else program.name
    key = (name, work, case.name, 0 if "stop=whole" in program.extra else values.get("tap", 0))
    if key not in cache:
        workers = {s: program.start(case, work, s, values) for s in program.settings(args.threads)}
        turn(workers, 0.1)
        seen = [turn(workers, args.seconds / 2, i % 2 == 1) for i in range(3)]
        for worker in workers.values():
            worker.end()
        rates = {s: max(one[s][0] for one in seen) for s in workers}
        cache[key] = max(rates, key=rates.get)
        shown = ", ".join(f"{t} threads {layout} {rate:.0f}/s" for (t, layout), rate in rates.items())
        say(f"  {program.name}: {shown}")
    return cache[key]


def measure(case, work, label, values, macs, programs, args, cache):
    """One row of the result: every program at its best setting, in turn."""
    say(f"{case.name}: {label}")
    workers, settings, row = {}, {}, {"case": case.name, "work": work, "label": label, "batch": values["batch"], "programs": {}}
    for program in programs:
        settings[program.name] = best_setting(program, case, work, values, args, cache)
    for program in programs:
        try:
            workers[program.name] = program.start(case, work, settings[program.name], values)
        except Failed as why:
            if "compile=1" not in program.extra:
                raise
            row["programs"][program.name] = {"failed": str(why)}
            say(f"  {program.name}: {why}")
    turn(workers, args.seconds / 2) # warm
    rounds = [turn(workers, args.seconds, reverse=i % 2 == 1) for i in range(args.rounds)]
    for name, worker in workers.items():
        rates = [r[name][0] for r in rounds]
        median = statistics.median(rates)
        row["programs"][name] = {
            "threads": settings[name][0], "layout": settings[name][1], "rates": rates, "median": median, "least": min(rates),
            "most": max(rates), "others": max(r[name][1] for r in rounds), "gflops": 2e-9 * macs * median,
            "ready_seconds": worker.start, "ready_memory": worker.base,
            "duet_ratio": statistics.median(r["duet"][0] / r[name][0] for r in rounds)}
    for name, worker in workers.items():
        result = row["programs"][name]
        result["peak_memory"] = worker.end()
        say(f"  {name}: {result['median']:.1f} images/s ({result['least']:.1f} to {result['most']:.1f}), {result['threads']} "
            f"threads {result['layout']}, {result['peak_memory'] / 1e6:.0f} MB; duet is {result['duet_ratio']:.2f} times as fast"
            + (f" (disturbed: others took {result['others']:.2f} processors)" if result["others"] >= OTHERS else ""))
    return row


def measure_start(case, programs, args, cache):
    """From the start of the process to the first feature row of one image."""
    say(f"{case.name}: start")
    values = {"model": case.model, "batch": 1, "tap": case.taps[0]}
    seconds = {program.name: [] for program in programs}
    for _ in range(args.rounds):
        for program in programs:
            setting = cache.get((program.name, "features", case.name, case.taps[0]), (args.threads[-1], "contiguous"))
            worker = program.start(case, "features", setting, values)
            seconds[program.name].append(worker.start)
            worker.end()
    for name, all_seconds in seconds.items():
        say(f"  {name}: {statistics.median(all_seconds):.3f} s")
    return {name: {"median": statistics.median(s), "least": min(s), "most": max(s)} for name, s in seconds.items()}


def measure_case(name, args, duet, torches, folder):
    case, cache, rows = Case(name, args, folder), {}, []
    say(f"{name}: {case.parameters} parameters, {case.macs / 1e6:.1f} M multiply-adds an image")
    result = {"case": name, "arch": case.arch, "parameters": case.parameters, "macs": case.macs}
    result["errors"] = case.check(args, torches)
    compiling = [Program(args.duet_bench, p.python, p.version, ", compiled", ["compile=1"]) for p in torches
                 if args.compile and int(p.version.split(".")[0]) >= 2]
    whole = [Program(args.duet_bench, p.python, p.version, ", whole pass", ["stop=whole"]) for p in torches]
    values = {"model": case.model, "batch": case.batch[0]}
    if "train" in args.work:
        rows.append(measure(case, "train", "training step", values, 3 * case.macs, [duet] + torches + compiling, args, cache))
    for tap in case.taps if "features" in args.work else []:
        values = {"model": case.model, "batch": case.batch[1], "tap": tap}
        rows.append(measure(case, "features", f"features, tap {tap}", values, case.tap[tap]["macs"],
                            [duet] + torches + whole + compiling, args, cache))
    if "forward" in args.work:
        values = {"model": case.model, "batch": case.batch[2]}
        rows.append(measure(case, "forward", "whole pass", values, case.macs, [duet] + torches + compiling, args, cache))
    result["rows"] = rows
    if "start" in args.work:
        result["start"] = measure_start(case, [duet] + torches, args, cache)
    return result


# ---- results ----

def write_csv(result, path):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["case", "work", "batch", "program", "threads", "layout", "images_per_second", "least", "most", "gflops",
                      "part_of_peak", "duet_ratio", "peak_memory_mb", "others"])
        for case in result["cases"]:
            for row in case["rows"]:
                for name, p in row["programs"].items():
                    if "failed" in p:
                        continue
                    out.writerow([row["case"], row["label"], row["batch"], name, p["threads"], p["layout"], f"{p['median']:.2f}",
                                  f"{p['least']:.2f}", f"{p['most']:.2f}", f"{p['gflops']:.1f}",
                                  f"{p['gflops'] / peak_of(result, p['threads']):.3f}", f"{p['duet_ratio']:.3f}",
                                  f"{p['peak_memory'] / 1e6:.0f}", f"{p['others']:.2f}"])
            for name, p in case.get("start", {}).items():
                out.writerow([case["case"], "start, seconds", 1, name, "", "", f"{p['median']:.3f}", f"{p['least']:.3f}",
                              f"{p['most']:.3f}", "", "", "", "", ""])


def peak_of(result, threads):
    return result["machine"][str(threads)]["peak_gflops"]


def markdown(result):
    lines = []
    top = max(result["machine"].values(), key=lambda m: m["threads"])
    lines.append(f"{result['date']}, {top['cpu']}, {top['threads']} threads, {top['vectors']}: peak of f32 multiply-adds "
                 f"{top['peak_gflops']:.0f} GFLOP/s, memory {top['memory_gbs']:.1f} GB/s, load before {top['load']:.2f}; "
                 f"{result['rounds']} rounds of {result['seconds']:g} s.")
    disturbed = [p["others"] for case in result["cases"] for row in case["rows"] for p in row["programs"].values()
                 if p.get("others", 0) >= OTHERS]
    if disturbed:
        lines += ["", f"**Disturbed**: in {len(disturbed)} lines other processes took up to {max(disturbed):.2f} processors."]
    for case in result["cases"]:
        size = f"{case['parameters']:,} parameters, {case['macs'] / 1e6:.1f} M multiply-adds an image"
        lines += ["", f"### {case['case']}: {size}", "",
                  "| work | program | images/s (spread) | threads, layout | of peak | peak memory | duet is faster by |",
                  "|---|---|---|---|---|---|---|"]
        for row in case["rows"]:
            for name, p in row["programs"].items():
                if "failed" in p:
                    lines.append(f"| {row['label']}, batch {row['batch']} | {name} | did not run | | | | |")
                    continue
                ratio = "" if name == "duet" else f"{p['duet_ratio']:.2f}×"
                lines.append(f"| {row['label']}, batch {row['batch']} | {name} | "
                             f"{p['median']:.1f} ({p['least']:.1f}–{p['most']:.1f}) | "
                             f"{p['threads']}, {p['layout']} | {100 * p['gflops'] / peak_of(result, p['threads']):.0f} % | "
                             f"{p['peak_memory'] / 1e6:.0f} MB | {ratio} |")
        for name, p in case.get("start", {}).items():
            ratio = "" if name == "duet" else f"{p['median'] / case['start']['duet']['median']:.1f}×"
            spread = f"{p['median']:.3f} s ({p['least']:.3f}–{p['most']:.3f})"
            lines.append(f"| start to the first features | {name} | {spread} | | | | {ratio} |")
    return "\n".join(lines) + "\n"


def write_result(result, folder):
    with open(os.path.join(folder, "result.json"), "w") as file:
        json.dump(result, file, indent=1)
    write_csv(result, os.path.join(folder, "result.csv"))
    with open(os.path.join(folder, "result.md"), "w") as file:
        file.write(markdown(result))


def numbers(text):
    return [int(v) for v in text.split(",")]


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duet-bench", required=True, help="the program duet-bench")
    parser.add_argument("--python", action="append", required=True, help="an interpreter that has PyTorch; may be given again")
    parser.add_argument("--case", action="append", choices=sorted(CASES),
                        help="may be given again; default fashion-mnist and cifar")
    parser.add_argument("--work", default="train,features,forward,start", help="which of train,features,forward,start")
    parser.add_argument("--taps", type=numbers, help="taps of features instead of the case's")
    parser.add_argument("--threads", type=numbers, default=sorted({1, os.cpu_count()}), help="settings to try; default 1,ALL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each program in a round")
    parser.add_argument("--compile", action="store_true", help="also torch.compile, where PyTorch has it (slow to start)")
    parser.add_argument("--out", required=True, help="folder for the results")
    return parser.parse_args()


def main():
    args = parse_args()
    os.makedirs(args.out, exist_ok=True)
    duet, torches = Program(args.duet_bench), []
    for python in args.python:
        code = "import torch; print('\"' + torch.__version__.split('+')[0] + '\"')"
        torches.append(Program(args.duet_bench, python, once([python, "-c", code])))
    result = {"date": time.strftime("%Y-%m-%d"), "system": platform.platform(), "rounds": args.rounds, "seconds": args.seconds,
              "machine": {str(t): once([args.duet_bench, "machine", f"threads={t}"]) for t in args.threads}, "cases": []}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.case or ["fashion-mnist", "cifar"]:
            result["cases"].append(measure_case(name, args, duet, torches, folder))
            write_result(result, args.out) # what is done stays, whatever comes
    print(markdown(result), end="")


if __name__ == "__main__":
    try:
        main()
    except Failed as why:
        sys.exit(f"compare: {why}")
