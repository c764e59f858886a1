#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Images a second at equal Frechet distance: `duet sample` beside diffusers with the same network, in the same run.

  bench/sampling.py build/release/duet MODEL --data DATA --reader JUDGE --work FOLDER [--csv docs/data/sampling_speed.csv]

MODEL is one that `duet convert --out FOLDER` turns into a folder of diffusers; both sides then have the same weights. diffusers as
usual is DDIM with 50 steps, eager, f32: its distance is the mark. diffusers at its best is the scheduler and the number of steps, of
those below, with the fewest evaluations within --slack of the mark, as fast as layout and torch.compile make it; duet takes what is
fewest on its side, with and without reuse of deep maps. Timings are whole commands of duet (start, reading and writing included) and
loops alone of diffusers (weights loaded, compiled and warm), in turn, medians. What is chosen by distance is kept in --work, so that
--rounds 0 chooses beside other work, and the same command times alone on the machine. Needs torch, diffusers and NumPy."""
import argparse
import csv
import datetime
import json
import os
import statistics
import subprocess
import time

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DPMSolverMultistepScheduler, UniPCMultistepScheduler

STEPS = (6, 8, 10, 12, 15, 20, 25)
USUAL = ("ddim", 50)
SCHEDULERS = {
    "ddim": lambda config: DDIMScheduler.from_config(config),
    "dpmpp_2m": lambda config: DPMSolverMultistepScheduler.from_config(config, algorithm_type="dpmsolver++", solver_order=2),
    "dpmpp_2m karras": lambda config: DPMSolverMultistepScheduler.from_config(config, algorithm_type="dpmsolver++", solver_order=2, use_karras_sigmas=True),
    "unipc": lambda config: UniPCMultistepScheduler.from_config(config),
    "unipc karras": lambda config: UniPCMultistepScheduler.from_config(config, use_karras_sigmas=True),
}
OURS = {"dpmpp_2m": "dpmpp_2m:steps={}", "dpmpp_2m karras": "dpmpp_2m:steps={},spacing=karras",
        "unipc": "unipc:steps={}", "unipc karras": "unipc:steps={},spacing=karras"}


class Peer:
    """diffusers with the weights of the model; layout and compiled: how the network runs."""

    def __init__(self, folder, batch):
        self.folder, self.pipeline = folder, DDPMPipeline.from_pretrained(folder)
        self.net, self.batch = self.pipeline.unet.eval(), batch
        self.ways = {"eager": self.net}

    def add(self, way):
        if way == "channels_last":
            self.ways[way] = DDPMPipeline.from_pretrained(self.folder).unet.eval().to(memory_format=torch.channels_last)
        else:
            self.ways[way] = torch.compile(self.net if way == "compiled" else self.ways["channels_last"], dynamic=False)

    def draw(self, name, steps, count, way="eager"):
        """u8 NHWC."""
        scheduler, net, images = SCHEDULERS[name](self.pipeline.scheduler.config), self.ways[way], []
        scheduler.set_timesteps(steps)
        config, generator = self.net.config, torch.Generator().manual_seed(0)
        with torch.inference_mode():
            for _ in range(0, count, self.batch):
                if hasattr(scheduler, "model_outputs"):
                    scheduler.set_timesteps(steps) # forgets the batch before
                x = torch.randn(self.batch, config.in_channels, config.sample_size, config.sample_size, generator=generator) * scheduler.init_noise_sigma
                for t in scheduler.timesteps:
                    predicted = net(scheduler.scale_model_input(x, t), t).sample[:, :x.shape[1]]
                    x = scheduler.step(predicted, t, x).prev_sample
                images.append(((x / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
        return np.concatenate(images)[:count]


def distance(o, subject, *more):
    said = subprocess.run([o.duet, "eval", subject, "--against", o.data, "--real", str(o.real), "--reader", o.reader, "--metrics", "fid:bootstrap=0",
                           "--threads", str(o.threads), "--json", "--quiet", *more], check=True, capture_output=True, text=True).stdout
    return json.loads(said)["fid"]


def our_distance(o, sampler, reuse):
    out = os.path.join(o.work, "ours.npz")
    our_draw(o, sampler, reuse, o.count, out)
    return distance(o, out)


def our_draw(o, sampler, reuse, count, out):
    if os.path.exists(out):
        os.remove(out)
    subprocess.run([o.duet, "sample", o.model, "--sampler", sampler, "--reuse", str(reuse), "--count", str(count), "--out", out, "--threads",
                    str(o.threads), "--quiet"], check=True)


def peer_distance(o, peer, name, steps, way):
    out = os.path.join(o.work, "peer.npz")
    np.savez(out, peer.draw(name, steps, o.count, way))
    return distance(o, out)


def fewest(measure, mark, names):
    """(name, steps, distance) of the fewest steps whose distance is at most mark; the names are tried in turn at each number."""
    for steps in STEPS:
        found = [(measure(name, steps), name) for name in names]
        for value, name in sorted(found):
            print(f"    {name} {steps} steps: {value:.3f}", flush=True)
        best, name = min(found)
        if best <= mark:
            return name, steps, best
    raise SystemExit(f"no sampler comes to {mark:.3f} in {STEPS[-1]} steps")


def choose(o, peer):
    """The mark, and (name, steps, distance) of what comes to it with the fewest steps: of diffusers, of duet, of duet with reuse or None."""
    usual = peer_distance(o, peer, *USUAL, "compiled")
    mark = usual * o.slack
    print(f"diffusers, DDIM with 50 steps: {usual:.3f}, the mark {mark:.3f}", flush=True)
    theirs = fewest(lambda name, steps: peer_distance(o, peer, name, steps, "compiled"), mark, [name for name in SCHEDULERS if name != "ddim"])
    print("  duet:", flush=True)
    ours = fewest(lambda name, steps: our_distance(o, OURS[name].format(steps), 1), mark, list(OURS))
    for steps in STEPS:
        if steps < ours[1]:
            continue
        value = our_distance(o, OURS[ours[0]].format(steps), 2)
        print(f"    {ours[0]} {steps} steps, reuse 2: {value:.3f}", flush=True)
        if value <= mark:
            return usual, theirs, ours, (ours[0], steps, value)
    return usual, theirs, ours, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet")
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--reader", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--csv")
    parser.add_argument("--machine", default="unknown")
    parser.add_argument("--count", type=int, default=2000, help="images of a distance")
    parser.add_argument("--real", type=int, default=10000)
    parser.add_argument("--timed", type=int, default=256, help="images of a timing")
    parser.add_argument("--batch", type=int, default=64, help="of diffusers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slack", type=float, default=1.05)
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    os.makedirs(o.work, exist_ok=True)
    folder = os.path.join(o.work, "folder")
    if not os.path.exists(folder):
        subprocess.run([o.duet, "convert", o.model, "--out", folder, "--quiet"], check=True)
    peer = Peer(folder, o.batch)
    for way in ("channels_last", "compiled", "compiled channels_last"):
        peer.add(way)

    chosen = os.path.join(o.work, "chosen.json")
    if not os.path.exists(chosen):
        with open(chosen + ".part", "w") as file:
            json.dump(choose(o, peer), file)
        os.rename(chosen + ".part", chosen)
    with open(chosen) as file:
        usual, theirs, ours, reused = json.load(file)
    if o.rounds == 0:
        return

    programs = {"diffusers, as usual": (USUAL[0], USUAL[1], usual, lambda: peer.draw(*USUAL, o.timed, "eager"))}
    for way in peer.ways:
        programs[f"diffusers, {way}"] = (*theirs, lambda way=way: peer.draw(theirs[0], theirs[1], o.timed, way))
    scratch = os.path.join(o.work, "timed.npz")
    programs["duet"] = (*ours, lambda: our_draw(o, OURS[ours[0]].format(ours[1]), 1, o.timed, scratch))
    if reused:
        programs["duet, reuse 2"] = (*reused, lambda: our_draw(o, OURS[reused[0]].format(reused[1]), 2, o.timed, scratch))
    seconds = {name: [] for name in programs}
    for k in range(o.rounds + 1):
        for name, (*_, run) in programs.items():
            begun = time.perf_counter()
            run()
            if k: # the first round warms up
                seconds[name].append(time.perf_counter() - begun)
    rate = {name: o.timed / statistics.median(values) for name, values in seconds.items()}
    best = max(value for name, value in rate.items() if name.startswith("diffusers, ") and name != "diffusers, as usual")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    rows = [{"program": name, "sampler": programs[name][0], "evaluations": programs[name][1], "distance": f"{programs[name][2]:.3f}",
             "rate": f"{rate[name]:.1f}", "usual": f"{rate[name] / rate['diffusers, as usual']:.2f}", "best": f"{rate[name] / best:.2f}",
             "command": f"bench/sampling.py DUET {os.path.basename(o.model)} --data {os.path.basename(o.data)} --reader {os.path.basename(o.reader)} --count {o.count} --threads {o.threads}",
             "seed": 0, "commit": commit, "machine": o.machine, "date": datetime.date.today().isoformat()} for name in programs]
    for row in rows:
        print(f"{row['program']:34} {row['sampler']:16} {row['evaluations']:3} evaluations  distance {row['distance']}  {row['rate']:>8} images/s  "
              f"{row['usual']} x usual, {row['best']} x best")
    if o.csv:
        new = not os.path.exists(o.csv)
        with open(o.csv, "a", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
