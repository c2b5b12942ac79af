"""A head for a network that was trained on other classes."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor, nn

from tiernas.training.sources.source import IntArray
from tiernas.training.splitting import stratified

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularization strengths to try; on 1,500 photos with 1,280 features 1e-3 to 1e-2 were best."""

_HELD_OUT = 0.2
"""Fraction of the images that decides between them."""

_MAX_ITERATIONS = 300

_FloatArray = npt.NDArray[np.float32]


def fit_head(features: Tensor, labels: Tensor) -> nn.Linear:
    """A linear layer from features to logits: multinomial logistic regression with an L2 penalty.

    The penalty is the one with the lowest log loss on a fifth of the images, if every class has two; the result is
    fitted to all of them. This keeps its probabilities from being overconfident on unseen images.

    Args:
        features: `(n, features)`.
        labels: `(n,)`, each of 0 ... classes - 1 at least once.
    """
    x: _FloatArray = features.numpy()
    y: IntArray = labels.numpy()
    mean, std = x.mean(0), x.std(0) + 1e-6
    x = (x - mean) / std
    fitted = _fit(x, y, _best_strength(x, y))
    weight, bias = np.atleast_2d(fitted.coef_), fitted.intercept_
    if len(weight) == 1:  # two classes: one logit, for the second
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    head = nn.Linear(x.shape[1], len(weight))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight / std))
        head.bias.copy_(torch.from_numpy(bias - (weight / std) @ mean))
    return head.requires_grad_(False)


def _best_strength(x: _FloatArray, y: IntArray) -> float:
    if np.bincount(y).min() < 2:
        return _STRENGTHS[len(_STRENGTHS) // 2]
    held_out, kept = stratified(y, round(_HELD_OUT * len(y)), np.random.default_rng(0), leave=1)

    def loss(strength: float) -> float:
        fitted = _fit(x[kept], y[kept], strength)
        return float(log_loss(y[held_out], fitted.predict_proba(x[held_out]), labels=fitted.classes_))

    return min(_STRENGTHS, key=loss)


def _fit(x: _FloatArray, y: IntArray, strength: float) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near the optimum is near enough
        return LogisticRegression(C=strength, max_iter=_MAX_ITERATIONS).fit(x, y)
