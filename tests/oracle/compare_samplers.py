#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the samplers, step for step, with diffusers, k-diffusion and guided-diffusion:
    compare_samplers.py BUILD [--k-diffusion FOLDER] [--guided-diffusion FOLDER]
BUILD is the folder of a build (its tests/trace_sampler runs the sampler); the others are checkouts. All solve for the same
exact denoiser of a mixture of Gaussians, from the same start, with the same noise in each step. Prints the largest difference
of any state, as a part of the state's largest value, and fails above 1e-5. The schedulers of diffusers keep their levels in
float32."""
import argparse
import importlib
import math
import os
import subprocess
import sys

import numpy as np
import torch

LIMIT = 1e-5
WEIGHT, MEAN, SPREAD = (0.3, 0.7), (-0.6, 0.5), (0.2, 0.25)


def clean(x, alpha, sigma):
    """E[x0 | x] of the mixture."""
    parts, means = [], []
    for w, m, s in zip(WEIGHT, MEAN, SPREAD):
        v = alpha * alpha * s * s + sigma * sigma
        d = x - alpha * m
        parts.append(math.log(w) - 0.5 * math.log(v) - 0.5 * d * d / v)
        means.append(m + s * s * alpha / v * d)
    r = torch.softmax(torch.stack(parts), 0)
    return (r * torch.stack(means)).sum(0)


class Trace:
    def __init__(self, build, noise, sampler, *more):
        command = [os.path.join(build, "tests", "trace_sampler"), noise, sampler, *more]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{' '.join(command)}: {run.stderr}")
        self.levels, self.noise, self.x, self.looks = [], [], [], []
        for line in run.stdout.splitlines():
            name, *numbers = line.split()
            values = torch.tensor([float(n) for n in numbers], dtype=torch.float64)
            if name == "start":
                self.start = values.reshape(2, 1, 2, 3)
            elif name in ("levels", "looks"):
                getattr(self, name).append(values.tolist())
            else:
                getattr(self, name).append(values.reshape(2, 1, 2, 3))

    @property
    def ratios(self):
        return torch.tensor([s / a if a else float("inf") for a, s, _ in self.levels], dtype=torch.float64)

    def queue(self):
        """A function that gives the noise of one step after the other."""
        rest = iter(self.noise)
        return lambda *a, **k: next(rest)


def difference(have, want):
    return max(float((a - b).abs().max() / max(1.0, float(b.abs().max()))) for a, b in zip(have, want))


# ---- diffusers ----

LINEAR = dict(num_train_timesteps=1000, beta_start=0.0001, beta_end=0.02, beta_schedule="linear")


def output_of(kind, x, x0, alpha, sigma):
    """What a network would give."""
    eps = (x - alpha * x0) / sigma
    return {"epsilon": eps, "sample": x0, "v_prediction": alpha * eps - sigma * x0, "flow_prediction": eps - x0}[kind]


def diffusers_run(trace, name, steps, scale=1.0, **config):
    """States of a scheduler whose samples are x (DDPM, DDIM, PNDM, DPM, UniPC, DEIS) or x / alpha (Euler and the like)."""
    module_name, class_name = name
    module = importlib.import_module("diffusers.schedulers." + module_name)
    scheduler = getattr(module, class_name)(**config)
    scheduler.is_scale_input_called = True
    if hasattr(scheduler, "alphas_cumprod") and not config.get("rescale_betas_zero_snr"):  # else in float32
        betas = torch.linspace(config["beta_start"], config["beta_end"], 1000, dtype=torch.float64)
        scheduler.alphas_cumprod = torch.cumprod(1 - betas, 0)
    if class_name.startswith("FlowMatch"):  # as pipelines do; by itself it shifts twice
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps))
    else:
        scheduler.set_timesteps(steps)
    if class_name.startswith("DEIS"):  # its integrals cancel to 4 digits in float32
        scheduler.sigmas = scheduler.sigmas.double()
    queue = trace.queue()
    # churn draws noise in every step
    module.randn_tensor = lambda *a, **k: queue()
    flow = config.get("use_flow_sigmas") or class_name.startswith("FlowMatch")
    scaled = class_name.startswith(("Euler", "Heun", "LMS", "KDPM2", "EDMEuler"))
    explodes = class_name.startswith("EDM")
    kind = config.get("prediction_type", "epsilon") if not flow else "flow_prediction"
    first = trace.levels[0]
    x = trace.start / first[0] if scaled else trace.start.clone()
    states = []
    for i, t in enumerate(scheduler.timesteps):
        if hasattr(scheduler, "sigmas"):
            sigmas = scheduler.sigmas
            if class_name.startswith("KDPM2") and scheduler.state_in_first_order is False:
                sigmas = scheduler.sigmas_interpol
            s = float(sigmas[scheduler.step_index if scheduler.step_index is not None else 0])
            if flow:
                alpha, sigma = 1 - s, s
            elif scaled or explodes:
                alpha, sigma = 1.0, s
            else:
                alpha, sigma = 1 / math.sqrt(1 + s * s), s / math.sqrt(1 + s * s)
        else:
            abar = float(scheduler.alphas_cumprod[t])
            alpha, sigma = math.sqrt(abar), math.sqrt(1 - abar)
        x0 = scale * clean(x, alpha, sigma)
        if explodes:
            data = config["sigma_data"]
            c_skip = data ** 2 / (sigma ** 2 + data ** 2)
            c_out = sigma * data / math.sqrt(sigma ** 2 + data ** 2)
            out = (x0 - c_skip * x) / c_out
        elif scaled and not flow and kind == "v_prediction":
            out = (x / (sigma ** 2 + 1) - x0) * math.sqrt(sigma ** 2 + 1) / sigma
        else:
            out = output_of(kind, x, x0, alpha, sigma)
        more = {"eta": config_eta} if (config_eta := ETA.get(id(trace))) is not None else {}
        if config.get("thresholding"):
            more["use_clipped_model_output"] = True  # eps follows from the image
        x = scheduler.step(out, t, x, **more).prev_sample
        states.append(x)
    return states, scheduler


ETA = {}


def in_x(trace, states, per_step=1):
    """Of states x / alpha, at the ends of steps of `per_step` evaluations (fewer in the last)."""
    picked = states[per_step - 1::per_step]
    if len(picked) < len(trace.x):
        picked.append(states[-1])
    return [s * level[0] for s, level in zip(picked, trace.levels[1:])]


# ---- cases ----

def diffusers_cases(build):
    def case(label, spec, name, steps, noise="linear", per_step=1, scale=1.0, eta=None, pick=None, **config):
        trace = Trace(build, noise, spec, f"scale={scale}")
        if eta is not None:
            ETA[id(trace)] = eta
        states, _ = diffusers_run(trace, name, steps, scale, **{**(LINEAR if "sigma_min" not in config and not name[1].startswith(
            "FlowMatch") else {}), **config})
        ETA.clear()
        scaled = name[1].startswith(("Euler", "Heun", "LMS", "KDPM2"))
        want = in_x(trace, states, per_step) if scaled else (pick(states) if pick else states)
        return label, name[1], difference(trace.x, want)

    ddpm, ddim = ("scheduling_ddpm", "DDPMScheduler"), ("scheduling_ddim", "DDIMScheduler")
    euler = ("scheduling_euler_discrete", "EulerDiscreteScheduler")
    dpm = ("scheduling_dpmsolver_multistep", "DPMSolverMultistepScheduler")
    unipc = ("scheduling_unipc_multistep", "UniPCMultistepScheduler")
    deis = ("scheduling_deis_multistep", "DEISMultistepScheduler")
    off = "clip=false"
    yield case("ddpm leading", f"ddpm:steps=10,spacing=leading,{off}", ddpm, 10, clip_sample=False)
    yield case("ddpm fixed_large", f"ddpm:steps=10,variance=fixed_large,spacing=leading,{off}", ddpm, 10,
               clip_sample=False, variance_type="fixed_large")
    yield case("ddpm clip", "ddpm:steps=10,spacing=leading", ddpm, 10, scale=3.0, clip_sample=True)
    yield case("ddim leading", f"ddim:steps=10,spacing=leading,{off}", ddim, 10, clip_sample=False)
    yield case("ddim eta=0.6", f"ddim:steps=10,eta=0.6,spacing=(leading:offset=1),{off}", ddim, 10, eta=0.6, clip_sample=False,
               steps_offset=1)
    yield case("ddim end=lowest", f"ddim:steps=10,end=lowest,spacing=(leading:offset=1),{off}", ddim, 10, clip_sample=False,
               steps_offset=1, set_alpha_to_one=False)
    yield case("ddim dynamic thresholding", "ddim:steps=10,spacing=leading,threshold=dynamic,ratio=0.7,most=2.5", ddim, 10,
               scale=3.0, clip_sample=False, thresholding=True, dynamic_thresholding_ratio=0.7, sample_max_value=2.5)
    yield case("ddim v, zero SNR, trailing", f"ddim:steps=10,spacing=trailing,{off}", ddim, 10, noise="linear:zero_snr=true",
               clip_sample=False, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")
    yield case("euler", f"euler:steps=10,spacing=time,{off}", euler, 10)
    yield case("euler v, trailing", f"euler:steps=10,spacing=trailing,{off}", euler, 10, timestep_spacing="trailing",
               prediction_type="v_prediction")
    yield case("euler karras", f"euler:steps=12,spacing=karras,{off}", euler, 12, use_karras_sigmas=True)
    yield case("euler exponential", f"euler:steps=12,spacing=exponential,{off}", euler, 12, use_exponential_sigmas=True)
    yield case("euler beta", f"euler:steps=12,spacing=beta,{off}", euler, 12, use_beta_sigmas=True)
    yield case("euler edm", f"euler:steps=12,spacing=karras,{off}", ("scheduling_edm_euler", "EDMEulerScheduler"), 12,
               noise="edm", sigma_min=0.002, sigma_max=80.0, sigma_data=0.5)
    yield case("euler flow, shift 3", f"euler:steps=10,spacing=trailing,{off}", ("scheduling_flow_match_euler_discrete",
               "FlowMatchEulerDiscreteScheduler"), 10, noise="flow:shift=3", num_train_timesteps=1000, shift=3.0)
    yield case("euler_ancestral", f"euler_ancestral:steps=10,spacing=time,{off}",
               ("scheduling_euler_ancestral_discrete", "EulerAncestralDiscreteScheduler"), 10)
    yield case("heun karras", f"heun:steps=10,spacing=karras,{off}", ("scheduling_heun_discrete", "HeunDiscreteScheduler"), 10,
               per_step=2, use_karras_sigmas=True)
    yield case("heun", f"heun:steps=10,spacing=time,{off}", ("scheduling_heun_discrete", "HeunDiscreteScheduler"), 10, per_step=2)
    yield case("dpm2", f"dpm2:steps=10,spacing=time,{off}", ("scheduling_k_dpm_2_discrete", "KDPM2DiscreteScheduler"), 10,
               per_step=2)
    yield case("lms", f"lms:steps=10,spacing=time,{off}", ("scheduling_lms_discrete", "LMSDiscreteScheduler"), 10)
    yield case("plms", f"plms:steps=10,spacing=leading,{off}", ("scheduling_pndm", "PNDMScheduler"), 10, skip_prk_steps=True,
               set_alpha_to_one=True, pick=lambda s: s[1:])
    yield case("plms warmup=prk", f"plms:steps=10,warmup=prk,spacing=leading,{off}", ("scheduling_pndm", "PNDMScheduler"), 10,
               set_alpha_to_one=True, pick=lambda s: s[3:12:4] + s[12:])
    for spacing in ("linspace", "leading", "trailing"):
        ours = spacing if spacing == "trailing" else f"({spacing}:extra=true)"
        yield case(f"dpmpp_2m {spacing}", f"dpmpp_2m:steps=20,spacing={ours},{off}", dpm, 20, timestep_spacing=spacing)
    yield case("dpmpp_2m karras", f"dpmpp_2m:steps=15,spacing=karras,{off}", dpm, 15, use_karras_sigmas=True)
    yield case("dpmpp_2m edm", f"dpmpp_2m:steps=15,spacing=karras,{off}", (
        "scheduling_edm_dpmsolver_multistep", "EDMDPMSolverMultistepScheduler"), 15, noise="edm", sigma_min=0.002,
               sigma_max=80.0, sigma_data=0.5)
    yield case("dpmpp_2m_sde", f"dpmpp_2m_sde:steps=15,spacing=(linspace:extra=true),{off}", dpm, 15,
               algorithm_type="sde-dpmsolver++")
    yield case("dpmpp_2m_sde heun", f"dpmpp_2m_sde:steps=15,solver=heun,spacing=(linspace:extra=true),{off}", dpm, 15,
               algorithm_type="sde-dpmsolver++", solver_type="heun")
    for order in (2, 3):
        for variant in ("bh1", "bh2"):
            yield case(f"unipc order={order},{variant}",
                       f"unipc:steps=12,order={order},variant={variant},spacing=(linspace:extra=true),{off}", unipc, 12,
                       solver_order=order, solver_type=variant)
    for order in (2, 3):
        yield case(f"deis order={order}", f"deis:steps=20,order={order},spacing=(linspace:extra=true),end=lowest,{off}", deis, 20,
                   solver_order=order)


def k_cases(build, folder):
    source = open(os.path.join(folder, "k_diffusion", "sampling.py")).read()
    # what is not installed is not used by these functions
    for line in ("from torchdiffeq import odeint", "import torchsde", "from . import utils"):
        source = source.replace(line, "")
    k = {"__name__": "sampling"}
    exec(compile(source, "sampling.py", "exec"), k)

    class Utils:
        append_dims = staticmethod(lambda x, n: x[(...,) + (None,) * (n - x.ndim)])
    k["utils"] = Utils
    k["trange"] = lambda n, **kw: range(n)

    def case(spec, function, noise="linear", per_step=None, **options):
        trace = Trace(build, noise, spec)
        sigmas = trace.ratios
        states = []

        def model(z, sigma):
            return clean(z, 1.0, float(sigma[0]))

        queue = trace.queue()
        if "noise" in options:
            options.pop("noise")
        real = torch.randn_like
        torch.randn_like = lambda *a, **kw: queue()
        if "sde" in function:
            options["noise_sampler"] = lambda *a: queue()
        z = trace.start / trace.levels[0][0]
        end = k[function](model, z, sigmas, callback=lambda i: states.append(i["x"]), disable=True, **options)
        torch.randn_like = real
        if options.get("s_churn"):  # the state that is shown has the churn's noise already
            return spec.split(",clip")[0], "k-diffusion", difference(trace.x[-1:], [end * trace.levels[-1][0]])
        states = states[1:] + [end]
        return spec.split(",clip")[0], "k-diffusion", difference(trace.x, [s * l[0] for s, l in zip(states, trace.levels[1:])])

    for noise in ("linear", "edm"):
        for spec, function, options in (
                ("euler:steps=12,spacing=karras", "sample_euler", {}),
                ("euler:steps=12,spacing=karras,s_churn=5,s_max=20,s_min=0.05,s_noise=1.003", "sample_euler",
                 dict(s_churn=5.0, s_tmax=20.0, s_tmin=0.05, s_noise=1.003)),
                ("euler_ancestral:steps=12,spacing=karras,eta=0.8,s_noise=1.1", "sample_euler_ancestral",
                 dict(eta=0.8, s_noise=1.1)),
                ("heun:steps=12,spacing=karras", "sample_heun", {}),
                ("heun:steps=12,spacing=karras,s_churn=5,s_max=20,s_min=0.05,s_noise=1.003", "sample_heun",
                 dict(s_churn=5.0, s_tmax=20.0, s_tmin=0.05, s_noise=1.003)),
                ("dpm2:steps=12,spacing=karras", "sample_dpm_2", {}),
                ("dpm2_ancestral:steps=12,spacing=karras", "sample_dpm_2_ancestral", {}),
                ("dpmpp_2s_ancestral:steps=12,spacing=karras", "sample_dpmpp_2s_ancestral", {}),
                ("dpmpp_2m:steps=12,spacing=polyexponential", "sample_dpmpp_2m", {}),
                ("dpmpp_2m_sde:steps=12,spacing=karras", "sample_dpmpp_2m_sde", {}),
                ("dpmpp_2m_sde:steps=12,spacing=karras,eta=0.5,solver=heun", "sample_dpmpp_2m_sde",
                 dict(eta=0.5, solver_type="heun")),
                ("dpmpp_3m_sde:steps=12,spacing=exponential", "sample_dpmpp_3m_sde", {}),
                ("lms:steps=12,spacing=karras", "sample_lms", {})):
            label, who, found = case(spec + ",clip=false", function, noise, **dict(options))
            yield f"{label} ({noise})", who, found
    for name, spacing in (("karras", "karras"), ("exponential", "exponential"), ("polyexponential", "(polyexponential:rho=2)")):
        trace = Trace(build, "edm", f"euler:steps=9,spacing={spacing},clip=false")
        more = {"rho": 2.0} if name == "polyexponential" else {}
        want = k["get_sigmas_" + name](9, 0.002, 80.0, **more).double()
        yield f"spacing {name}", "k-diffusion", float(((trace.ratios - want).abs() / (want + 1e-3)).max())
    trace = Trace(build, "linear", "euler:steps=9,spacing=vp,clip=false")
    want = k["get_sigmas_vp"](9).double()
    keep = (want > 0.02) & (want < 150)  # others lie outside of the schedule
    yield "spacing vp", "k-diffusion", float(((trace.ratios - want).abs() / (want + 1e-3))[keep].max())


def guided_cases(build, folder):
    sys.path.insert(0, folder)
    sys.modules.setdefault("mpi4py", type(sys)("mpi4py"))
    from guided_diffusion import gaussian_diffusion as gd
    from guided_diffusion.respace import SpacedDiffusion, space_timesteps
    betas = gd.get_named_beta_schedule("linear", 1000)
    abar = np.cumprod(1 - betas)

    def case(spec, respacing, how, var=gd.ModelVarType.FIXED_SMALL, learns=False, clip=False, scale=1.0, **options):
        trace = Trace(build, "linear", spec, f"scale={scale}", *(["learns"] if learns else []))
        model_diffusion = SpacedDiffusion(use_timesteps=space_timesteps(1000, respacing), betas=betas,
                                          model_mean_type=gd.ModelMeanType.EPSILON, model_var_type=var,
                                          loss_type=gd.LossType.MSE, rescale_timesteps=False)

        def model(x, t, **kw):
            a = abar[int(t[0])]
            x0 = scale * clean(x, math.sqrt(a), math.sqrt(1 - a))
            eps = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
            return torch.cat([eps, torch.sin(3 * x)], 1) if learns else eps

        x = trace.start
        queue = trace.queue()
        real = torch.randn_like
        torch.randn_like = lambda *a, **kw: queue()
        states = []
        loop = getattr(model_diffusion, how)
        for out in loop(model, tuple(x.shape), noise=x, clip_denoised=clip, device="cpu", **options):
            states.append(out["sample"])
        torch.randn_like = real
        return spec, "guided-diffusion", difference(trace.x, states)

    off = ",clip=false"
    p, d = "p_sample_loop_progressive", "ddim_sample_loop_progressive"
    yield case("ddpm:steps=20" + off, "20", p)
    yield case("ddpm:steps=20", "20", p, clip=True, scale=3.0)
    yield case("ddpm:steps=20,variance=fixed_large" + off, "20", p, gd.ModelVarType.FIXED_LARGE)
    yield case("ddpm:steps=20,variance=auto" + off, "20", p, gd.ModelVarType.LEARNED_RANGE, learns=True)
    yield case("ddpm:spacing=(sections:counts=10/15/20)" + off, "10,15,20", p)
    yield case("ddim:steps=25,spacing=leading" + off, "ddim25", d)
    yield case("ddim:steps=25,spacing=leading,eta=0.5", "ddim25", d, clip=True, scale=3.0, eta=0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--k-diffusion")
    parser.add_argument("--guided-diffusion")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cases = [diffusers_cases(args.build)]
    if args.k_diffusion:
        cases.append(k_cases(args.build, args.k_diffusion))
    if args.guided_diffusion:
        cases.append(guided_cases(args.build, args.guided_diffusion))
    worst = 0.0
    for group in cases:
        for label, who, found in group:
            print(f"{label:60} {who:34} {found:.1e}{'' if found <= LIMIT else '  TOO LARGE'}", flush=True)
            worst = max(worst, found)
    sys.exit(0 if worst <= LIMIT else 1)


main()
