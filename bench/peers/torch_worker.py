#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""torch_worker.py WORK key=value ...: the peer of duet-bench (bench.h), with the same works and commands.
`train`     noise, forward, backward, clipping, AdamW, average of the weights; images stay in memory as floats
`features`  noise, network up to a tap (stop=tap) or whole with the tap kept (stop=whole), pooling; inference mode
`forward`   the whole network; inference mode
`check`     compares with the file that `duet-bench check` wrote
table=FILE holds what arch_options.py asked of the program."""
import json
import math
import os
import sys
import time

options = {"model": "", "file": "", "table": "", "batch": "32", "threads": "1", "format": "contiguous", "tap": "1", "pool": "1", "t": "10",
           "stop": "tap", "compile": "0", "precision": "f32", "warm": "1"}
work = sys.argv[1]
for pair in sys.argv[2:]:
    name, value = pair.split("=", 1)
    if name not in options:
        sys.exit(f"torch_worker: no option '{name}'")
    options[name] = value
os.environ["OMP_NUM_THREADS"] = options["threads"]

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import torch_unet  # noqa: E402

BATCH = int(options["batch"])
FORMAT = torch.channels_last if options["format"] == "channels_last" else torch.contiguous_format
DECAY, CLIP = 0.999, 1.0


def load(train=False):
    with open(options["table"]) as file:
        net = torch_unet.load(options["model"], json.load(file), FORMAT, train)
    if net.c.small_size > 0 or net.c.classifier_pool:
        sys.exit("torch_worker: it times U-Nets; upsamplers and classifiers are compared by tools/parity/peer.py")
    return net


def memory(key):
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return 1024 * int(line.split()[1])
    return 0


def say(**line):
    print(json.dumps(line), flush=True)


def autocast():
    """bf16 where PyTorch's own rules take it; weights stay f32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=options["precision"] == "bf16")


def serve(step, short=None):
    """short: a smaller step to warm up with, for networks whose whole step takes long (warm=0)."""
    (short if short and options["warm"] == "0" else step)()
    say(ready=True, memory=memory("VmHWM"))
    for line in sys.stdin:
        if not line.startswith("run "):
            break
        wanted, images, began = float(line.split()[1]), 0, time.perf_counter()
        while time.perf_counter() - began < wanted:
            step()
            images += BATCH
        say(images=images, seconds=time.perf_counter() - began)
    say(peak_memory=memory("VmHWM"))


def alphas():
    """Square roots of prod(1 - beta) and of what is left of 1, for the linear schedule of 1000 steps."""
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    return kept.sqrt().float(), (1 - kept).sqrt().float()


def images(net):
    c = net.c
    x = torch.rand(BATCH, c.in_channels, c.image_size, c.image_size) * 2 - 1
    y = torch.zeros(BATCH, dtype=torch.long) if c.class_cond else None
    with torch.no_grad():
        net.find_ends(x, torch.zeros(BATCH), y)
    return x.contiguous(memory_format=FORMAT), y


def compiled(function):
    return torch.compile(function) if options["compile"] == "1" else function


# ---- training ----

def make_optimiser(weights):
    groups = [{"params": [w for w in weights if w.dim() >= 2], "weight_decay": 0.01},
              {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0}]
    for fast in ({"fused": True}, {"foreach": True}, {}):
        try:
            return torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.99), **fast)
        except (TypeError, RuntimeError, ValueError):
            pass
    raise RuntimeError("no AdamW")


def train():
    net = load(train=True)
    x0, y = images(net)
    alpha, sigma = alphas()
    weights = list(net.w.tensors.values())
    average = [w.detach().clone() for w in weights]
    optimiser = make_optimiser(weights)
    run = compiled(net.forward)

    def step():
        t = torch.randint(0, 1000, (BATCH,))
        eps = torch.randn_like(x0)
        x = alpha[t].view(-1, 1, 1, 1) * x0 + sigma[t].view(-1, 1, 1, 1) * eps
        with autocast():
            raw = run(x, t, y)
        loss = F.mse_loss(raw[:, :net.c.in_channels].float(), eps)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, CLIP)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_mul_(average, DECAY)
            torch._foreach_add_(average, [w.detach() for w in weights], alpha=1 - DECAY)
        if not math.isfinite(float(loss.detach()) + float(norm)):
            raise RuntimeError("training diverged")
    serve(step)


# ---- inference ----

def features():
    net = load()
    x0, y = images(net)
    alpha, sigma = alphas()
    tap, t = int(options["tap"]), int(options["t"])
    times = torch.full((BATCH,), float(t))
    whole = options["stop"] == "whole" or options["compile"] == "1" # the compiler leaves out what is not needed itself
    run = compiled(lambda x: net.up_to(tap, x, times, y, whole))

    def step(run=run):
        x = alpha[t] * x0 + sigma[t] * torch.randn_like(x0)
        with autocast():
            value = run(x)
        F.adaptive_avg_pool2d(value.float(), int(options["pool"])).flatten(1).numpy()
    with torch.inference_mode():
        serve(step, lambda: step(lambda x: net.up_to(2, x, times, y, False)))


def forward():
    net = load()
    x, y = images(net)
    times = torch.zeros(BATCH)
    run = compiled(net.forward)

    def step():
        with autocast():
            raw = run(x, times, y)
        raw.float().numpy()
    with torch.inference_mode():
        serve(step, lambda: net.up_to(2, x, times, y, False))


# ---- check ----

def check():
    net = load()
    want, _ = torch_unet.read_safetensors(options["file"])
    errors = {}

    def compare(name, have):
        expected = want[name].permute(0, 3, 1, 2)
        if have.shape != expected.shape:
            raise SystemExit(f"torch_worker: '{name}' is {tuple(have.shape)} here and {tuple(expected.shape)} there")
        errors[name] = float((have - expected).square().mean().sqrt() / expected.square().mean().sqrt().clamp_min(1e-30))

    def nchw(name):
        return want[name].permute(0, 3, 1, 2).contiguous(memory_format=FORMAT)
    with torch.inference_mode():
        y = torch.zeros(len(want["x"]), dtype=torch.long) if net.c.class_cond else None
        net.find_ends(nchw("x"), want["net_t"], y)
        compare("output", net.forward(nchw("x"), want["net_t"], y))
        taps = sorted(net.ends.values())
        for tap in taps:
            for whole in (False, True):
                compare(f"read.{tap}", net.up_to(tap, nchw("read.x"), want["read.net_t"], y, whole))
    worst = max(errors, key=errors.get)
    say(version=torch.__version__, parameters=sum(w.numel() for w in net.w.tensors.values()), taps=len(taps),
        worst=worst, error=errors[worst])


torch.set_num_threads(int(options["threads"]))
torch.manual_seed(1)
{"train": train, "features": features, "forward": forward, "check": check}[work]()
