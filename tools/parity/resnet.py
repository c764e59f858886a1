#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""resnet.py DUET-BENCH FOLDER: ResNet-18, -34 and -50 of torchvision with random weights and random running statistics, saved by torch.save,
opened and run by duet; compares the logits and every tap. Needs PyTorch, torchvision and safetensors. FOLDER is for working files.

  python3 tools/parity/resnet.py build/release/duet-bench WORK
"""
import os
import subprocess
import sys

import torch
import torchvision
from safetensors.torch import load_file

LIMIT = 1e-5


def randomize(net):
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)


def taps(net, x):
    """In duet's order: stem, blocks, logits; maps as NHWC."""
    found = []
    hooks = [m.register_forward_hook(lambda _m, _i, out: found.append(out)) for m in
             [net.maxpool, *(block for stage in (net.layer1, net.layer2, net.layer3, net.layer4) for block in stage)]]
    with torch.no_grad():
        logits = net(x)
    for hook in hooks:
        hook.remove()
    return [t.permute(0, 2, 3, 1) for t in found] + [logits[:, None, None, :]]


def check(program, work, name):
    torch.manual_seed(len(name))
    net = getattr(torchvision.models, name)().eval()
    randomize(net)
    path, file = os.path.join(work, name + ".pth"), os.path.join(work, name + ".check")
    torch.save(net.state_dict(), path)
    subprocess.run([program, "check", f"model={path}", f"out={file}", "exact=true"], check=True, stdout=subprocess.DEVNULL)
    held = load_file(file)
    want = taps(net, held["read.x"].permute(0, 3, 1, 2))
    errors = [((held[f"read.{i + 1}"] - t).norm() / t.norm()).item() for i, t in enumerate(want)]
    print(f"{name:20s} {len(errors):3d} taps, worst relative rms {max(errors):.1e}, logits {errors[-1]:.1e}")
    return max(errors) < LIMIT


if __name__ == "__main__":
    sys.exit(not all([check(sys.argv[1], sys.argv[2], name) for name in ("resnet18", "resnet34", "resnet50")]))
