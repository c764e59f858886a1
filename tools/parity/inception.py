#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""inception.py DUET-BENCH FOLDER: Inception-v3 as pytorch-fid builds it, with random weights and statistics (its own weights are not
needed), saved by torch.save, opened and run by duet: logits and every tap. Needs PyTorch, torchvision, pytorch-fid, safetensors.

  python3 tools/parity/inception.py build/release/duet-bench WORK
"""
import os
import subprocess
import sys

import torch
from pytorch_fid import inception
from safetensors.torch import load_file

from resnet import LIMIT, randomize

BLOCKS = ("maxpool1", "maxpool2", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c", "fc")


def make():
    """fid_inception_v3 without its download: the weights it would load are those it has."""
    kept = {}

    def from_url(*_args, **_options):
        return kept["net"].state_dict()

    plain = inception._inception_v3

    def remember(*args, **options):
        kept["net"] = plain(*args, **options)
        return kept["net"]

    inception._inception_v3, inception.load_state_dict_from_url = remember, from_url
    return inception.fid_inception_v3().eval()


def main(program, work):
    torch.manual_seed(3)
    net = make()
    randomize(net)
    with torch.no_grad(): # torchvision's narrow initial weights would shrink the signal block by block
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
    path, file = os.path.join(work, "inception.pth"), os.path.join(work, "inception.check")
    torch.save(net.state_dict(), path)
    subprocess.run([program, "check", f"model={path}", f"out={file}", "exact=true"], check=True, stdout=subprocess.DEVNULL)
    held, found = load_file(file), []
    for name in BLOCKS:
        getattr(net, name).register_forward_hook(lambda _m, _i, out: found.append(out))
    x = held["read.x"].permute(0, 3, 1, 2)
    with torch.no_grad():
        net.transform_input = False
        net(x)
    found[-1] = found[-1][:, :, None, None]
    errors = [((held[f"read.{i + 1}"] - t.permute(0, 2, 3, 1)).norm() / t.norm()).item() for i, t in enumerate(found)]
    print(f"inception {sum(p.numel() for p in net.parameters())} parameters, {len(errors)} taps, worst relative rms {max(errors):.1e}, logits {errors[-1]:.1e}")
    return max(errors) < LIMIT


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], sys.argv[2]))
