#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goldens of the metrics of features, made with pytorch-fid, torch-fidelity, scikit-learn and NumPy; run from the repository's root.

metric_features.npz  x [N,D], y [M,D]   features to measure and real ones, f32, of different means and covariances
                     s [N,E], r [M,E]   spatial features
                     p [N,K]            logits
                     mu, sigma          of y, f64 (np.cov), as files of statistics hold them
                     fid, sfid          pytorch_fid.fid_score.calculate_frechet_distance of x and y, s and r
                     few                the same of the first 12 rows of x: fewer than features
                     kid                torch_fidelity's KID with one subset of all rows (n = m: the first 90 of x and y)
                     precision, recall  torch_fidelity's, k = 3
                     density, coverage  Naeem et al. 2020, k = 5, by sklearn.metrics.pairwise_distances
                     authpct, ratio     Alaa et al. 2022; the ratio of each row of x
                     nearest            row of y that is nearest to each row of x
                     inception [2]      torch_fidelity's score of p in their order, 10 splits: mean and deviation
"""
import numpy as np
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from sklearn.metrics import pairwise_distances
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

N, M, D, E, K, FEW, BOTH = 130, 90, 24, 10, 7, 12, 90


def rows(rng, count, dim, shift, mix):
    return (np.abs(rng.normal(size=(count, dim)) @ mix) + shift).astype(np.float32)


def frechet(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))


def main():
    rng = np.random.RandomState(7)
    mix, mix_s = rng.normal(size=(D, D)), rng.normal(size=(E, E))
    x, y = rows(rng, N, D, 0.3, mix + 0.3 * rng.normal(size=(D, D))), rows(rng, M, D, 0, mix)
    x[5] = y[17]  # a copy
    x[6] = y[18] + np.float32(1e-3)
    s, r = rows(rng, N, E, 0.1, mix_s), rows(rng, M, E, 0, mix_s)
    p = (3 * rng.normal(size=(N, K))).astype(np.float32)

    real, drawn, cross = (pairwise_distances(a.astype(np.float64), b.astype(np.float64)) for a, b in ((y, y), (x, x), (x, y)))
    ball = np.sort(real, axis=1)[:, 5]
    np.fill_diagonal(real, np.inf)
    nearest = cross.argmin(axis=1)
    own = real.min(axis=1)[nearest]
    ratio = cross.min(axis=1) / own

    kid = kid_features_to_metric(torch.from_numpy(x[:BOTH]).double(), torch.from_numpy(y[:BOTH]).double(), kid_subsets=1,
                                 kid_subset_size=BOTH, verbose=False)
    prc = prc_features_to_metric(torch.from_numpy(x).double(), torch.from_numpy(y).double(), prc_neighborhood=3,
                                 prc_batch_size=10000, verbose=False)
    isc = isc_features_to_metric(torch.from_numpy(p), splits=10, shuffle=False)
    np.savez("tests/golden/metric_features.npz", x=x, y=y, s=s, r=r, p=p, mu=y.astype(np.float64).mean(0),
             sigma=np.cov(y.astype(np.float64), rowvar=False), fid=frechet(x, y), sfid=frechet(s, r), few=frechet(x[:FEW], y),
             kid=kid["kernel_inception_distance_mean"], precision=prc["precision"], recall=prc["recall"],
             density=(cross < ball).sum(axis=1).mean() / 5, coverage=(cross.min(axis=0) < ball).mean(),
             authpct=100 * (own < cross.min(axis=1)).mean(), ratio=ratio, nearest=nearest,
             inception=np.array([isc["inception_score_mean"], isc["inception_score_std"]]))


if __name__ == "__main__":
    main()
