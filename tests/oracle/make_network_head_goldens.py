#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/network_heads.npz: heads that are networks in plain PyTorch, float64: logits of rows and the gradient of their
cross-entropy by every tensor, read by tests/unit/head/test_network_heads.c. Run from the repository's root; the seeds are fixed."""
import numpy as np
import torch
import torch.nn.functional as F

MAPS = [(5, 7, 3, 8), (5, 10, 2, 12), (15, 7, 3, 8)]  # t, tap, side, channels
ROWS, CLASSES, WIDTH, HEADS, RATIO, BLOCKS, HIDDEN = 6, 5, 8, 2, 2, 2, 7
DIM = sum(s * s * c for _, _, s, c in MAPS)


class Weights:
    """Tensors by name, drawn when they are first asked for."""

    def __init__(self, seed):
        self.rng, self.all = np.random.default_rng(seed), {}

    def __call__(self, name, *shape, around=0.0, least=None):
        if name not in self.all:
            value = around + 0.3 * self.rng.standard_normal(shape)
            value = value if least is None else np.maximum(np.abs(value), least)
            self.all[name] = torch.tensor(value.astype(np.float32).astype(np.float64), requires_grad=least is None and "mean" not in name)
        return self.all[name]


def linear(w, name, x, out):
    return F.linear(x, w(f"{name}.weight", out, x.shape[-1]), w(f"{name}.bias", out))


def layer_norm(w, name, x, shape):
    return F.layer_norm(x, shape, w(f"{name}.weight", *shape, around=1.0), w(f"{name}.bias", *shape), 1e-5)


def batch_norm(w, name, x, training):
    c = x.shape[-1]
    mean, var = w(f"{name}.running_mean", c), w(f"{name}.running_var", c, around=1.0, least=0.2)
    y = F.batch_norm(x.reshape(-1, c), mean.clone(), var.clone(), w(f"{name}.weight", c, around=1.0), w(f"{name}.bias", c), training, 0.1, 1e-5)
    return y.reshape(x.shape)


def take(x):
    """The maps of rows, [B,side,side,C] each."""
    at = 0
    for _, _, s, c in MAPS:
        yield x[:, at:at + s * s * c].reshape(len(x), s, s, c)
        at += s * s * c


def tokens(w, i, x, kind, positions, training):
    first = next(k for k in range(i + 1) if MAPS[k][1:] == MAPS[i][1:])
    name, s = f"map{first}", MAPS[i][2]
    if kind == "layer":
        x = layer_norm(w, f"{name}.norm", x, x.shape[1:])
    if kind == "batch":
        x = batch_norm(w, f"{name}.norm", x, training)
    x = linear(w, f"{name}.proj", x, WIDTH).reshape(len(x), s * s, WIDTH)
    return x + w(f"{name}.position", s * s * WIDTH).reshape(s * s, WIDTH) if positions else x


def read(w, x):
    x = torch.cat([w("class", WIDTH).expand(len(x), 1, WIDTH), x], 1)
    for k in range(BLOCKS):
        h = linear(w, f"block{k}.qkv", layer_norm(w, f"block{k}.norm1", x, (WIDTH,)), 3 * WIDTH)
        q, key, v = (t.reshape(*t.shape[:2], HEADS, -1).transpose(1, 2) for t in h.chunk(3, -1))
        h = (torch.softmax(q @ key.transpose(-1, -2) / (WIDTH / HEADS) ** 0.5, -1) @ v).transpose(1, 2).reshape(x.shape)
        x = x + linear(w, f"block{k}.proj", h, WIDTH)
        h = F.gelu(linear(w, f"block{k}.fc1", layer_norm(w, f"block{k}.norm2", x, (WIDTH,)), RATIO * WIDTH))
        x = x + linear(w, f"block{k}.fc2", h, WIDTH)
    return layer_norm(w, "norm", x[:, 0], (WIDTH,))


def attention(w, x, training, kind="linear", positions=True):
    x = torch.cat([tokens(w, i, m, kind, positions, training) for i, m in enumerate(take(x))], 1)
    return linear(w, "out", read(w, x), CLASSES)


def fusion(w, x, training, kind="layer", positions=False):
    made = [tokens(w, i, m, kind, positions, training) for i, m in enumerate(take(x))]
    levels = list(dict.fromkeys(t for t, *_ in MAPS))
    found = [read(w, torch.cat([made[i] for i in range(len(MAPS)) if MAPS[i][0] == t], 1)) for t in levels]
    return linear(w, "out", torch.cat(found, 1), CLASSES)


def cnn(w, x, training):
    found = []
    for i, m in enumerate(take(x)):
        m = m.permute(0, 3, 1, 2)
        for k in (1, 2):
            m = F.conv2d(m, w(f"map{i}.conv{k}.weight", WIDTH, m.shape[1], 3, 3), w(f"map{i}.conv{k}.bias", WIDTH), padding=1)
            m = F.silu(F.group_norm(m, 1, w(f"map{i}.norm{k}.weight", WIDTH, around=1.0), w(f"map{i}.norm{k}.bias", WIDTH), 1e-5))
        found.append(m.mean((2, 3)))
    return linear(w, "out", torch.cat(found, 1), CLASSES)


def mlp(w, x, training):
    return linear(w, "out", F.silu(linear(w, "hidden", x, HIDDEN)), CLASSES)


CASES = {"mlp": mlp, "cnn": cnn, "attention": attention, "fusion": fusion,
         "batch": lambda w, x, training: attention(w, x, training, "batch")}


def main():
    rng = np.random.default_rng(5)
    x = torch.tensor(rng.standard_normal((ROWS, DIM)).astype(np.float32).astype(np.float64))
    y = torch.tensor(rng.integers(0, CLASSES, ROWS))
    out = {"x": x.numpy().astype(np.float32), "y": y.numpy().astype(np.int32)}
    for seed, (name, head) in enumerate(CASES.items()):
        w = Weights(seed)
        out[f"{name}.logits"] = head(w, x, False).detach().numpy()
        loss = F.cross_entropy(head(w, x, True), y, label_smoothing=0.1)
        loss.backward()
        out[f"{name}.loss"] = np.array([loss.item()])
        for tensor, value in w.all.items():
            out[f"{name}.w.{tensor}"] = value.detach().numpy().astype(np.float32)
            if value.requires_grad:
                out[f"{name}.g.{tensor}"] = value.grad.numpy().astype(np.float32)
    np.savez_compressed("tests/golden/network_heads.npz", **out)


if __name__ == "__main__":
    main()
