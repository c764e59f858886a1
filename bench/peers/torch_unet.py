# SPDX-License-Identifier: MIT
"""PyTorch's side of the comparison: the network of tests/oracle/adm_unet.py with the weights of one of our model files,
with PyTorch's own functions where they are the faster way (nearest upsampling, fused attention), and taps: values of
blocks in the order in which we number them. Needs PyTorch and NumPy only."""
import json
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "oracle"))
from adm_unet import Config, Unet, Weights  # noqa: E402
from arch_options import read_options  # noqa: E402


def read_safetensors(path):
    """(tensors by name, metadata). Layout: u64 length of the header, header JSON, data."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
    metadata = header.pop("__metadata__", {})
    types = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I32": np.int32}
    tensors = {}
    for name, entry in header.items(): # read, not mapped: what is mapped would count as memory twice
        begin, end = entry["data_offsets"]
        dtype = np.dtype(types[entry["dtype"]])
        array = np.fromfile(path, dtype, (end - begin) // dtype.itemsize, offset=8 + size + begin).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array)
    return tensors, metadata


class Stop(Exception):
    """Carries a tap's value out of the network."""


class TimedUnet(Unet):
    """The layers that a forward pass calls itself ("outer" ones) are counted: the first pass notes after which one each
    block ends; later passes note the value there (`taps`), and end there if it is tap `stop_at`."""

    def __init__(self, config, weights, training=False):
        super().__init__(config, weights, training)
        self.wanted = ()     # taps to keep
        self.stop_at = None  # tap to stop at
        self.taps = {}
        self.ends = None     # tap of the outer layer, by its name
        self.blocks = {}     # tap of the block, by its name
        self.depth = 0
        self.trace = []

    def outer(self, run, name, *rest):
        self.depth += 1
        try:
            value = run(name, *rest)
        finally:
            self.depth -= 1
        if self.depth == 0:
            if self.ends is None:
                self.trace.append(name)
            else:
                tap = self.ends.get(name)
                if tap in self.wanted:
                    self.taps[tap] = value
                    if tap == self.stop_at:
                        raise Stop
        return value

    def conv(self, name, *rest, **named):
        return self.outer(lambda name, *rest: super(TimedUnet, self).conv(name, *rest, **named), name, *rest)

    def residual(self, name, *rest):
        return self.outer(super().residual, name, *rest)

    def attention(self, name, *rest):
        return self.outer(super().attention, name, *rest)

    def down(self, name, *rest):
        return self.outer(super().down, name, *rest)

    def up(self, name, *rest):
        return self.outer(self.fast_up, name, *rest)

    def fast_up(self, name, x, emb):
        def double(x):
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        if self.c.resblock_updown:
            return super().residual(name, x, emb, x.shape[1], double)
        return super().conv(name + ".conv", double(x), x.shape[1])

    def attend(self, q, k, v):
        if not hasattr(F, "scaled_dot_product_attention"):
            return super().attend(q, k, v)
        return F.scaled_dot_product_attention(q.transpose(2, 3), k.transpose(2, 3), v.transpose(2, 3)).transpose(2, 3)

    def find_ends(self, x, t, y, low_res=None):
        """Numbers the blocks by a pass over one image."""
        self.forward(x[:1], t[:1], *(None if v is None else v[:1] for v in (y, low_res)))
        last = {}
        for name in self.trace:
            block = name.split(".")
            last[".".join(block[:1] if block[0] == "middle_block" else block[:2])] = name
        self.blocks = {block: tap for tap, block in enumerate((b for b in last if not b.startswith("out.")), 1)}
        self.ends = {last[block]: tap for block, tap in self.blocks.items()}

    def up_to(self, tap, x, t, y, whole):
        """The value of a tap. whole: the rest is computed too, as by scripts that hook a layer."""
        self.wanted, self.stop_at = (tap,), None if whole else tap
        self.depth = 0
        try:
            self.forward(x, t, y)
        except Stop:
            pass
        self.wanted, self.stop_at = (), None
        return self.taps.pop(tap)


def load(path, table, memory_format=torch.contiguous_format, train=False):
    """The network of a model file, in f32. table: of the program's options (arch_options.py)."""
    tensors, metadata = read_safetensors(path)
    card = json.loads(metadata["duet.card"])
    config = Config(**read_options(card["arch"], card["config"], table, Config))
    for name, tensor in tensors.items():
        tensor = tensor.float()
        if tensor.dim() == 4:
            tensor = tensor.contiguous(memory_format=memory_format)
        tensors[name] = tensor.requires_grad_(train)
    return TimedUnet(config, Weights(tensors=tensors, dtype=torch.float32), train)
