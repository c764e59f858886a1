# SPDX-License-Identifier: MIT
"""The U-Net of "Diffusion Models Beat GANs on Image Synthesis" (Dhariwal and Nichol 2021) in plain PyTorch: the oracle of
the architecture adm_unet. One function a layer kind, NCHW, any dtype (goldens are made in float64). Names and shapes of
the parameters are those of guided-diffusion's checkpoints; compare_guided_diffusion.py checks that the two agree.

A parameter comes into being when forward() first asks for it, so the forward pass alone says which there are.
"""
import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Config:
    """The options of adm_unet by their names there; attention_resolutions are sizes of feature maps."""
    image_size: int = 16
    in_channels: int = 3
    num_channels: int = 8
    num_res_blocks: int = 1
    channel_mult: tuple = (1, 2)
    attention_resolutions: tuple = (16, 8)
    num_heads: int = 2
    num_head_channels: int = -1
    norm_groups: int = 4
    num_classes: int = 5
    use_scale_shift_norm: bool = True
    resblock_updown: bool = True
    learn_sigma: bool = True
    class_cond: bool = True
    use_new_attention_order: bool = False
    embed_channels: int = -1
    dropout: float = 0.0
    small_size: int = 0
    self_cond: bool = False
    augment_dim: int = 0
    classifier_pool: str = ""
    conv_attention: bool = False
    magnitude_preserving: bool = False
    feedback: bool = False

    @property
    def out_channels(self):
        return self.in_channels * (2 if self.learn_sigma else 1)

    def spec(self):
        """adm_unet:image_size=16,in_channels=3,…; options below use_new_attention_order where they are not as above."""
        def text(value):
            if isinstance(value, bool):
                return str(value).lower()
            return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)
        names = [f.name for f in fields(self)]
        always = names[:names.index("use_new_attention_order") + 1]
        return "adm_unet:" + ",".join(f"{f.name}={text(getattr(self, f.name))}" for f in fields(self)
                                      if f.name in always or getattr(self, f.name) != f.default)


class Weights:
    """Parameters by name. Random ones are U(-a, a), a = sqrt(3 / fan_in), so that every layer matters, also those that
    training starts at zero; gains are U(0.7, 1.3). All can be written in f16 without loss."""

    def __init__(self, seed=0, tensors=None, dtype=torch.float64):
        self.tensors = {} if tensors is None else dict(tensors)
        self.fixed = tensors is not None
        self.dtype = dtype
        self.random = torch.Generator().manual_seed(seed)

    def ask(self, name, *shape, middle=0.0, width=None):
        if name not in self.tensors:
            if self.fixed:
                raise KeyError(f"no parameter '{name}'")
            width = math.sqrt(3.0 / max(1, math.prod(shape[1:]))) if width is None else width
            draw = torch.rand(shape, generator=self.random, dtype=torch.float64) * 2 - 1
            self.tensors[name] = (middle + width * draw).half().to(self.dtype).requires_grad_(True)
        tensor = self.tensors[name]
        if tuple(tensor.shape) != shape:
            raise ValueError(f"'{name}' is {tuple(tensor.shape)}, not {shape}")
        return tensor


