# SPDX-License-Identifier: MIT
"""adm_unet with magnitude_preserving=true in plain PyTorch: the layers of Karras et al. (2024), "Analyzing and improving the training
dynamics of diffusion models", appendix B, on the blocks and names of adm_unet.py."""
import math

import torch
import torch.nn.functional as F

from adm_unet import Unet

BLEND, EPS = 0.3, 1e-4


def unit(x, dims):
    """Root mean square 1 over these axes."""
    return x / (EPS + x.square().mean(dims, keepdim=True).sqrt())


def silu(x):
    return F.silu(x) / 0.596


def total(a, b, t=BLEND):
    return ((1 - t) * a + t * b) / math.sqrt((1 - t) ** 2 + t ** 2)


def joined(a, b, t=0.5):
    n, m = a.shape[1], b.shape[1]
    by = math.sqrt((n + m) / ((1 - t) ** 2 + t ** 2))
    return torch.cat([by * (1 - t) / math.sqrt(n) * a, by * t / math.sqrt(m) * b], dim=1)


class PreservingUnet(Unet):
    def weight(self, name, *shape):
        w = self.w.ask(name + ".weight", *shape, width=1.5)
        return unit(w, tuple(range(1, w.dim()))) / math.sqrt(w[0].numel())

    def conv(self, name, x, out, kernel=3):
        return F.conv2d(x, self.weight(name, out, x.shape[1], kernel, kernel), padding=kernel // 2)

    def linear(self, name, x, out):
        return F.linear(x, self.weight(name, out, x.shape[1]))

    def gain(self, name):
        return self.w.ask(name, 1, middle=0.5, width=0.3)

    def residual(self, name, x, emb, out, resize=lambda x: x, encoder=None):
        encoder = not name.startswith("output_blocks") if encoder is None else encoder
        x = resize(x)
        if encoder:
            x = unit(x if x.shape[1] == out else self.conv(name + ".skip_connection", x, out, 1), 1)
        h = self.conv(name + ".in_layers.2", silu(x), out)
        h = silu(h * (1 + self.gain(name + ".emb_gain") * self.linear(name + ".emb_layers.1", emb, out))[:, :, None, None])
        h = self.conv(name + ".out_layers.3", h, out)
        if not encoder and x.shape[1] != out:
            x = self.conv(name + ".skip_connection", x, out, 1)
        return total(x, h)

    def attend(self, q, k, v):
        return super().attend(*(unit(x, 2) for x in (q, k, v)))

    def attention(self, name, x):
        batch, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        h = self.mix(self.linear(name + ".qkv", tokens.flatten(0, 1), 3 * channels).view(batch, height * width, -1).transpose(1, 2),
                     self.c.use_new_attention_order)
        h = self.linear(name + ".proj_out", h.transpose(1, 2).flatten(0, 1), channels).view(batch, height * width, channels)
        return total(x, h.transpose(1, 2).reshape(x.shape))

    def down(self, name, x, emb):
        return self.residual(name, x, emb, x.shape[1], lambda x: F.avg_pool2d(x, 2))

    def up(self, name, x, emb):
        return self.residual(name, x, emb, x.shape[1], lambda x: x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))

    def embedding(self, t, y):
        c = self.c
        n = c.num_channels // 2
        angle = t[:, None].to(self.w.dtype) * torch.exp(-math.log(10000.0) * torch.arange(n, dtype=self.w.dtype) / n)
        emb = self.linear("time_embed.0", math.sqrt(2) * torch.cat([angle.cos(), angle.sin()], dim=1), 4 * c.num_channels)
        if c.class_cond:
            table = self.w.ask("label_emb.weight", c.num_classes, 4 * c.num_channels, width=1.5)
            emb = total(emb, unit(table[y], 1), 0.5)
        return silu(emb)

    def forward(self, x, t, y=None, low_res=None):
        c = self.c
        emb = self.embedding(t, y)
        widths = [m * c.num_channels for m in c.channel_mult]
        h = self.conv("input_blocks.0.0", torch.cat([x, torch.ones_like(x[:, :1])], dim=1), widths[0])
        kept = [h]
        for level, width in enumerate(widths):
            for _ in range(c.num_res_blocks):
                name = f"input_blocks.{len(kept)}."
                h = self.attention_here(name + "1", self.residual(name + "0", h, emb, width))
                kept.append(h)
            if level + 1 < len(widths):
                h = self.down(f"input_blocks.{len(kept)}.0", h, emb)
                kept.append(h)
        h = self.residual("middle_block.0", h, emb, widths[-1], encoder=False)
        h = self.attention("middle_block.1", h)
        h = self.residual("middle_block.2", h, emb, widths[-1], encoder=False)
        block = 0
        for level, width in reversed(list(enumerate(widths))):
            for i in range(c.num_res_blocks + 1):
                name = f"output_blocks.{block}."
                h = self.residual(name + "0", joined(h, kept.pop()), emb, width)
                h = self.attention_here(name + "1", h)
                if level > 0 and i == c.num_res_blocks:
                    h = self.up(name + ("2" if h.shape[2] in c.attention_resolutions else "1"), h, emb)
                block += 1
        return self.gain("out.gain") * self.conv("out.2", h, c.out_channels)
