/* SPDX-License-Identifier: MIT
 * tests/tolerance.h: how far a result may be from its oracle: the largest difference, divided by
 * the RMS of the oracle's tensor. One table, so that a loosened bound is seen. */
#ifndef DUET_TESTS_TOLERANCE_H
#define DUET_TESTS_TOLERANCE_H

/* f32 kernels against references with double accumulation. Sums of n products in f32 are off by
 * about sqrt(n) 6e-8; n = 4608 of a 512-channel 3x3 convolution gives 4e-6; Winograd and
 * approximated exponentials take the rest. */
#define TOLERANCE_FORWARD 2e-5
/* Gradient ops sum over batch and space, and differences of sums cancel (normalisation). */
#define TOLERANCE_GRADIENT 1e-4
/* The plain ops of a fused op store f32 in between. */
#define TOLERANCE_EXPAND 2e-5
/* Gradients of the references against 4-point central differences (step 0.04, error of order
 * step^4) of f32 results. */
#define TOLERANCE_DIFFERENCE 2e-3
/* A whole net with activations stored as bf16 (8 bits: half a unit is 2e-3 of a number, 1.1e-3 rms)
 * beside the same in f32, rms over the rms of a tap (measured: 6.7e-3 on the smallest net, 9.5e-3
 * on ADM-256 with random weights). */
#define TOLERANCE_BF16 1e-2
/* The whole net adm_unet against PyTorch in float64: output and gradient of each parameter, f32
 * kernels in a row; then ten AdamW steps, losses and norms of the gradient relative to the oracle's
 * (measured: 3e-6, 2e-5 and 3e-6 at most). */
#define TOLERANCE_ORACLE_FORWARD  1e-5
#define TOLERANCE_ORACLE_GRADIENT 1e-4
#define TOLERANCE_ORACLE_CURVE    1e-4

#endif
