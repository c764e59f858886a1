"""Little trainings in float64, ten steps each: tests/golden/programs.npz, which tests/unit/optim/test_program.c reads.
gan          two networks on points of the plane, least squares (Mao et al. 2017); the discriminator has spectral norm (one power
             iteration a step) and batch norm, whose running statistics see the real and the fake batch one after the other
vae          encoder and decoder, evidence lower bound
contrastive  two views of each row through one network, NT-Xent (Chen et al. 2020)
Run: python tests/oracle/make_program_goldens.py"""
import os

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
ROWS, HIDDEN, STEPS, NOISE, WIDTH, LATENT = 8, 6, 10, 3, 4, 2
out = {}


def rounded(*shape):  # what the test starts from, to the bit
    return torch.randn(*shape).float().double()


def weights(**shapes):
    return {name: (0.5 * rounded(*shape)).requires_grad_() for name, shape in shapes.items()}


def optimiser(params, rate):  # weight decay on matrices only
    groups = [{"params": [p for p in params if p.dim() >= 2], "weight_decay": 0.1},
              {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.5, 0.9), eps=1e-8)


def keep(lab, when, part, tensors):
    for name, value in tensors.items():
        out[f"{lab}/{when}/{part}/{name.replace('__', '.')}"] = value.detach().numpy().astype(np.float32)


def mlp(x, p, a="0", b="2"):
    return F.linear(F.silu(F.linear(x, p[f"{a}__weight"], p[f"{a}__bias"])), p[f"{b}__weight"], p[f"{b}__bias"])


def dense(name, inputs, outputs):
    return {f"{name}__weight": (outputs, inputs), f"{name}__bias": (outputs,)}


# ---- gan ----
g = weights(**dense("0", NOISE, HIDDEN), **{"2__weight": (2, HIDDEN)}) # batch norm behind it: a bias would have no gradient
d = weights(**{"0__weight_orig": (HIDDEN, 2), "1__weight": (HIDDEN,), "1__bias": (HIDDEN,)},
            **dense("2", HIDDEN, 1))
state = {"0__weight_u": rounded(HIDDEN), "0__weight_v": rounded(2), "1__running_mean": 0.1 * rounded(HIDDEN),
         "1__running_var": 1.0 + rounded(HIDDEN).abs()}
state = {k: v.float().double() for k, v in state.items()}


def generator(z):
    return F.silu(F.linear(z, g["0__weight"], g["0__bias"])) @ g["2__weight"].T


def discriminator(x, update):
    w = d["0__weight_orig"]
    h = F.linear(x, w / (state["0__weight_u"] @ w @ state["0__weight_v"])) # no bias: its gradient would be 0
    mean, var = h.mean(0), h.var(0, unbiased=False)
    if update:
        state["1__running_mean"] = 0.9 * state["1__running_mean"] + 0.1 * mean.detach()
        state["1__running_var"] = 0.9 * state["1__running_var"] + 0.1 * h.detach().var(0, unbiased=True)
    h = (h - mean) / torch.sqrt(var + 1e-5) * d["1__weight"] + d["1__bias"]
    return F.linear(F.silu(h), d["2__weight"], d["2__bias"])


keep("gan", "before", "generator", g)
keep("gan", "before", "discriminator", {**d, **state})
g_optim, d_optim = optimiser(list(g.values()), 0.01), optimiser(list(d.values()), 0.03)
real, noise, losses = rounded(STEPS, ROWS, 2) + 1.0, rounded(STEPS, 2, ROWS, NOISE), []
for k in range(STEPS):
    with torch.no_grad():  # one power iteration a step
        w = d["0__weight_orig"]
        v = F.normalize(w.T @ state["0__weight_u"], dim=0)
        state["0__weight_u"], state["0__weight_v"] = F.normalize(w @ v, dim=0), v
    d_loss = ((discriminator(real[k], True) - 1) ** 2).mean() + (discriminator(generator(noise[k, 0]).detach(), True) ** 2).mean()
    d_optim.zero_grad()
    d_loss.backward()
    torch.nn.utils.clip_grad_norm_(list(d.values()), 0.5)
    d_optim.step()
    g_loss = ((discriminator(generator(noise[k, 1]), False) - 1) ** 2).mean()
    g_optim.zero_grad()
    g_loss.backward()
    g_optim.step()
    losses.append([d_loss.item(), g_loss.item()])
keep("gan", "after", "generator", g)
keep("gan", "after", "discriminator", {**d, **state})
out["gan/real"], out["gan/noise"], out["gan/losses"] = (np.asarray(a, np.float32) for a in (real.detach(), noise, losses))


def train(lab, parts, inputs, loss_of, rate):
    """Every step has inputs of its own, inputs[name][k]."""
    for part, p in parts.items():
        keep(lab, "before", part, p)
    optim, losses = optimiser([q for p in parts.values() for q in p.values()], rate), []
    for k in range(STEPS):
        loss = loss_of(parts, {name: a[k] for name, a in inputs.items()})
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    for part, p in parts.items():
        keep(lab, "after", part, p)
    for name, a in inputs.items():
        out[f"{lab}/{name}"] = a.numpy().astype(np.float32)
    out[f"{lab}/losses"] = np.asarray(losses, np.float32)


# ---- vae ----
def evidence(parts, x):
    e, dec = parts["encoder"], parts["decoder"]
    h = F.silu(F.linear(x["x"], e["0__weight"], e["0__bias"]))
    mean, log_var = F.linear(h, e["mean__weight"], e["mean__bias"]), F.linear(h, e["log_var__weight"], e["log_var__bias"])
    y = mlp(mean + torch.exp(0.5 * log_var) * x["noise"], dec)
    kl = -0.5 * (1 + log_var - mean ** 2 - torch.exp(log_var)).mean()
    return ((y - x["x"]) ** 2).mean() + 0.1 * kl


train("vae", {"encoder": weights(**dense("0", WIDTH, HIDDEN), **dense("mean", HIDDEN, LATENT), **dense("log_var", HIDDEN, LATENT)),
              "decoder": weights(**dense("0", LATENT, HIDDEN), **dense("2", HIDDEN, WIDTH))},
      {"x": rounded(STEPS, ROWS, WIDTH), "noise": rounded(STEPS, ROWS, LATENT)}, evidence, 0.02)


# ---- contrastive ----
def agreement(parts, x):
    a, b = (F.normalize(mlp(x[name], parts["encoder"]), dim=1) for name in ("first", "second"))
    labels = torch.arange(ROWS)
    return F.cross_entropy(a @ b.T / 0.2, labels) + F.cross_entropy(b @ a.T / 0.2, labels)


train("contrastive", {"encoder": weights(**dense("0", WIDTH, HIDDEN), **dense("2", HIDDEN, NOISE))},
      {"first": rounded(STEPS, ROWS, WIDTH), "second": rounded(STEPS, ROWS, WIDTH)}, agreement, 0.02)

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "programs.npz")
np.savez_compressed(path, **out)
print(len(out), "arrays")
