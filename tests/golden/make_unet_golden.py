#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_unet_golden.py: unet_ddpm/, a small UNet2DModel with the options of DDPM's networks and random weights, as diffusers saves it."""
import os

import torch
from diffusers import UNet2DModel

torch.manual_seed(0)
net = UNet2DModel(sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(4, 4), down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                  up_block_types=("AttnUpBlock2D", "UpBlock2D"), norm_num_groups=2, attention_head_dim=None, freq_shift=1, flip_sin_to_cos=False,
                  downsample_padding=0, norm_eps=1e-6)
net.half().save_pretrained(os.path.join(os.path.dirname(os.path.abspath(__file__)), "unet_ddpm"))
