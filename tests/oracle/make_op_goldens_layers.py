#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goldens of layers' ops, computed by PyTorch in float64; run from the repository's root.

tests/golden/ops_layers.safetensors, f32 (labels i32):
<case>/<input>    inputs, drawn in f32
<case>/out        the result, or the loss of a loss; <case>/per_sample of losses
<case>/cotangent  of results: the gradients are those of sum(out * cotangent)
<case>/d/<input>  gradients
bn/…, sn/…        three runs in a row: x<k>, out<k>, states before (0) and after run k; the gradients of each
"""
import json
import struct

import torch
import torch.nn.functional as F

OUT = "tests/golden/ops_layers.safetensors"
random = torch.Generator().manual_seed(31)
tensors = {}


def draw(*shape, scale=1.0):
    """Normal, exact in f32."""
    return (scale * torch.randn(shape, generator=random, dtype=torch.float32)).double()


def case(name, inputs, f, loss=False, fixed=()):
    """f(**inputs) -> result, or (loss, per_sample); `fixed` inputs have no gradient."""
    for key, x in inputs.items():
        tensors[f"{name}/{key}"] = x
        if x.dtype == torch.float64 and key not in fixed:
            x.requires_grad_(True)
    out = f(**inputs)
    if loss:
        out, tensors[f"{name}/per_sample"] = out
        out.backward()
        out = out.reshape(1)
    else:
        tensors[f"{name}/cotangent"] = draw(*out.shape)
        (out * tensors[f"{name}/cotangent"]).sum().backward()
    tensors[f"{name}/out"] = out
    for key, x in inputs.items():
        if x.requires_grad:
            tensors[f"{name}/d/{key}"] = x.grad


def cross_entropy(smoothing):
    def f(logits, targets):
        if targets.dtype == torch.int32:
            targets = targets.long()
            each = F.cross_entropy(logits, targets, reduction="none", ignore_index=-1, label_smoothing=smoothing)
            return F.cross_entropy(logits, targets, ignore_index=-1, label_smoothing=smoothing), each
        each = F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
        return F.cross_entropy(logits, targets, label_smoothing=smoothing), each
    return f


def attention(heads):
    def f(q, k, v):
        split = lambda x: x.unflatten(2, (heads, -1)).transpose(1, 2)
        return F.scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).flatten(2)
    return f


def matmul(ta, tb):
    return lambda a, b: (a.transpose(-1, -2) if ta else a) @ (b.transpose(-1, -2) if tb else b)


def batch_norm(rounds=3):
    norm = torch.nn.BatchNorm2d(5, eps=1e-5, momentum=0.1, dtype=torch.float64)
    with torch.no_grad():
        norm.weight.copy_(draw(5))
        norm.bias.copy_(draw(5))
        norm.running_mean.copy_(draw(5))
    tensors["bn/weight"], tensors["bn/bias"] = norm.weight, norm.bias
    tensors["bn/running_mean0"], tensors["bn/running_var0"] = norm.running_mean.clone(), norm.running_var.clone()
    for k in range(1, rounds + 1):
        x, c = (draw(2, 3, 4, 5) + 3 * k).float().double().requires_grad_(True), draw(2, 3, 4, 5)
        tensors[f"bn/x{k}"], tensors[f"bn/cotangent{k}"] = x, c
        norm.zero_grad()
        out = norm(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        (out * c).sum().backward()
        tensors[f"bn/out{k}"], tensors[f"bn/d/x{k}"] = out, x.grad
        tensors[f"bn/d/weight{k}"], tensors[f"bn/d/bias{k}"] = norm.weight.grad.clone(), norm.bias.grad.clone()
        tensors[f"bn/running_mean{k}"] = norm.running_mean.clone()
        tensors[f"bn/running_var{k}"] = norm.running_var.clone()
    norm.eval()
    tensors["bn/stored"] = norm(tensors[f"bn/x{rounds}"].permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def spectral_norm(rounds=3):
    layer = torch.nn.utils.spectral_norm(torch.nn.Conv2d(3, 6, 2, bias=False, dtype=torch.float64))
    with torch.no_grad():
        layer.weight_orig.copy_(draw(6, 3, 2, 2))
        layer.weight_u.copy_(draw(6).float().double())
        layer.weight_v.copy_(draw(12).float().double())
    tensors["sn/weight_orig"] = layer.weight_orig
    tensors["sn/weight_u0"], tensors["sn/weight_v0"] = layer.weight_u.clone(), layer.weight_v.clone()
    for k in range(1, rounds + 1):
        c = draw(6, 3, 2, 2)
        tensors[f"sn/cotangent{k}"] = c
        layer.zero_grad()
        layer(torch.zeros(1, 3, 2, 2, dtype=torch.float64))  # one power iteration
        (layer.weight * c).sum().backward()
        tensors[f"sn/out{k}"], tensors[f"sn/d/weight_orig{k}"] = layer.weight, layer.weight_orig.grad.clone()
        tensors[f"sn/weight_u{k}"], tensors[f"sn/weight_v{k}"] = layer.weight_u.clone(), layer.weight_v.clone()


def write_safetensors(path):
    header, data = {}, b""
    for name, tensor in tensors.items():
        tensor = tensor.detach()
        tensor = tensor if tensor.dtype == torch.int32 else tensor.float()
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": "I32" if tensor.dtype == torch.int32 else "F32", "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


case("softmax", {"x": draw(3, 2, 7, scale=3)}, lambda x: F.softmax(x, -1))
case("log_softmax", {"x": draw(3, 2, 7, scale=3)}, lambda x: F.log_softmax(x, -1))
labels = torch.tensor([2, -1, 0, 4, 1, -1], dtype=torch.int32)
case("cross_entropy", {"logits": draw(6, 5, scale=2), "targets": labels}, cross_entropy(0.0), loss=True)
case("cross_entropy_smooth", {"logits": draw(6, 5, scale=2), "targets": labels}, cross_entropy(0.1), loss=True)
case("soft_cross_entropy", {"logits": draw(4, 5, scale=2), "targets": draw(4, 5).softmax(1).float().double()},
     cross_entropy(0.0), loss=True)
case("soft_cross_entropy_smooth", {"logits": draw(4, 5, scale=2), "targets": draw(4, 5).softmax(1).float().double()},
     cross_entropy(0.2), loss=True)
case("layer_norm", {"x": draw(2, 3, 8), "gamma": draw(8), "beta": draw(8)},
     lambda x, gamma, beta: F.layer_norm(x, (8,), gamma, beta, 1e-5))
case("layer_norm_all", {"x": draw(2, 3, 2, 4), "gamma": draw(3, 2, 4), "beta": draw(3, 2, 4)},
     lambda x, gamma, beta: F.layer_norm(x, (3, 2, 4), gamma, beta, 1e-5))
case("layer_norm_plain", {"x": draw(2, 3, 8)}, lambda x: F.layer_norm(x, (8,), None, None, 1e-6))
for ta in (False, True):
    for tb in (False, True):
        case(f"matmul{int(ta)}{int(tb)}", {"a": draw(2, 5, 3) if ta else draw(2, 3, 5),
                                           "b": draw(2, 4, 5) if tb else draw(2, 5, 4)}, matmul(ta, tb))
case("matmul_plain", {"a": draw(3, 5), "b": draw(5, 4)}, matmul(False, False))
case("attention1", {"q": draw(2, 3, 6), "k": draw(2, 4, 6), "v": draw(2, 4, 8)}, attention(1))
case("attention2", {"q": draw(2, 3, 6), "k": draw(2, 4, 6), "v": draw(2, 4, 8)}, attention(2))
index = torch.tensor([3, 0, 3, 3, 1], dtype=torch.int32)
case("gather_rows", {"table": draw(4, 3), "index": index}, lambda table, index: table[index.long()])
batch_norm()
spectral_norm()
write_safetensors(OUT)
