# SPDX-License-Identifier: MIT
"""What the parity scripts share: run `duet-bench parity` on a file that another program wrote, and compare what it gives with that
program's own network in float64: output and taps by relative RMS (limit 1e-5), gradients by the RMS of the difference over
max(RMS of the tensor, 1e-3 median RMS of all), of those that are zero in float64 over the median (limit 1e-4)."""
import json
import os
import subprocess
import time

import torch
from safetensors.numpy import load_file

VALUES, GRADIENTS = 1e-5, 1e-4
LARGE = 400e6  # parameters


SINGLE, CAST = torch.float32, torch.Tensor.float


def lift():
    """Before networks are made: every cast to float32 in their code becomes one to float64."""
    torch.float32 = torch.float64
    torch.Tensor.float = torch.Tensor.double


def settle():
    """Undoes lift."""
    torch.float32, torch.Tensor.float = SINGLE, CAST


def save(net, path):
    torch.save({name: value.to(SINGLE) if value.is_floating_point() else value for name, value in net.state_dict().items()}, path)


def fill(net, seed=1):
    """Random weights, none of them zero."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            if float(p.abs().max()) == 0.0:
                p.normal_(0, 0.02)
    return net.to(SINGLE).eval()


def widen(net, gradient):
    """float64: all weights at once, or those of a layer while it works where memory is short. For gradients both sides compute what is
    inside a block again, else those of 512 pixels need more memory than most machines have."""
    if gradient:
        for module in net.modules():
            if hasattr(module, "use_checkpoint"):
                module.use_checkpoint = True
    if gradient or sum(p.numel() for p in net.parameters()) < LARGE:
        net.double()
        return
    for module in net.modules():
        if next(module.children(), None) is None and next(module.parameters(), None) is not None:
            module.register_forward_pre_hook(lambda m, _: m.to(torch.float64) and None)
            module.register_forward_hook(lambda m, _i, _o: m.to(SINGLE) and None)


def run_duet(bench, model, out, batch, gradient):
    said = subprocess.run([bench, "parity", f"model={model}", f"out={out}", f"batch={batch}", f"gradient={'true' if gradient else 'false'}",
                           f"recompute={'true' if gradient else 'false'}", f"threads={torch.get_num_threads()}"], check=True, capture_output=True, text=True).stdout
    return json.loads(said), load_file(out)


def nchw(x):
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x


def relative(have, want):
    assert have.shape == want.shape, f"{tuple(have.shape)} and {tuple(want.shape)}"
    return float((have - want).norm() / want.norm())


def gradient_error(held, net, names):
    grads = {names(name): p.grad for name, p in net.named_parameters()}
    assert all(g is not None for g in grads.values()), "a parameter has no gradient"
    rms = {name: float(g.square().mean().sqrt()) for name, g in grads.items()}
    median = sorted(rms.values())[len(rms) // 2]

    def scale(name): # of gradients that are zero by their nature (a key's bias moves no softmax) all is rounding
        return max(rms[name], 1e-3 * median) if rms[name] > 1e-9 * median else median
    return max(float((held[name].double().reshape(g.shape) - g).square().mean().sqrt()) / scale(name) for name, g in grads.items())


def compare(bench, work, label, net, taps, forward, path, batch=1, gradient=False, names=lambda name: name):
    """`taps`: {duet's name: module}, None where both have the same names; `names`(their parameter's) is duet's; `forward`(net, held) gives the output for duet's inputs. Prints a row; returns whether it holds."""
    out = os.path.join(work, "parity.safetensors")
    start = time.time()
    said, held = run_duet(bench, path, out, batch, gradient)
    held = {name: torch.from_numpy(value) for name, value in held.items()}
    widen(net, gradient)
    theirs = {name[4:] for name in held if name.startswith("tap/")}
    taps = taps or {name: net.get_submodule(name) for name in theirs}
    errors = {}

    def look(name, value): # returns nothing: what a hook returns takes the output's place
        errors[name] = relative(nchw(held["tap/" + name]).double(), value.detach())
    hooks = [module.register_forward_hook(lambda _m, _i, value, name=name: look(name, value)) for name, module in taps.items()]
    with torch.set_grad_enabled(gradient):
        want = forward(net, {name: held[name].double() for name in ("x", "net_t", "low_res") if name in held})
        if gradient:
            want.square().mean().backward()
    for hook in hooks:
        hook.remove()
    assert theirs == set(errors), f"{label}: taps {sorted(theirs ^ set(errors))}"
    output = relative(nchw(held["output"]).double(), want.detach())
    worst = max(errors.values())
    grad = gradient_error(held, net, names) if gradient else 0.0
    good = output <= VALUES and worst <= VALUES and grad <= GRADIENTS
    print(f"| {label} | {said['parameters']:,} | {said['taps']} | {output:.1e} | {worst:.1e} | {f'{grad:.1e}' if gradient else '-'} |"
          f"{'' if good else ' FAILS'} {time.time() - start:.0f} s", flush=True)
    os.remove(out)
    return good
