#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each learner of a comparison is set to (docs/compare.md): the same number of search runs for each, in docs/data/rivals.csv.

  bench/rivals.py CSV --data DATA --work DIR --only bigbigan+vae [--seconds 60]

A run trains for so many seconds, then `duet sweep` chooses tap and pool of a linear head on training images, held-out training images
measure it (a classifier by itself, on 6,000 held out), and 500 drawn images are compared with training images by a judge. Test images are
not touched. Rows that stand in the table are not measured again. Alone on its cores: the budget is time."""
import argparse
import os
import shutil

from recognition import Book, duet, percent, setting_of

COLUMNS = "row change arch task optim batch augment seconds images val_top1 setting fid classes_seen command seed commit machine date".split()
RATES = {
    "rate 0.0005": {"optim": "adamw:rate=0.0005"},
    "rate 0.003": {"optim": "adamw:rate=0.003"},
    "muon": {"optim": "muon"},
}

# What is tried: the first is what the others change one thing of, two where two are named.
TRIED = {
    "bigbigan": {
        "base": {"arch": "bigbigan:channels=32,channel_mult=1/2,latents=72", "task": "gan", "optim": "", "batch": 64},
        "channels 64": {"arch": "bigbigan:channels=64,channel_mult=1/2,latents=72"},
        "channels 64, rate 0.0004": {"arch": "bigbigan:channels=64,channel_mult=1/2,latents=72",
                                     "optim": "adamw:rate=0.0004,beta1=0,beta2=0.999,weight_decay=0"},
        "channels 64, rate 0.001": {"arch": "bigbigan:channels=64,channel_mult=1/2,latents=72",
                                    "optim": "adamw:rate=0.001,beta1=0,beta2=0.999,weight_decay=0"},
        "rate 0.0005": {"optim": "adamw:rate=0.0005,beta1=0,beta2=0.999,weight_decay=0"},
        "rate 0.001": {"optim": "adamw:rate=0.001,beta1=0,beta2=0.999,weight_decay=0"},
        "rate 0.0005, beta1 0.5": {"optim": "adamw:rate=0.0005,beta1=0.5,beta2=0.999,weight_decay=0"},
        "batch 32": {"batch": 32},
        "no scores of image and latent alone": {"task": "gan:unary=false"},
        "encoder at twice the side": {"arch": "bigbigan:channels=32,channel_mult=1/2,latents=72,encoder_scale=2"},
        "channels 16": {"arch": "bigbigan:channels=16,channel_mult=1/2,latents=72"},
    },
    "patchvae": {
        "base": {"arch": "patchvae:scale=4", "task": "patchvae", "optim": "adamw:rate=0.001", "batch": 64},
        **RATES,
        "beta_occurrence 1": {"task": "patchvae:beta_occurrence=1"},
        "beta_appearance 0.1": {"task": "patchvae:beta_appearance=0.1"},
        "hard": {"task": "patchvae:hard=true"},
        "batch 32": {"batch": 32},
        "scale 2": {"arch": "patchvae:scale=2"},
    },
    "vae": {
        "base": {"arch": "vae:channel_mult=1/2/4", "task": "vae", "optim": "adamw:rate=0.001", "batch": 64},
        **RATES,
        "sigma 0.12": {"task": "vae:sigma=0.12"},
        "beta 4": {"task": "vae:beta=4"},
        "latents 32": {"arch": "vae:channel_mult=1/2/4,latents=32"},
        "channels 64": {"arch": "vae:channel_mult=1/2/4,channels=64"},
        "batch 32": {"batch": 32},
    },
    "simclr": {
        "base": {"arch": "resnet:small=true,blocks=2/2/2,base=32,classes=0", "task": "simclr", "optim": "", "batch": 128,
                 "augment": "flip+resized_crop:least=0.3+brightness"},
        "rate 0.0005": {"optim": "adamw:rate=0.0005,weight_decay=0.0001"},
        "rate 0.003": {"optim": "adamw:rate=0.003,weight_decay=0.0001"},
        "muon": {"optim": "muon"},
        "temperature 0.2": {"task": "simclr:temperature=0.2"},
        "batch 256": {"batch": 256},
        "batch 64": {"batch": 64},
        "parts of at least 0.15": {"augment": "flip+resized_crop:least=0.15+brightness"},
        "and erased rectangles": {"augment": "flip+resized_crop:least=0.3+brightness+erase"},
    },
    "mae": {
        "base": {"arch": "mae:patch=4", "task": "mae", "optim": "", "batch": 64, "augment": "flip+resized_crop"},
        **RATES,
        "pixels as they are": {"task": "mae:normalise=false"},
        "half hidden": {"arch": "mae:patch=4,hidden=0.5"},
        "batch 32": {"batch": 32},
        "width 96": {"arch": "mae:patch=4,width=96"},
        "no augmentation": {"augment": ""},
    },
    "supervised": {
        "base": {"arch": "resnet:small=true,blocks=2/2/2,base=32", "task": "classify", "optim": "", "batch": 64, "augment": "flip+crop"},
        **RATES,
        "smoothing 0.1": {"task": "classify:smoothing=0.1"},
        "batch 128": {"batch": 128},
        "batch 32": {"batch": 32},
        "crop by 2": {"augment": "flip+crop:pad=2"},
        "and erased rectangles": {"augment": "flip+crop+erase"},
    },
}


def drawn(o, run, made):
    """Distance of 500 drawn images, and in how many classes the judge sees them."""
    if made["task"].split(":")[0] in ("simclr", "mae", "classify"):
        return "", ""
    found = duet(o, "eval", run, "--count", "500", "--against", o.data, "--real", "10000", "--reader", o.judge, "--metrics", "fid:bootstrap=0,classes")
    return percent(found["fid"]), f"{found['classes_seen']:.0f}"


def one(o, book, row, change, made, seconds):
    run = os.path.join(o.work, f"{row}-{change.replace(' ', '_')}")
    shutil.rmtree(run, ignore_errors=True)
    options = [part for key in ("arch", "task", "optim", "batch", "augment") if str(made.get(key, "")) for part in (f"--{key}", str(made[key]))]
    labels = made["task"].startswith("classify")
    trained = duet(o, "train", "--data", o.data, *options, "--minutes", str(seconds / 60), "--seed", "0", "--meter-minutes", "0", "--out", run,
                   *(["--hold-out", "6000"] if labels else []))
    if labels:
        best = trained["validation"]
    else:
        best = duet(o, "sweep", run, "--data", o.data, "--t", "-1", "--pool", "1,2,4", "--head", "linear", "--rows", "4000", "--no-baselines")["best"]
    fid, seen = drawn(o, run, made)
    book.add(row=row, change=change, arch=made["arch"], task=made["task"], optim=made.get("optim", ""), batch=made["batch"], augment=made.get("augment", ""),
             seconds=seconds, images=trained["images"], val_top1=percent(best["top1"]), setting=setting_of(best), fid=fid,
             classes_seen=seen, command=f"bench/rivals.py CSV --data DATA --work WORK --only {row} --seconds {seconds} --threads {o.threads}", seed=0)
    shutil.rmtree(run)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv")
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True, help="folder for the trainings")
    parser.add_argument("--only", default="+".join(TRIED))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--judge", default="models/judges/fashion-mnist.safetensors")
    parser.add_argument("--duet", default="build/release/duet")
    parser.add_argument("--threads", type=int, default=0)
    o = parser.parse_args()
    book = Book(o.csv, COLUMNS, ("row", "change", "seconds"))
    os.makedirs(o.work, exist_ok=True)
    for row in o.only.split("+"):
        base = TRIED[row]["base"]
        for change, other in TRIED[row].items():
            if not book.has(row, change, o.seconds):
                one(o, book, row, change, {**base, **other}, o.seconds)


main()
