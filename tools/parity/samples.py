#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A model that duet trained, converted to a folder of diffusers: the same images there? Both sides start from the same noise and take
the same DDIM steps; duet gives bytes, so the mean error is told by how many bytes are rounded the other way. Then back again: bits equal?

  tools/parity/samples.py build/release/duet MODEL WORK [--count 8] [--steps 1000]

Only with all steps of the schedule both walk the same ones: of fewer, diffusers leaves out others than guided-diffusion and duet.
"""
import argparse
import os
import shutil
import subprocess
import sys

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel
from safetensors.numpy import load_file

import common


def draw(folder, start, steps):
    """x in [-1, 1], NHWC, by diffusers' own sampler. Told to, it derives the noise from the clipped image as guided-diffusion and duet do."""
    pipeline = DDPMPipeline.from_pretrained(folder)
    net, scheduler = pipeline.unet, DDIMScheduler.from_config(pipeline.scheduler.config)
    scheduler.set_timesteps(steps)
    x = torch.from_numpy(start).permute(0, 3, 1, 2)
    with torch.inference_mode():
        for t in scheduler.timesteps:
            predicted = net(x, t).sample[:, :x.shape[1]]
            x = scheduler.step(predicted, t, x, eta=0.0, use_clipped_model_output=True).prev_sample
    return x.permute(0, 2, 3, 1).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("duet")
    parser.add_argument("model")
    parser.add_argument("work")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--steps", type=int, default=1000)
    o = parser.parse_args()
    path = {name: os.path.join(o.work, name) for name in ("folder", "back.safetensors", "own.safetensors", "drawn.npz", "parity.safetensors")}
    shutil.rmtree(path["folder"], ignore_errors=True)

    def duet(*words):
        subprocess.run([o.duet, *words, "--quiet"], check=True)

    duet("convert", o.model, "--out", path["folder"])
    duet("convert", o.model, "--out", path["own.safetensors"])
    duet("convert", path["folder"], "--arch", "adm_unet", "--out", path["back.safetensors"])
    own, back = load_file(path["own.safetensors"]), load_file(path["back.safetensors"])
    same = own.keys() == back.keys() and all((own[name].view(np.uint8) == back[name].view(np.uint8)).all() for name in own)
    print(f"there and back: {'the same bits' if same else 'DIFFERENT'} in {len(own)} tensors")

    _, held = common.run_duet(o.duet + "-bench", path["own.safetensors"], path["parity.safetensors"], o.count, False)
    net = UNet2DModel.from_pretrained(path["folder"], subfolder="unet").eval()
    with torch.inference_mode():
        output = net(common.nchw(torch.from_numpy(held["x"])), torch.from_numpy(held["net_t"])).sample
    error = common.relative(torch.from_numpy(held["output"]), output.permute(0, 2, 3, 1))
    print(f"output of one pass: relative rms error {error:.1e}")

    duet("sample", o.model, "--sampler", f"ddim:steps={o.steps}", "--count", str(o.count), "--seed", "0", "--exact", "--out", path["drawn.npz"])
    have = np.load(path["drawn.npz"])["arr_0"].astype(int)
    drawn = np.clip((draw(path["folder"], held["start"], o.steps) + 1) * 127.5, 0, 255)
    want = np.round(drawn).astype(int)
    differ, most = float((have != want).mean()), int(abs(have - want).max())
    print(f"{o.count} images by {o.steps} steps of DDIM: {100 * differ:.3f} % of bytes differ, by at most {most}; mean error in [-1, 1] about {differ / 127.5:.1e}")
    sys.exit(not (same and error < 1e-4 and most <= 1 and differ / 127.5 < 1e-4))


if __name__ == "__main__":
    main()
