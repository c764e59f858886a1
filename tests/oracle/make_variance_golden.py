"""The bound that trains improved DDPM's variances, by guided-diffusion's own code (_vb_terms_bpd on a frozen mean), with its gradient,
at t = 0, 1, 10, 400, 998, 999 of the linear schedule. Writes tests/golden/variance_bound.npz, which
tests/unit/train/test_variance.c reads. From the repository's root, with a checkout of openai/guided-diffusion:
python tests/oracle/make_variance_golden.py PATH/guided-diffusion"""
import sys

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
from guided_diffusion import gaussian_diffusion as gd  # noqa: E402

STEPS = [0, 1, 10, 400, 998, 999]
diffusion = gd.GaussianDiffusion(betas=gd.get_named_beta_schedule("linear", 1000), model_mean_type=gd.ModelMeanType.EPSILON,
                                 model_var_type=gd.ModelVarType.LEARNED_RANGE, loss_type=gd.LossType.RESCALED_MSE)
g = torch.Generator().manual_seed(0)
shape = (len(STEPS), 2, 3, 3)
t = torch.tensor(STEPS)
x0 = torch.randint(0, 256, shape, generator=g).float() / 127.5 - 1
eps = torch.randn(shape, generator=g)
mean = eps + 0.1 * torch.randn(shape, generator=g)
v = (torch.rand(shape, generator=g) * 2 - 1).requires_grad_()
x_t = diffusion.q_sample(x0, t, noise=eps)
bound = diffusion._vb_terms_bpd(model=lambda *_, r=torch.cat([mean, v], 1): r, x_start=x0, x_t=x_t, t=t, clip_denoised=False)["output"]
bound.mean().backward()


def nhwc(a):
    return a.detach().permute(0, 2, 3, 1).contiguous().numpy()


np.savez_compressed("tests/golden/variance_bound.npz", t=np.array(STEPS, np.float32), v=nhwc(v), pred=nhwc(mean), target=nhwc(eps),
                    x0=nhwc(x0), bound=bound.detach().numpy(), dv=nhwc(v.grad))
