"""Muon in float64: torch.optim.Muon with Newton-Schulz steps in float64 (its own are in bfloat16), five steps on matrices of several
shapes. Writes tests/golden/muon.npz, which tests/unit/optim/test_muon.c reads. From the repository's root:
python tests/oracle/make_muon_golden.py"""
import numpy as np
import torch

STEPS = 5
torch.manual_seed(3)


def orthogonal(g, coefficients, steps, eps):
    a, b, c = coefficients
    x = g.double()
    turned = x.size(0) > x.size(1)
    x = x.T if turned else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if turned else x


kept = torch.optim._muon._zeropower_via_newtonschulz
sample = torch.randn(8, 20)
assert (kept(sample, (3.4445, -4.7750, 2.0315), 5, 1e-7).double() - orthogonal(sample, (3.4445, -4.7750, 2.0315), 5, 1e-7)).abs().max() < 0.05
torch.optim._muon._zeropower_via_newtonschulz = orthogonal

CASES = {"wide": ((6, 20), "match_rms_adamw", True, 0.002), "tall": ((20, 6), "match_rms_adamw", False, 0.002),
         "filter": ((8, 4, 3, 3), "original", True, 0.02), "square": ((16, 16), "original", False, 0.02)}
out = {}
for name, (shape, scale, nesterov, rate) in CASES.items():
    w = torch.randn(*shape).float().double()
    gradients = torch.randn(STEPS, *shape).float().double()
    out[f"{name}/before"], out[f"{name}/gradients"] = w.float().numpy(), gradients.float().numpy()
    flat = w.reshape(shape[0], -1).clone().requires_grad_()
    optim = torch.optim.Muon([flat], lr=rate, weight_decay=0.1, momentum=0.9, nesterov=nesterov, adjust_lr_fn=scale)
    for k in range(STEPS):
        flat.grad = gradients[k].reshape(shape[0], -1).clone()
        optim.step()
    out[f"{name}/after"] = flat.detach().reshape(shape).numpy()
    out[f"{name}/momentum"] = optim.state[flat]["momentum_buffer"].reshape(shape).numpy()
np.savez_compressed("tests/golden/muon.npz", **out)