class Unet:
    def __init__(self, config, weights, training=False):
        self.c = config
        self.w = weights
        self.training = training

    # ---- layers ----

    def bias(self, name, count):
        return self.w.ask(name + ".bias", count, width=0.3)

    def conv(self, name, x, out, kernel=3, stride=1):
        weight = self.w.ask(name + ".weight", out, x.shape[1], kernel, kernel)
        return F.conv2d(x, weight, self.bias(name, out), stride=stride, padding=kernel // 2)

    def linear(self, name, x, out):
        return F.linear(x, self.w.ask(name + ".weight", out, x.shape[1]), self.bias(name, out))

    def pointwise(self, name, x, out, rank=3):
        """x [B,C,T]; weight [out,C,1], of rank 4 [out,C,1,1]"""
        weight = self.w.ask(name + ".weight", out, x.shape[1], *[1] * (rank - 2))
        return F.conv1d(x, weight.flatten(2), self.bias(name, out))

    def norm(self, name, x):
        gain = self.w.ask(name + ".weight", x.shape[1], middle=1.0, width=0.3)
        return F.group_norm(x, self.c.norm_groups, gain, self.bias(name, x.shape[1]), eps=1e-5)

    # ---- blocks ----

    def residual(self, name, x, emb, out, resize=lambda x: x):
        h = resize(F.silu(self.norm(name + ".in_layers.0", x)))
        h = self.conv(name + ".in_layers.2", h, out)
        x = resize(x)
        if self.c.use_scale_shift_norm:
            scale, shift = self.linear(name + ".emb_layers.1", F.silu(emb), 2 * out)[:, :, None, None].chunk(2, dim=1)
            h = self.norm(name + ".out_layers.0", h) * (1 + scale) + shift
        else:
            h = self.norm(name + ".out_layers.0", h + self.linear(name + ".emb_layers.1", F.silu(emb), out)[:, :, None, None])
        h = self.conv(name + ".out_layers.3", F.dropout(F.silu(h), self.c.dropout, self.training), out)
        return h + (x if x.shape[1] == out else self.conv(name + ".skip_connection", x, out, kernel=1))

    def mix(self, qkv, new_order):
        """qkv [B,3C,T] -> [B,C,T]; its channels are (head, q|k|v, c) in the old order, (q|k|v, head, c) in the new one."""
        batch, channels, tokens = qkv.shape[0], qkv.shape[1] // 3, qkv.shape[2]
        per_head = self.c.num_head_channels
        heads = channels // per_head if per_head > 0 else self.c.num_heads
        axis, shape = (1, (3, heads)) if new_order else (2, (heads, 3))
        q, k, v = qkv.view(batch, *shape, channels // heads, tokens).unbind(axis)
        return self.attend(q, k, v).reshape(batch, channels, tokens)

    def attend(self, q, k, v):
        """each [B,N,c,T]"""
        weight = torch.softmax(q.transpose(2, 3) @ k / math.sqrt(q.shape[2]), dim=3)  # [B,N,T,T]
        return v @ weight.transpose(2, 3)

    def attention(self, name, x):
        rank = 4 if self.c.conv_attention else 3
        h = self.pointwise(name + ".qkv", self.norm(name + ".norm", x).flatten(2), 3 * x.shape[1], rank)
        h = self.mix(h, self.c.use_new_attention_order)
        return x + self.pointwise(name + ".proj_out", h, x.shape[1], rank).view_as(x)

    def attention_here(self, name, x):
        return self.attention(name, x) if x.shape[2] in self.c.attention_resolutions else x

    def down(self, name, x, emb):
        if self.c.resblock_updown:
            return self.residual(name, x, emb, x.shape[1], lambda x: F.avg_pool2d(x, 2))
        return self.conv(name + ".op", x, x.shape[1], stride=2)

    def up(self, name, x, emb):
        def double(x):
            return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if self.c.resblock_updown:
            return self.residual(name, x, emb, x.shape[1], double)
        return self.conv(name + ".conv", double(x), x.shape[1])

    # ---- whole ----

    def embedding(self, t, y, augment=None):
        """Cosines, then sines, of t 10000^(-i/n), i < n; then two linear layers; class and augmentation are added."""
        c = self.c
        channels = c.embed_channels if c.embed_channels > 0 else c.num_channels
        n = channels // 2
        angle = t[:, None].to(self.w.dtype) * torch.exp(-math.log(10000.0) * torch.arange(n, dtype=self.w.dtype) / n)
        emb = torch.cat([angle.cos(), angle.sin()], dim=1)
        emb = self.linear("time_embed.0", emb, 4 * channels)
        emb = self.linear("time_embed.2", F.silu(emb), 4 * channels)
        if c.augment_dim > 0:
            told = self.w.ask("augment_emb.weight", 4 * channels, c.augment_dim)
            emb = emb if augment is None else emb + augment @ told.T
        return emb + self.w.ask("label_emb.weight", c.num_classes, 4 * channels, width=1.0)[y] if c.class_cond else emb

    def classifier(self, maps):
        """Outputs of all blocks -> [B,num_classes], by guided-diffusion's option `pool`."""
        c, h = self.c, maps[-1]
        if c.classifier_pool in ("spatial", "spatial_v2"):
            h = self.linear("out.0", torch.cat([m.mean((2, 3)) for m in maps], dim=1), 2048)
            if c.classifier_pool == "spatial":
                return self.linear("out.2", F.relu(h), c.num_classes)
            return self.linear("out.3", F.silu(self.norm("out.1", h)), c.num_classes)
        h = F.silu(self.norm("out.0", h))
        if c.classifier_pool == "adaptive":
            return self.pointwise("out.3", h.mean((2, 3))[:, :, None], c.num_classes, 4)[:, :, 0]
        if c.classifier_pool != "attention":
            raise ValueError(f"no classifier_pool '{c.classifier_pool}'")
        h = torch.cat([h.mean((2, 3))[:, :, None], h.flatten(2)], dim=2)  # [B,C,T+1]
        h = h + self.w.ask("out.2.positional_embedding", *h.shape[1:], width=0.3)
        h = self.mix(self.pointwise("out.2.qkv_proj", h, 3 * h.shape[1]), True)
        return self.pointwise("out.2.c_proj", h, c.num_classes)[:, :, 0]

    def forward(self, x, t, y=None, low_res=None, self_cond=None, augment=None):
        """x [B,C,H,W], t [B], y [B], low_res like x, enlarged already -> [B,out_channels,H,W], of a classifier [B,num_classes]"""
        c = self.c
        emb = self.embedding(t, y, augment)
        if c.small_size > 0:
            x = torch.cat([x, low_res], dim=1)
        if c.self_cond:
            x = torch.cat([x, torch.zeros_like(x) if self_cond is None else self_cond], dim=1)
        maps = self.walk(x, emb)
        if c.classifier_pool:
            return self.classifier(maps)
        return self.conv("out.2", F.silu(self.norm("out.0", maps[-1])), c.out_channels)

    def again(self, x, t, y=None):
        """Outputs of all blocks in the second pass of a network with feedback."""
        emb = self.embedding(t, y)
        return self.walk(x, emb, self.walk(x, emb))

    def fed(self, block, h, first):
        """h of block `block` (1, 2, …) with what comes back to it from the first pass, whose outputs are `first`."""
        if first is None or 2 * block >= len(first) + 1:
            return h
        back = first[len(first) - block].detach()
        while back.shape[2] > h.shape[2]:
            back = F.avg_pool2d(back, 2)
        back = self.conv(f"feedback.{block}.conv", F.silu(self.norm(f"feedback.{block}.norm", back)), h.shape[1], kernel=1)
        while back.shape[2] < h.shape[2]:
            back = back.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        return h + back

    def walk(self, x, emb, first=None):
        """Outputs of all blocks; first: those of the pass before."""
        c = self.c
        widths = [m * c.num_channels for m in c.channel_mult]
        h = self.fed(1, self.conv("input_blocks.0.0", x, widths[0]), first)
        kept = [h]
        for level, width in enumerate(widths):
            for _ in range(c.num_res_blocks):
                name = f"input_blocks.{len(kept)}."
                h = self.attention_here(name + "1", self.residual(name + "0", h, emb, width))
                h = self.fed(len(kept) + 1, h, first)
                kept.append(h)
            if level + 1 < len(widths):
                h = self.fed(len(kept) + 1, self.down(f"input_blocks.{len(kept)}.0", h, emb), first)
                kept.append(h)
        h = self.residual("middle_block.0", h, emb, widths[-1])
        h = self.attention("middle_block.1", h)
        h = self.residual("middle_block.2", h, emb, widths[-1])
        maps = [*kept, h]
        if c.classifier_pool:
            return maps
        block = 0
        for level, width in reversed(list(enumerate(widths))):
            for i in range(c.num_res_blocks + 1):
                name = f"output_blocks.{block}."
                h = self.residual(name + "0", torch.cat([h, kept.pop()], dim=1), emb, width)
                h = self.attention_here(name + "1", h)
                if level > 0 and i == c.num_res_blocks:
                    h = self.up(name + ("2" if h.shape[2] in c.attention_resolutions else "1"), h, emb)
                maps.append(h)
                block += 1
        return maps
