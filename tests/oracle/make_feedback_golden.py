#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A U-Net with feedback in float64: outputs of blocks of its second pass, and the gradient of the mean square of two of them. Writes
tests/golden/feedback.npz, read by tests/unit/model/test_feedback.c. From the repository's root: python tests/oracle/make_feedback_golden.py"""
import numpy as np
import torch

from adm_unet import Config, Unet, Weights

CONFIG = Config(image_size=8, in_channels=1, num_channels=4, norm_groups=2, num_heads=2, attention_resolutions=(4,), learn_sigma=False,
                class_cond=False, resblock_updown=False, feedback=True)
READ = (3, 5, 7)  # blocks of the second pass, whose numbers are n + these


def main():
    random = torch.Generator().manual_seed(11)
    net = Unet(CONFIG, Weights(seed=12))
    x, t = torch.randn(3, 8, 8, 1, generator=random, dtype=torch.float64).float(), torch.tensor([5.0, 300.0, 900.0])
    planes = x.double().permute(0, 3, 1, 2)
    net.forward(planes, t)
    maps = net.again(planes, t)
    loss = sum(maps[b - 1].square().mean() for b in READ)
    loss.backward()
    out = {"arch": CONFIG.spec(), "x": x.numpy(), "t": t.numpy(), "loss": np.array([loss.item()]), "blocks": np.array([len(maps)], dtype=np.int32)}
    for b in READ:
        out[f"map.{b}"] = maps[b - 1].detach().permute(0, 2, 3, 1).numpy().astype(np.float32)
    for name, weight in net.w.tensors.items():
        out["w." + name] = weight.detach().half().numpy()
        if weight.grad is not None:
            out["g." + name] = weight.grad.numpy().astype(np.float32)
    out.pop("arch")
    print(CONFIG.spec())
    np.savez_compressed("tests/golden/feedback.npz", **out)


if __name__ == "__main__":
    main()
