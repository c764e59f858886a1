#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes torch_zip.pt, torch_legacy.pt and torch_values.safetensors: the same tensors in both formats of torch.save, and dense.
Needs PyTorch and safetensors.

  python3 tests/golden/make_torch_goldens.py
"""
import collections
import os

import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(1)
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7

weights = collections.OrderedDict()
weights["module.conv.weight"] = torch.randn(4, 3, 3, 3)
weights["module.conv.bias"] = torch.randn(4)
weights["module.turned"] = base.permute(2, 0, 1)         # strided
weights["module.view"] = base[1, 1:, ::2]                # strided, offset, storage shared with the one above
weights["module.whole"] = base
weights["module.expanded"] = torch.tensor([3.5]).expand(2, 5)  # stride 0
weights["module.scalar"] = torch.tensor(-2.25)
weights["module.empty"] = torch.zeros(3, 0, 2)
weights["module.parameter"] = torch.nn.Parameter(torch.randn(2, 2))
for name, dtype in (("half", torch.float16), ("bfloat", torch.bfloat16), ("double", torch.float64)):
    weights["module." + name] = torch.randn(5).to(dtype)
for name, dtype in (("long", torch.int64), ("int", torch.int32), ("char", torch.int8), ("byte", torch.uint8), ("bool", torch.bool)):
    weights["module." + name] = torch.arange(6).remainder(2 if name == "bool" else 6).to(dtype)
weights._metadata = collections.OrderedDict([("", {"version": 1})])
file = {"state_dict": weights, "epoch": 12, "best": 91.78, "name": "grüße", "flag": True, "nothing": None, "sizes": torch.Size([2, 3]),
        "list": [torch.ones(2), {"deep": torch.zeros(1, 1)}], 7: torch.full((2,), 7.0)}

torch.save(file, os.path.join(HERE, "torch_zip.pt"))
torch.save(file, os.path.join(HERE, "torch_legacy.pt"), _use_new_zipfile_serialization=False)
dense = {"state_dict." + name: value.detach().clone().contiguous() for name, value in weights.items()}
dense.update({"list.0": torch.ones(2), "list.1.deep": torch.zeros(1, 1), "7": torch.full((2,), 7.0)})
save_file(dense, os.path.join(HERE, "torch_values.safetensors"))
