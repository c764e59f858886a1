"""Losses and gradients of the tasks patchvae, gan, simclr and mae for tiny networks in float64: tests/golden/rivals.npz, which
tests/unit/train/test_rivals.c reads. PatchVAE's are those of the authors' own code (github.com/kampta/PatchVAE, model.py and loss.py),
which is not part of this project: PATCHVAE says where it lies. BigBiGAN's losses follow the paper, section 2; SimCLR and MAE theirs.
Run from the repository's root: PATCHVAE=… python tests/oracle/make_rival_goldens.py"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
out = {}
B, S, C = 4, 8, 1


class Lab:
    """Named weights that are drawn when they are first asked for, as duet names them."""

    def __init__(self, name, arch, seed):
        self.name, self.random, self.w, self.states = name, torch.Generator().manual_seed(seed), {}, {}
        out[f"{name}/arch"] = np.frombuffer(arch.encode(), np.uint8).astype(np.int32)

    def draw(self, *shape):
        return torch.randn(*shape, generator=self.random).float().double()

    def __call__(self, name, *shape, scale=None, state=False):
        table = self.states if state else self.w
        if name not in table:
            fan = int(np.prod(shape[1:])) if len(shape) > 1 else 1
            value = ((scale or 1.5 / np.sqrt(fan)) * self.draw(*shape)).float().double()
            if name.endswith((".weight", "running_var")) and len(shape) == 1:
                value = (1 + 0.2 * value).abs().float().double()
            table[name] = value if state else value.requires_grad_()
        return table[name]

    def given(self, **inputs):
        for key, value in inputs.items():
            value = value.detach().numpy()
            out[f"{self.name}/in/{key}"] = value.astype(np.int32 if value.dtype.kind == "i" else np.float32)

    def keep(self, program, loss, trained, scale=1.0):
        grads = torch.autograd.grad(loss, [self.w[k] for k in trained], allow_unused=True)
        out[f"{self.name}/{program}loss"] = np.asarray([float(loss) * scale], np.float32)
        for key, grad in zip(trained, grads):
            if grad is not None:
                out[f"{self.name}/{program}grad/{key}"] = (scale * grad).numpy().astype(np.float32)

    def begin(self):
        for table in (self.w, self.states):
            for key, value in table.items():
                out[f"{self.name}/before/{key}"] = value.detach().numpy().astype(np.float32)


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous()


def batch_norm(x, weight=None, bias=None):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=1e-5)


# ---- patchvae: the authors' code ----
def patchvae():
    sys.path.insert(0, os.environ["PATCHVAE"])
    import loss as authors_loss
    import model as authors
    parts, numbers, channels, temperature = 3, 2, 4, 0.7
    lab = Lab("patchvae", f"patchvae:image_size={S},in_channels={C},channels={channels},scale=4,parts={parts},appearance={numbers},features=pyramid", 1)
    net = authors.PatchyVAE((C, S, S), base_depth=channels, hidden_size=numbers, num_parts=parts, scale=4).double().train()
    names = {"features.input-conv": "encoder.pyramid0.conv", "features.pyramid-4-8-conv": "encoder.pyramid1.conv", "features.pyramid-8-batchnorm": "encoder.pyramid1.norm",
             "app_mu.0": "encoder.mean", "app_logvar.0": "encoder.log_var", "vis_mean_logit.0": "encoder.occurrence", "decoder.input-conv": "decoder.in",
             "decoder.input-batchnorm": "decoder.norm", "decoder.pyramid-8-4-conv": "decoder.1.conv", "decoder.pyramid-4-batchnorm": "decoder.1.norm",
             "decoder.ouput-conv": "decoder.out"}
    turned = {}
    for key, value in net.named_parameters():
        module, kind = key.rsplit(".", 1)
        name = f"{names[module]}.{kind}"
        turned[name] = module == "decoder.input-conv"  # a transposed 1x1 convolution there, a plain one here
        shape = tuple(value.shape)
        value.data = lab(name, *shape, scale=None).detach().clone()
        lab.w[name] = value
    x, eps = lab.draw(B, C, S, S).clamp(-1, 1), lab.draw(B, parts * numbers)
    u = torch.rand(B, parts, 2, 2, generator=lab.random)
    was = torch.rand, torch.randn_like
    torch.rand, torch.randn_like = (lambda *a, **k: u), (lambda like: eps)
    image, mean, var, q = net(x, temperature)
    torch.rand, torch.randn_like = was
    loss, _ = authors_loss.BetaVaeConcreteLoss(beta_a=1.0, beta_v=10.0, py=1 / parts)(image, x, mean, var, q)
    lab.given(x=nhwc(x), eps=eps, u=(u.log() - (1 - u).log()).permute(0, 2, 3, 1).reshape(B, -1), colder=torch.tensor([1 / temperature]))
    lab.begin()
    lab.keep("", loss, list(lab.w), 1 / (C * S * S))
    for when in ("before", "grad"):
        key = f"patchvae/{when}/decoder.in.weight"
        out[key] = np.ascontiguousarray(out[key].transpose(1, 0, 2, 3))
    for name, size in (("decoder.1.conv.bias", channels), ("decoder.out.bias", C)):  # theirs have none
        out[f"patchvae/before/{name}"] = np.zeros(size, np.float32)


# ---- gan: BigBiGAN ----
def bigbigan():
    base, latents, hidden, joint, levels = 4, 6, 5, 7, 2
    mult = (1, 2)
    lab = Lab("gan", f"bigbigan:image_size={S},in_channels={C},channels={base},channel_mult=1/2,latents={latents},hidden={hidden},joint={joint},depth=2", 2)

    def conv(name, x, to, kernel=3, stride=1, bias=True):
        w = lab(f"{name}.weight", to, x.shape[1], kernel, kernel)
        return F.conv2d(x, w, lab(f"{name}.bias", to) if bias else None, stride, kernel // 2)

    def linear(name, x, to):
        return F.linear(x, lab(f"{name}.weight", to, x.shape[1]), lab(f"{name}.bias", to))

    def norm(name, x):
        return batch_norm(x, lab(f"{name}.weight", x.shape[1]), lab(f"{name}.bias", x.shape[1]))

    def leaky(x):
        return F.leaky_relu(x, 0.3)

    def mlp_block(layer, name, x, to):
        return leaky(layer(f"{name}.1", leaky(layer(f"{name}.0", x, to)), to)) + leaky(layer(f"{name}.side", x, to))

    def encoder(x):
        x = F.relu(norm("encoder.norm", conv("encoder.stem", x, base, bias=False)))
        for i in range(levels):
            for k in range(2):
                at, to, stride = f"encoder.{i}.{k}", base * mult[i], 2 if i > 0 and k == 0 else 1
                side = x if stride == 1 and x.shape[1] == to else norm(f"{at}.norm_side", conv(f"{at}.side", x, to, 1, stride, bias=False))
                y = F.relu(norm(f"{at}.norm0", conv(f"{at}.conv0", x, to, 3, stride, bias=False)))
                x = F.relu(norm(f"{at}.norm1", conv(f"{at}.conv1", y, to, bias=False)) + side)
        x = mlp_block(linear, "encoder.mlp1", mlp_block(linear, "encoder.mlp0", x.mean((2, 3)), hidden), hidden)
        return linear("encoder.mean", x, latents), linear("encoder.log_var", x, latents).clamp(-8, 4)

    def conditional(name, x, chunk):
        scale, shift = linear(f"{name}.by", chunk, 2 * x.shape[1])[:, :, None, None].chunk(2, 1)
        return F.relu(norm(f"{name}.norm", x) * (1 + scale) + shift)

    def twice(x):
        return F.interpolate(x, scale_factor=2, mode="nearest")

    def generator(z):
        chunks = z.chunk(levels + 1, 1)
        side = S >> levels
        x = linear("generator.z", chunks[0], side * side * base * mult[-1]).reshape(B, side, side, -1).permute(0, 3, 1, 2)
        for i in reversed(range(levels)):
            at, to = f"generator.{i}", base * mult[i]
            chunk = chunks[levels - i]
            y = conv(f"{at}.conv0", twice(conditional(f"{at}.norm0", x, chunk)), to)
            x = conv(f"{at}.conv1", conditional(f"{at}.norm1", y, chunk), to) + conv(f"{at}.side", twice(x), to, 1)
        return torch.tanh(conv("generator.out", F.relu(norm("generator.norm", x)), C))

    made = {}

    def spectral(name, *shape):  # one power iteration a program, of which both passes take the vectors
        if name not in made:
            w = lab(f"{name}.weight_orig", *shape)
            flat = w.reshape(shape[0], -1)
            u = lab(f"{name}.weight_u", shape[0], state=True, scale=1.0)
            lab(f"{name}.weight_v", flat.shape[1], state=True, scale=1.0)
            with torch.no_grad():
                v = F.normalize(flat.T @ u, dim=0)
                u = F.normalize(flat @ v, dim=0)
            made[name] = w / (u @ flat @ v)
        return made[name]

    def sn_conv(name, x, to, kernel=3):
        return F.conv2d(x, spectral(name, to, x.shape[1], kernel, kernel), lab(f"{name}.bias", to), 1, kernel // 2)

    def sn_linear(name, x, to):
        return F.linear(x, spectral(name, to, x.shape[1]), lab(f"{name}.bias", to))

    def down(name, x, to, first, halve):
        name = f"discriminator.{name}"
        side = x if x.shape[1] == to else sn_conv(f"{name}.side", x, to, 1)
        x = sn_conv(f"{name}.conv1", F.relu(sn_conv(f"{name}.conv0", x if first else F.relu(x), to)), to) + side
        return F.avg_pool2d(x, 2) if halve else x

    def discriminator(x, z):
        for i in range(levels):
            x = down(f"F.{i}", x, base * mult[i], i == 0, True)
        f = F.relu(down("F.last", x, base * mult[-1], False, False)).sum((2, 3))
        h, d = z, "discriminator"
        for i in range(2):
            h = mlp_block(sn_linear, f"{d}.H.{i}", h, joint)
        j = torch.cat((f, h), 1)
        for i in range(2):
            j = mlp_block(sn_linear, f"{d}.J.{i}", j, joint)
        return torch.cat((sn_linear(f"{d}.score_x", f, 1), sn_linear(f"{d}.score_z", h, 1), sn_linear(f"{d}.score_xz", j, 1)), 1)

    x, z, eps = lab.draw(B, C, S, S).clamp(-1, 1), lab.draw(B, latents), lab.draw(B, latents)
    mean, log_var = encoder(x)
    code = mean + (log_var / 2).exp() * eps
    image = generator(z)
    real, fake = discriminator(x, code), discriminator(image, z)
    lab.begin()
    lab.given(x=nhwc(x), z=z, eps=eps)
    loss = (real - fake).sum(1).mean()
    lab.keep("1/", loss, [k for k in lab.w if not k.startswith("discriminator")])
    made.clear()
    real, fake = discriminator(x, code.detach()), discriminator(image.detach(), z)
    loss = (F.relu(1 - real) + F.relu(1 + fake)).sum(1).mean()
    lab.keep("0/", loss, [k for k in lab.w if k.startswith("discriminator")])


# ---- simclr ----
def simclr():
    lab = Lab("simclr", f"resnet:image_size={S},in_channels={C},small=true,classes=0,blocks=1/1,base=4", 3)
    views, temperature = lab.draw(2 * B, C, S, S).clamp(-1, 1), 0.5

    def conv(name, norm, x, to, stride=1):
        x = F.conv2d(x, lab(f"{name}.weight", to, x.shape[1], 3, 3), None, stride, 1)
        return batch_norm(x, lab(f"{norm}.weight", to), lab(f"{norm}.bias", to))

    x = F.relu(conv("conv1", "bn1", views, 4))
    for stage, to in enumerate((4, 8)):
        at, stride = f"layer{stage + 1}.0", 2 if stage else 1
        side = x if stride == 1 else F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        y = F.relu(conv(f"{at}.conv1", f"{at}.bn1", x, to, stride))
        x = F.relu(conv(f"{at}.conv2", f"{at}.bn2", y, to) + side)
    p = x.mean((2, 3))
    p = F.relu(F.linear(p, lab("projection/0.weight", 8, 8), lab("projection/0.bias", 8)))
    z = F.normalize(F.linear(p, lab("projection/1.weight", 6, 8), lab("projection/1.bias", 6)), dim=1)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(2 * B, dtype=torch.bool), float("-inf"))
    partner = (torch.arange(2 * B) + B) % (2 * B)
    lab.begin()
    lab.given(x=nhwc(views), partner=partner, apart=-1e9 * torch.eye(2 * B))
    lab.keep("", F.cross_entropy(logits, partner), list(lab.w))


# ---- mae ----
def mae():
    patch, width, depth, heads, small, kept = 2, 8, 2, 2, 4, 4
    lab = Lab("mae", f"mae:image_size={S},in_channels={C},patch={patch},width={width},depth={depth},heads={heads},decoder_width={small},decoder_depth=1,hidden=0.75", 4)
    side, T = S // patch, (S // patch) ** 2
    x = lab.draw(B, C, S, S).clamp(-1, 1)

    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], lab(f"{name}.weight", x.shape[-1]), lab(f"{name}.bias", x.shape[-1]), 1e-6)

    def linear(name, x, to):
        return F.linear(x, lab(f"{name}.weight", to, x.shape[-1]), lab(f"{name}.bias", to))

    def block(name, x):
        n, t, c = x.shape
        q, k, v = linear(f"{name}.attn.qkv", norm(f"{name}.norm1", x), 3 * c).reshape(n, t, 3, heads, c // heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c)
        x = x + linear(f"{name}.attn.proj", y, c)
        return x + linear(f"{name}.mlp.fc2", F.gelu(linear(f"{name}.mlp.fc1", norm(f"{name}.norm2", x), 4 * c)), c)

    def patches(x):
        return x.reshape(B, C, side, patch, side, patch).permute(0, 2, 4, 3, 5, 1).reshape(B, T, -1)

    order = torch.stack([torch.randperm(T, generator=lab.random) for _ in range(B)])
    keep, hidden = order[:, :kept], order[:, kept:]
    y = F.conv2d(x, lab("encoder.patch_embed.proj.weight", width, C, patch, patch), lab("encoder.patch_embed.proj.bias", width), patch)
    y = y.flatten(2).transpose(1, 2) + lab("encoder.pos_embed", 1, T, width)
    y = torch.gather(y, 1, keep[:, :, None].expand(-1, -1, width))
    for i in range(depth):
        y = block(f"encoder.blocks.{i}", y)
    y = linear("restorer.embed", norm("encoder.norm", y), small)
    full = lab("restorer.mask_token", 1, 1, small).expand(B, T, -1).scatter(1, keep[:, :, None].expand(-1, -1, small), y)
    full = block("restorer.blocks.0", full + lab("restorer.pos_embed", 1, T, small))
    restored = linear("restorer.pixels", norm("restorer.norm", full), patch * patch * C)
    target = F.layer_norm(patches(x), (patch * patch * C,), eps=1e-6)
    each = (restored - target).square().mean(2)
    loss = torch.gather(each, 1, hidden).mean()
    kept_rows = (torch.arange(B)[:, None] * T + keep).reshape(-1)
    places, weight = torch.full((B * T,), B * kept), torch.full((B * T,), T / (T - kept))
    places[kept_rows], weight[kept_rows] = torch.arange(B * kept), 0.0
    lab.begin()
    lab.given(x=nhwc(x), kept=kept_rows, places=places, weight=weight)
    lab.keep("", loss, list(lab.w))


for make in (patchvae, bigbigan, simclr, mae):
    make()
np.savez_compressed("tests/golden/rivals.npz", **out)
print({k: float(v[0]) for k, v in out.items() if k.endswith("loss")})
