#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""DDPM's networks as ermongroup/ddim has them, with random weights written by its own list of states, against duet: output, every tap and,
with --gradient, every gradient. The averaged weights of the list are the ones to be read; the others are twice as large.

  tools/parity/ddim.py build/release/duet-bench WORK --ddim FOLDER [--only NAME,...] [--gradient]

FOLDER is a checkout of ermongroup/ddim; its configs are the networks."""
import argparse
import os
import sys

import torch
import yaml

import common

CASES = ("cifar10", "celeba", "bedroom")


def namespace(value):
    return argparse.Namespace(**{k: namespace(v) for k, v in value.items()}) if isinstance(value, dict) else value


def rename(name, levels):
    """Their name of a tensor as duet's."""
    words = name.split(".")
    inner = {"temb_proj": "time_emb_proj", "nin_shortcut": "conv_shortcut", "norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
    if words[0] in ("conv_in", "conv_out"):
        return name
    if words[0] == "norm_out":
        return "conv_" + ".".join(("norm_out", *words[1:]))
    if words[0] == "temb":
        return f"time_embedding.linear_{int(words[2]) + 1}.{words[3]}"
    if words[0] == "mid":
        where = {"block_1": "resnets.0", "attn_1": "attentions.0", "block_2": "resnets.1"}[words[1]]
        return ".".join(["mid_block", where, *(inner.get(w, w) for w in words[2:])])
    level = int(words[1])
    where = f"down_blocks.{level}" if words[0] == "down" else f"up_blocks.{levels - 1 - level}"
    if words[2] in ("downsample", "upsample"):
        return ".".join([where, words[2] + "rs.0", *words[3:]])
    kind = {"block": "resnets", "attn": "attentions"}[words[2]]
    return ".".join([where, kind, words[3], *(inner.get(w, w) for w in words[4:])])


def taps(net):
    """duet's name: module. A tap of a block with attention is behind that."""
    found = {"conv_in": net.conv_in, "mid_block": net.mid.block_2}
    for way, levels in (("down", net.down), ("up", net.up)):
        for i, level in enumerate(levels):
            for k, block in enumerate(level.block):
                part, module = ("attn", level.attn[k]) if len(level.attn) else ("block", block)
                found[rename(f"{way}.{i}.{part}.{k}", len(levels))] = module
            for part in ("downsample", "upsample"):
                if hasattr(level, part):
                    found[rename(f"{way}.{i}.{part}", len(levels))] = getattr(level, part)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("work")
    parser.add_argument("--ddim", required=True)
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--gradient", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    sys.path.insert(0, o.ddim)
    from models.diffusion import Model
    torch.set_num_threads(o.threads)
    common.lift()
    good = True
    for name in o.only.split(","):
        with open(os.path.join(o.ddim, "configs", name + ".yml")) as f:
            config = namespace(yaml.safe_load(f))
        torch.manual_seed(1)
        net = common.fill(Model(config))
        path = os.path.join(o.work, name + ".pth")
        state = net.state_dict()
        optimiser = torch.optim.Adam(net.parameters())
        torch.save([{"module." + k: 2 * v for k, v in state.items()}, optimiser.state_dict(), 7, 1234, state], path)
        good &= common.compare(o.bench, o.work, "ddim: " + name, net, taps(net), lambda net, held: net(common.nchw(held["x"]), held["net_t"]), path,
                               gradient=o.gradient, names=lambda n, levels=len(net.down): rename(n, levels))
        os.remove(path)
    sys.exit(not good)


if __name__ == "__main__":
    main()
