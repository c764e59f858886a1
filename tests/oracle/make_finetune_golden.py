"""Fine-tuning in float64: a U-Net of guided-diffusion's form, read from a PyTorch file, and a linear head on its middle block, one loss
(mean square of the output + cross-entropy), ten AdamW steps, of the head at ten times the rate. Writes tests/golden/finetune.pt (the
weights at the start) and finetune.npz, which tests/unit/optim/test_finetune.c reads. From the repository's root:
python tests/oracle/make_finetune_golden.py"""
import numpy as np
import torch
import torch.nn.functional as F

from adm_unet import Config, Unet, Weights

STEPS, ROWS, CLASSES, RATE = 10, 4, 3, 0.001
CONFIG = Config(image_size=8, in_channels=1, num_channels=4, channel_mult=(1, 1), norm_groups=2, num_heads=2,
                attention_resolutions=(4,), learn_sigma=False, class_cond=False)


class Tapped(Unet):
    def residual(self, name, *args):
        out = super().residual(name, *args)
        if name == "middle_block.2":
            self.middle = out
        return out


random = torch.Generator().manual_seed(5)
x = torch.randn(STEPS, ROWS, 8, 8, 1, generator=random, dtype=torch.float64).float().double()
target = torch.randn(STEPS, ROWS, 8, 8, 1, generator=random, dtype=torch.float64).float().double()
t = torch.randint(0, 1000, (STEPS, ROWS), generator=random).double()
y = torch.randint(0, CLASSES, (STEPS, ROWS), generator=random)
net = Tapped(CONFIG, Weights(seed=9))


def losses(k):
    out = net.forward(x[k].permute(0, 3, 1, 2), t[k])
    logits = F.linear(net.middle.mean((2, 3)), head[0], head[1])
    return (out - target[k].permute(0, 3, 1, 2)).square().mean() + F.cross_entropy(logits, y[k])


head = [torch.zeros(CLASSES, 4), torch.zeros(CLASSES)]
net.forward(x[0].permute(0, 3, 1, 2), t[0])  # makes the weights
head = [(0.3 * torch.randn(*h.shape, generator=random, dtype=torch.float64)).float().double().requires_grad_() for h in head]
out = {f"before/head/{n}": h.detach().numpy().astype(np.float32) for n, h in zip(("weight", "bias"), head)}
torch.save({n: w.detach().float() for n, w in net.w.tensors.items()}, "tests/golden/finetune.pt")
groups = []
for parameters, rate in ((list(net.w.tensors.values()), RATE), (head, 10 * RATE)):
    groups += [{"params": [p for p in parameters if p.dim() >= 2], "lr": rate, "weight_decay": 0.05},
               {"params": [p for p in parameters if p.dim() < 2], "lr": rate, "weight_decay": 0.0}]
optim = torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-8)
curve = []
for k in range(STEPS):
    optim.zero_grad()
    loss = losses(k)
    loss.backward()
    optim.step()
    curve.append(loss.item())
out.update({f"after//{n}": w.detach().numpy().astype(np.float32) for n, w in net.w.tensors.items()})
out.update({f"after/head/{n}": h.detach().numpy().astype(np.float32) for n, h in zip(("weight", "bias"), head)})
out.update({"x": x.numpy().astype(np.float32), "target": target.numpy().astype(np.float32), "t": t.numpy().astype(np.float32),
            "y": y.numpy().astype(np.int32), "losses": np.asarray(curve, np.float32), "spec": np.frombuffer(CONFIG.spec().encode(), np.uint8)})
np.savez_compressed("tests/golden/finetune.npz", **out)
print(CONFIG.spec(), sum(w.numel() for w in net.w.tensors.values()), "weights", curve)
