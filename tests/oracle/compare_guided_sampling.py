#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares sampling that is steered by a classifier of noisy images, and that of an upsampler, step for step, with
guided-diffusion:
    compare_guided_sampling.py BUILD FOLDER
BUILD is the folder of a build (its tests/trace_generator draws), FOLDER a checkout of openai/guided-diffusion. Networks have
random weights, the same files for both. Prints the largest difference of any state, as a part of the state's largest value, and
fails above 1e-5."""
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

LIMIT, SIZE, SMALL, STEPS = 1e-5, 64, 16, 8
SAMPLER = f"ddim:steps={STEPS},spacing=leading,clip=false"


def randomise(network, seed):
    """Layers that begin as zeros too."""
    torch.manual_seed(seed)
    for p in network.parameters():
        p.data = torch.randn_like(p) * (0.7 / max(1, p[0].numel()) ** 0.5 if p.dim() > 1 else 0.05) + (1 if p.dim() == 1 else 0) * 0.5
    return network.eval()


def traced(build, model, *words):
    with tempfile.NamedTemporaryFile() as out:
        command = [os.path.join(build, "tests", "trace_generator"), model, out.name, *words]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            sys.exit(f"{' '.join(command)}: {run.stderr}")
        states = np.fromfile(out.name, dtype=np.float64).reshape(-1, 2, SIZE, SIZE, 3)
    return torch.from_numpy(states).permute(0, 1, 4, 2, 3)


def difference(have, want):
    if len(have) != len(want):
        sys.exit(f"{len(have)} states, not {len(want)}")
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(have, want))


def states(diffusion, network, start, cond=None, **given):
    loop = diffusion.ddim_sample_loop_progressive(network, start.shape, noise=start, clip_denoised=False, cond_fn=cond,
                                                  model_kwargs=given, device="cpu")
    return [one["sample"].detach().double() for one in loop]


def flags(**more):
    """What no tensor shows, as duet takes it."""
    given = dict(image_size=SIZE, num_heads=4, num_head_channels=-1, use_new_attention_order=False, noise_schedule="cosine", diffusion_steps=1000,
                 **more)
    return [word for key, value in given.items() for word in (f"--{key}", str(value))]


def classifier_case(util, build, folder, scale, classes):
    y = torch.tensor([3, 3])
    common = dict(util.model_and_diffusion_defaults(), image_size=SIZE, num_channels=32, num_res_blocks=1, learn_sigma=True,
                  class_cond=classes, noise_schedule="cosine", timestep_respacing=f"ddim{STEPS}")
    model, diffusion = util.create_model_and_diffusion(**common)
    classifier = randomise(util.create_classifier(**dict(util.classifier_defaults(), image_size=SIZE, classifier_width=64,
                                                         classifier_depth=1)), 5)
    paths = [os.path.join(folder, name) for name in ("model.pt", "classifier.pt")]
    torch.save(randomise(model, 4).state_dict(), paths[0])
    torch.save(classifier.state_dict(), paths[1])
    have = traced(build, paths[0], SAMPLER, "3", f"guide={paths[1]}", f"scale={scale}", *flags(class_cond=classes))

    def cond(x, t, y=None):
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            chosen = F.log_softmax(classifier(x, t), dim=-1)[range(len(y)), y]
            return torch.autograd.grad(chosen.sum(), x)[0] * scale

    network = (lambda x, t, y=None: model(x, t, y)) if classes else (lambda x, t, y=None: model(x, t))
    want = states(diffusion, network, have[0].float(), cond, y=y)
    plain = states(diffusion, network, have[0].float(), None, y=y)
    return difference(have[1:], want), difference(plain, want)


def upsampler_case(util, build, folder):
    common = dict(util.sr_model_and_diffusion_defaults(), large_size=SIZE, small_size=SMALL, num_channels=32, num_res_blocks=1,
                  learn_sigma=True, class_cond=False, noise_schedule="cosine", timestep_respacing=f"ddim{STEPS}")
    model, diffusion = util.sr_create_model_and_diffusion(**common)
    path, given = os.path.join(folder, "upsampler.pt"), os.path.join(folder, "small.f32")
    torch.save(randomise(model, 6).state_dict(), path)
    small = torch.rand(2, SMALL, SMALL, 3) * 2 - 1
    small.numpy().astype(np.float32).tofile(given)
    have = traced(build, path, SAMPLER, "-1", f"small={given}", *flags(small_size=SMALL))
    start, small = have[0].float(), small.permute(0, 3, 1, 2)
    want = states(diffusion, model, start, low_res=small)
    return difference(have[1:], want), difference(states(diffusion, model, start, low_res=small.flip(0)), want)


def main():
    build, checkout = sys.argv[1:3]
    sys.path.insert(0, checkout)
    from guided_diffusion import script_util as util
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, (here, without) in (("classifier", classifier_case(util, build, folder, 1e5, False)),
                                      ("classifier of a network with classes", classifier_case(util, build, folder, 4e5, True)),
                                      ("upsampler 16 to 64", upsampler_case(util, build, folder))):
            print(f"{name}: {here:.2e} (without it {without:.2e})")
            worst = max(worst, here)
            if without < 100 * LIMIT:
                sys.exit(f"{name}: what is compared changes next to nothing")
    if not worst <= LIMIT:
        sys.exit(f"they differ by {worst:.2e}, more than {LIMIT:g}")


if __name__ == "__main__":
    main()
