#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The PyTorch network that bench/compare.py times (bench/peers/torch_unet.py) against duet, with every option of adm_unet: random
weights, output and every tap in float64 by relative RMS (limit 1e-5).

  tools/parity/peer.py build/release [--random N] [--seed N]

The folder holds duet and duet-bench. Each option of `duet help arch adm_unet` must differ from its default in one of the networks,
so a new option fails here until the peer builds it."""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import torch

import common

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "bench", "peers"))
import torch_unet  # noqa: E402
from arch_options import ask_table, value_of  # noqa: E402

SMALL = {"image_size": 16, "num_channels": 8, "num_res_blocks": 1, "channel_mult": "1/2", "attention_resolutions": "8", "norm_groups": 4,
         "num_heads": 2}
SETS = [  # beside SMALL
    {},
    {"in_channels": 1, "use_scale_shift_norm": "false", "learn_sigma": "true", "use_new_attention_order": "true"},
    {"resblock_updown": "true", "class_cond": "true", "num_classes": 7, "num_head_channels": 4, "dropout": 0.1},
    {"embed_channels": 20, "conv_attention": "true", "use_new_attention_order": "true", "attention_resolutions": "16/8"},
    {"small_size": 4, "num_res_blocks": 2, "learn_sigma": "true"},
    *({"classifier_pool": pool, "num_classes": 5, "num_head_channels": 8, "resblock_updown": "true"}
      for pool in ("adaptive", "attention", "spatial", "spatial_v2")),
]


def draw(chance):
    """A set of options by chance: at most five beside the kind's, so that the text is not too long for one option."""
    options = {key: chance.choice(["true", "false"]) for key in
               ("use_scale_shift_norm", "resblock_updown", "learn_sigma", "class_cond", "use_new_attention_order", "conv_attention")}
    options.update(in_channels=chance.choice([1, 3]), num_res_blocks=chance.choice([1, 2]), channel_mult=chance.choice(["1", "1/2", "2/1/3"]),
                   num_head_channels=chance.choice([-1, 4, 8]), norm_groups=chance.choice([1, 4, 8]), num_classes=chance.choice([2, 9]),
                   embed_channels=chance.choice([-1, 12]), attention_resolutions=chance.choice(["", "16"]))
    options = {key: options[key] for key in chance.sample(sorted(options), 5)}
    if options.get("channel_mult") == "1": # one level, of 16 pixels
        options["attention_resolutions"] = "16"
    kind = chance.choice(["", "", "adaptive", "spatial", "spatial_v2", "attention", "small"])
    if kind == "small":
        options["small_size"] = 8
    elif kind:
        options.update(classifier_pool=kind, class_cond="false")
        if kind == "attention":
            options["num_head_channels"] = 8
    return options


def compare(folder, table, options, work):
    """(worst error, its name)"""
    bench, path = os.path.join(folder, "duet-bench"), os.path.join(work, "model.safetensors")
    known = table["adm_unet"]
    arch = "adm_unet:" + ",".join(f"{key}={value}" for key, value in options.items()
                                  if value_of(known[key][0], str(value)) != value_of(*known[key]))
    made = subprocess.run([bench, "make", f"arch={arch}", f"out={path}"], capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"{arch}: {made.stderr.strip()}")
    _, held = common.run_duet(bench, path, os.path.join(work, "parity.safetensors"), 2, False)
    held = {name: torch.from_numpy(value) for name, value in held.items()}
    net = torch_unet.load(path, table)
    net.w.dtype = torch.float64
    net.w.tensors = {name: w.detach().double() for name, w in net.w.tensors.items()}
    x, t = common.nchw(held["x"]).double(), held["net_t"].double()
    y = torch.arange(2) % net.c.num_classes if net.c.class_cond else None
    low_res = common.nchw(held["low_res"]).double() if "low_res" in held else None
    net.find_ends(x, t, y, low_res)
    net.wanted = tuple(net.ends.values())
    output = net.forward(x, t, y, low_res)
    fresh = torch_unet.Weights()
    torch_unet.Unet(net.c, fresh).forward(x, t, y, low_res)
    if fresh.tensors.keys() != net.w.tensors.keys():
        sys.exit(f"{arch}: only one side has the parameters {sorted(fresh.tensors.keys() ^ net.w.tensors.keys())}")
    theirs = {name[4:] for name in held if name.startswith("tap/")}
    if theirs != net.blocks.keys():
        sys.exit(f"{arch}: only one side has the taps {sorted(theirs ^ net.blocks.keys())}")
    errors = {name: common.relative(common.nchw(held["tap/" + name]).double(), net.taps[tap]) for name, tap in net.blocks.items()}
    errors["output"] = common.relative(common.nchw(held["output"]).double(), output)
    worst = max(errors, key=errors.get)
    return errors[worst], worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--random", type=int, default=0, help="further networks with options drawn by chance")
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args()
    table, chance = ask_table(os.path.join(o.build, "duet")), random.Random(o.seed)
    torch.set_num_threads(1)
    sets = [{**SMALL, **s} for s in SETS + [draw(chance) for _ in range(o.random)]]
    for key, (kind, default) in table["adm_unet"].items():
        if all(value_of(kind, str(s.get(key, default))) == value_of(kind, default) for s in sets):
            sys.exit(f"no network here has '{key}' of adm_unet other than '{default}'; add one to SETS")
    worst = 0.0
    with tempfile.TemporaryDirectory() as work, torch.inference_mode():
        for options in sets:
            error, name = compare(o.build, table, options, work)
            worst = max(worst, error)
            if not error <= common.VALUES:
                sys.exit(f"{json.dumps(options)}: '{name}' differs by {error:.1e}, more than {common.VALUES:g}")
    print(f"{len(sets)} networks, {len(table['adm_unet'])} options; the worst value differs by {worst:.1e}")


if __name__ == "__main__":
    main()
