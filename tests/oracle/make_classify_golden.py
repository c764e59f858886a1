"""Supervised training of a tiny residual network in float64: label smoothing, batch norms with running statistics, AdamW, the
average of weights and of statistics. Writes tests/golden/classify.npz (weights at the start, batches, gradients of the first step,
losses, accuracies, weights, statistics and averages at the end), which tests/unit/train/test_classify.c reads. From the repository's
root: python tests/oracle/make_classify_golden.py"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS, ROWS, SIDE, CLASSES, BASE = 6, 8, 8, 3, 4
torch.manual_seed(3)
torch.set_default_dtype(torch.float64)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.pad = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, BASE, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(BASE)
        self.layer1 = nn.Sequential(Block(BASE, BASE, 1))
        self.layer2 = nn.Sequential(Block(BASE, 2 * BASE, 2))
        self.fc = nn.Linear(2 * BASE, CLASSES)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))).mean((2, 3)))


net = Net()
with torch.no_grad():
    for tensor in list(net.parameters()) + list(net.buffers()):
        if tensor.is_floating_point():
            tensor.copy_((tensor + 0.1 * torch.randn_like(tensor).abs()).float().double())


def state():
    return {n: t.detach().clone() for n, t in net.state_dict().items() if t.is_floating_point()}


pixels = torch.randint(0, 256, (STEPS, ROWS, SIDE, SIDE, 3), dtype=torch.uint8)
labels = torch.randint(0, CLASSES, (STEPS, ROWS))
out = {f"before/{n}": t for n, t in state().items()}
average = state()
optim = torch.optim.AdamW([{"params": [p for p in net.parameters() if p.dim() >= 2], "weight_decay": 0.1},
                           {"params": [p for p in net.parameters() if p.dim() < 2], "weight_decay": 0.0}],
                          lr=0.01, betas=(0.9, 0.99), eps=1e-8)
losses, right = [], []
for k in range(STEPS):
    x = (pixels[k].double() / 127.5 - 1).permute(0, 3, 1, 2)
    logits = net(x)
    loss = F.cross_entropy(logits, labels[k], label_smoothing=0.1)
    optim.zero_grad()
    loss.backward()
    if k == 0:
        out.update({f"gradient/{n}": p.grad.clone() for n, p in net.named_parameters()})
    optim.step()
    decay = min(0.5, (1 + k) / (10 + k))
    for n, t in state().items():
        average[n] += (1 - decay) * (t - average[n])
    losses.append(loss.item())
    right.append(100.0 * (logits.argmax(1) == labels[k]).double().mean().item())
out.update({f"after/{n}": t for n, t in state().items()})
out.update({f"average/{n}": t for n, t in average.items()})
arrays = {n: t.numpy().astype(np.float32) for n, t in out.items()}
arrays.update(pixels=pixels.numpy(), labels=labels.numpy().astype(np.int32), losses=np.asarray(losses, np.float32),
              top1=np.asarray(right, np.float32))
np.savez_compressed("tests/golden/classify.npz", **arrays)
print(len(arrays), "arrays", losses, right)
