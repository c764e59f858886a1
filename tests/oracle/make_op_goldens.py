#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goldens of ops and their gradients, computed in float64; run from the repository's root.

tests/golden/ops_elementwise.safetensors, read by tests/conform/test_op_oracle_elementwise.c. Images are [B,H,W,C]. Of each case:
<case>/in0, in1, …     inputs, exact in f32
<case>/out             the op's result
<case>/dout            gradient of some loss to it
<case>/din0, din1, …   gradients to the inputs
"""
import torch
from torch.nn import functional as F

from make_adm_unet_goldens import planes, write_safetensors

OUT = "tests/golden/ops_elementwise.safetensors"
SLOPE, LOW, HIGH = 0.25, -0.5, 0.75
FUNCTIONS = {
    "relu": torch.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, SLOPE),
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": F.softplus,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "abs": torch.abs,
    "clamp": lambda x: torch.clamp(x, LOW, HIGH),
}
# a range, its tails, kinks, and places where differences of numbers cancel
POINTS = torch.cat([torch.linspace(-12, 12, 49), torch.tensor([-40.0, 40.0, LOW, HIGH, 2.0 ** -13, -(2.0 ** -13), 0.0])])
POSITIVE = torch.cat([torch.linspace(0.125, 6, 48), torch.tensor([2.0 ** -120, 2.0 ** -13, 1.0, 1 + 2.0 ** -13, 1e4, 2.0 ** 100, 1.5, 3.0])])


class Cases:
    def __init__(self):
        self.random = torch.Generator().manual_seed(0)
        self.tensors = {}

    def draw(self, *shape, step=2.0 ** -8):
        """Standard normal, multiples of `step`."""
        return torch.round(torch.randn(shape, generator=self.random, dtype=torch.float64) / step) * step

    def add(self, name, function, *inputs):
        inputs = [x.float().double().requires_grad_() for x in inputs]
        out = function(*inputs)
        dout = self.draw(*out.shape)
        gradients = torch.autograd.grad(out, inputs, dout)
        for k, (x, dx) in enumerate(zip(inputs, gradients)):
            self.tensors[f"{name}/in{k}"] = x.detach().float()
            self.tensors[f"{name}/din{k}"] = dx.float()
        self.tensors[f"{name}/out"] = out.detach().float()
        self.tensors[f"{name}/dout"] = dout.float()


def largest(x, axes):
    """The first of equal elements, and so its gradient, as max(dim) says."""
    kept = [a for a in range(x.dim()) if a not in axes]
    flat = x.permute(*kept, *sorted(axes)).reshape(*[x.shape[a] for a in kept], -1)
    return flat.max(dim=-1).values


def images(function):
    """An op of [B,C,H,W] on [B,H,W,C]."""
    return lambda x, *rest: function(planes(x), *rest).permute(0, 2, 3, 1)


def main():
    cases = Cases()
    for name, function in FUNCTIONS.items():
        points = POSITIVE if name in ("log", "sqrt") else POINTS
        cases.add(name, function, points.reshape(2, 4, 7))
    x = cases.draw(2, 2, 3, 5)
    smaller = {"same": cases.draw(2, 2, 3, 5), "rows": cases.draw(5), "middle": cases.draw(2, 5), "all": cases.draw(1)}
    for name, b in smaller.items():
        spread = (lambda b: b[:, None, None, :]) if name == "middle" else (lambda b: b)
        cases.add(f"mul_{name}", lambda x, b: x * spread(b), x, b)
        cases.add(f"sub_{name}", lambda x, b: x - spread(b), x, b)
        cases.add(f"add_{name}", lambda x, b: x + spread(b), x, b)
    tied = cases.draw(2, 3, 2, 4, step=0.5)
    cases.add("sum_all", lambda x: x.sum().reshape(1), tied)
    cases.add("sum_02", lambda x: x.sum(dim=(0, 2)), tied)
    cases.add("mean_12", lambda x: x.mean(dim=(1, 2)), tied)
    cases.add("max_3", lambda x: x.max(dim=3).values, tied)
    cases.add("max_12", lambda x: largest(x, (1, 2)), tied)
    tied = cases.draw(2, 7, 6, 3, step=0.5)
    cases.add("max_pool_321", images(lambda x: F.max_pool2d(x, 3, 2, 1)), tied)
    cases.add("max_pool_220", images(lambda x: F.max_pool2d(x, 2, 2)), tied)
    cases.add("mean_pool_321", images(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)), tied)
    cases.add("mean_pool_220", images(lambda x: F.avg_pool2d(x, 2, 2)), tied)
    cases.add("transpose_421", images(lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1)), cases.draw(2, 3, 2, 3),
              cases.draw(3, 4, 4, 4), cases.draw(4))
    cases.add("transpose_310", images(lambda x, w, b: F.conv_transpose2d(x, w, b)), cases.draw(2, 3, 2, 3),
              cases.draw(3, 2, 3, 3), cases.draw(2))
    cases.add("transpose_220", images(lambda x, w: F.conv_transpose2d(x, w, stride=2)), cases.draw(1, 3, 2, 3),
              cases.draw(3, 2, 2, 2))
    write_safetensors(OUT, cases.tensors, {"slope": str(SLOPE), "low": str(LOW), "high": str(HIGH)})


if __name__ == "__main__":
    main()
