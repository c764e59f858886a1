#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goldens of the linear and the ridge head, made with scikit-learn in float64; run from the repository's root.

head.npz  X, y            120 rows of 10 features whose scales lie between 1e-3 and 1e3, two of them correlated, one constant; 4 classes
          Q               30 rows to classify
          strength        L2 strengths s of  F = 1/M sum_i -log softmax(W z_i + b)[y_i] + s/2 ||W||^2,  z = X standardised
          coef, bias, loss, logits    of each strength: [S,4,10], [S,4], [S], and [S,30,4] of Q
ridge.npz X, y, Q, strength as there; few = 8: rows of X that a second regression takes (fewer than features)
          values, few_values          of Ridge(alpha = rows * strength) to one-hot targets, of Q: [S,30,4]
"""
import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

CLASSES, ROWS, QUERIES = 4, 120, 30
STRENGTHS = [1.0, 0.1, 0.01, 0.001]


def features(rng, labels):
    centres = np.random.RandomState(1).normal(size=(CLASSES, 10))
    x = 0.8 * centres[labels] + rng.normal(size=(len(labels), 10))
    x[:, 3] = x[:, 2] + 0.1 * x[:, 3]
    x = x * np.logspace(-3, 3, 10) + np.linspace(-20, 20, 10) * np.logspace(-3, 3, 10)
    x[:, 7] = 4.25
    return x.astype(np.float32)


def softmax_loss(logits, labels):
    top = logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0] - logits[np.arange(len(labels)), labels])


def steepest(z, labels, coef, bias, strength):
    """The largest entry of F's gradient: 0 at the minimum."""
    logits = z @ coef.T + bias
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = p / p.sum(axis=1, keepdims=True) - np.eye(CLASSES)[labels]
    return max(np.abs(d.T @ z / len(z) + strength * coef).max(), np.abs(d.mean(axis=0)).max())


def ridge(X, y, Q, strength):
    mean, deviation = X.astype(np.float64).mean(axis=0), X.astype(np.float64).std(axis=0)
    scale = np.where(deviation > 1e-12 + 1e-7 * np.abs(mean), 1 / np.where(deviation > 0, deviation, 1), 0)
    return Ridge(alpha=len(X) * strength, solver="svd").fit((X - mean) * scale, np.eye(CLASSES)[y]).predict((Q - mean) * scale)


def make_ridge():
    rng = np.random.RandomState(0)
    y = np.arange(ROWS) % CLASSES
    X, Q, few = features(rng, y), features(rng, np.arange(QUERIES) % CLASSES), 8
    np.savez_compressed("tests/golden/ridge.npz", X=X, y=y, Q=Q, strength=np.array(STRENGTHS), few=np.array([few]),
                        values=np.array([ridge(X, y, Q, s) for s in STRENGTHS]), few_values=np.array([ridge(X[:few], y[:few], Q, s) for s in STRENGTHS]))


def main():
    make_ridge()
    rng = np.random.RandomState(0)
    y = np.arange(ROWS) % CLASSES
    X, Q = features(rng, y), features(rng, np.arange(QUERIES) % CLASSES)
    mean, deviation = X.astype(np.float64).mean(axis=0), X.astype(np.float64).std(axis=0)
    scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
    Z, ZQ = (X - mean) * scale, (Q - mean) * scale
    coef, bias, loss, logits = [], [], [], []
    for strength in STRENGTHS:
        model = LogisticRegression(C=1 / (ROWS * strength), solver="newton-cg", multi_class="multinomial", tol=1e-9, max_iter=1000)
        model.fit(Z, y)
        coef.append(model.coef_)
        bias.append(model.intercept_ - model.intercept_.mean())
        loss.append(softmax_loss(Z @ coef[-1].T + bias[-1], y) + strength / 2 * np.sum(coef[-1] ** 2))
        logits.append(ZQ @ coef[-1].T + bias[-1])
        slope = steepest(Z, y, coef[-1], bias[-1], strength)
        assert slope < 1e-8, slope
        print(f"strength {strength}: loss {loss[-1]:.12f}, slope {slope:.1e}, accuracy {np.mean(model.predict(Z) == y):.3f}")
    np.savez_compressed("tests/golden/head.npz", X=X, y=y, Q=Q, strength=np.array(STRENGTHS), coef=np.array(coef), bias=np.array(bias),
                        loss=np.array(loss), logits=np.array(logits))


if __name__ == "__main__":
    main()
