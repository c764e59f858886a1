"""Two networks on points of the plane, trained against each other with least squares (Mao et al. 2017), ten steps in float64:
python tests/oracle/make_program_golden.py, writes tests/golden/program_gan.npz, which tests/unit/optim/test_program.c reads."""
import os

import numpy as np
import torch

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
ROWS, HIDDEN, STEPS, NOISE = 8, 6, 10, 3


def network(inputs, outputs):
    return torch.nn.Sequential(torch.nn.Linear(inputs, HIDDEN), torch.nn.SiLU(), torch.nn.Linear(HIDDEN, outputs))


def groups(net):  # weight decay on matrices only
    return [{"params": [p for p in net.parameters() if p.dim() >= 2], "weight_decay": 0.1},
            {"params": [p for p in net.parameters() if p.dim() < 2], "weight_decay": 0.0}]


generator, discriminator = network(NOISE, 2), network(2, 1)
for net in (generator, discriminator):
    for p in net.parameters():
        p.data = p.data.float().double()  # what the test starts from, to the bit
out = {}
for part, net in (("generator", generator), ("discriminator", discriminator)):
    for name, p in net.named_parameters():
        out[f"before/{part}/{name}"] = p.detach().numpy().astype(np.float32)
g_optim = torch.optim.AdamW(groups(generator), lr=0.01, betas=(0.5, 0.9), eps=1e-8)
d_optim = torch.optim.AdamW(groups(discriminator), lr=0.03, betas=(0.5, 0.9), eps=1e-8)
real = torch.randn(STEPS, ROWS, 2).float().double() + 1.0
noise = torch.randn(STEPS, 2, ROWS, NOISE).float().double()
losses = []
for k in range(STEPS):
    d_loss = ((discriminator(real[k]) - 1) ** 2).mean() + (discriminator(generator(noise[k, 0]).detach()) ** 2).mean()
    d_optim.zero_grad()
    d_loss.backward()
    torch.nn.utils.clip_grad_norm_(discriminator.parameters(), 0.5)
    d_optim.step()
    g_loss = ((discriminator(generator(noise[k, 1])) - 1) ** 2).mean()
    g_optim.zero_grad()
    g_loss.backward()
    g_optim.step()
    losses.append([d_loss.item(), g_loss.item()])
for part, net in (("generator", generator), ("discriminator", discriminator)):
    for name, p in net.named_parameters():
        out[f"after/{part}/{name}"] = p.detach().numpy().astype(np.float32)
out["real"], out["noise"], out["losses"] = (np.asarray(a, np.float32) for a in (real, noise, losses))
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "program_gan.npz")
np.savez_compressed(path, **out)
