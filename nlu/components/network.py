"""A small neural network over sparse features, in numpy: one hidden layer, dropout on its input.

Dropping features while it learns makes it rely on no single word, which is what helps with
messages of people it never read; it learns in seconds where a tensor library would take minutes,
since only the rows of the features in a batch are touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import scipy.sparse as sp

Array = np.ndarray[Any, np.dtype[np.float32]]

_BATCH: Final = 256
_DECAY: Final = (0.9, 0.999)  # of Adam's two moments


class _Adam:
    """Adam for the dense parameters, in place."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self._mean = np.zeros_like(values)
        self._square = np.zeros_like(values)

    def step(self, gradient: Array, rate: float, at: int) -> None:
        first, second = _DECAY
        self._mean += (1 - first) * (gradient - self._mean)
        self._square += (1 - second) * (gradient * gradient - self._square)
        mean, square = self._mean / (1 - first**at), self._square / (1 - second**at)
        self.values -= rate * mean / (np.sqrt(square) + 1e-8)


class _Rows:
    """Adam without momentum for the input weights, one scale a row: only the rows of features
    that occur in a batch move."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self._square = np.zeros(len(values), np.float32)

    def step(self, rows: Any, gradient: Array, rate: float, at: int) -> None:
        second = _DECAY[1]
        square = self._square[rows] * second
        square += (1 - second) * np.einsum("ij,ij->i", gradient, gradient) / gradient.shape[1]
        self._square[rows] = square
        scale = rate / (np.sqrt(square / (1 - second**at)) + 1e-8)
        gradient *= scale[:, None]
        self.values[rows] -= gradient


class Network:
    """features → hidden (relu) → one score an intent."""

    def __init__(self, weights: tuple[Array, Array, Array, Array]) -> None:
        self._input, self._bias, self._output, self._end = weights

    def __getstate__(self) -> tuple[Array, ...]:
        # Half precision: half the file and memory, no difference in what is understood.
        return tuple(part.astype(np.float16) for part in self._weights())

    def __setstate__(self, state: tuple[Array, ...]) -> None:
        self._input, self._bias, self._output, self._end = (
            state[0],
            *(part.astype(np.float32) for part in state[1:]),
        )

    def _weights(self) -> tuple[Array, Array, Array, Array]:
        return self._input, self._bias, self._output, self._end

    def scores(self, features: sp.csr_matrix) -> Array:
        """A row of scores (logits) for each row of features."""
        rows = [
            features.data[a:b] @ self._input[features.indices[a:b]].astype(np.float32)
            for a, b in zip(features.indptr, features.indptr[1:], strict=False)
        ]
        hidden = np.maximum(np.array(rows).reshape(-1, len(self._bias)) + self._bias, 0)
        return np.asarray(hidden @ self._output + self._end)


def learn(
    features: sp.csr_matrix,
    labels: Any,
    classes: int,
    *,
    seed: int,
    hidden: int,
    epochs: int,
    input_dropout: float,
    hidden_dropout: float,
    rate: float = 3e-3,
    smoothing: float = 0.1,
    say: Callable[[str], None] = lambda _: None,
) -> Network:
    """Train on rows of `features` with labels 0 … classes - 1; the same seed, the same network."""
    rng = np.random.default_rng(seed)
    count, width = features.shape
    inputs = _Rows(_random(rng, width, hidden))
    bias, end = _Adam(np.zeros(hidden, np.float32)), _Adam(np.zeros(classes, np.float32))
    output = _Adam(_random(rng, hidden, classes))
    steps = epochs * -(-count // _BATCH)
    at = 0
    for epoch in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count, _BATCH):
            at += 1
            now = rate * (1 - at / (steps + 1))
            chosen = order[start : start + _BATCH]
            rows, batch = _compact(features[chosen], rng, input_dropout)
            before = batch @ inputs.values[rows] + bias.values
            mask = (before > 0) * _dropout(rng, before.shape, hidden_dropout)
            active = before * mask
            error = _softmax(active @ output.values + end.values)
            error -= smoothing / classes
            error[np.arange(len(chosen)), labels[chosen]] -= 1 - smoothing
            error /= len(chosen)
            back = (error @ output.values.T) * mask
            output.step(active.T @ error, now, at)
            end.step(error.sum(0), now, at)
            bias.step(back.sum(0), now, at)
            inputs.step(rows, batch.T @ back, now, at)
        say(f"epoch {epoch + 1} of {epochs}")
    return Network((inputs.values, bias.values, output.values, end.values))


def _random(rng: np.random.Generator, rows: int, columns: int) -> Array:
    return (0.05 * rng.standard_normal((rows, columns), np.float32)).astype(np.float32)


def _dropout(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> Array:
    return ((rng.random(shape, np.float32) >= share) / (1 - share)).astype(np.float32)


def _compact(batch: sp.csr_matrix, rng: np.random.Generator, dropout: float) -> tuple[Any, Any]:
    """The features that occur in a batch, and the batch with only their columns."""
    rows, places = np.unique(batch.indices, return_inverse=True)
    data = batch.data * _dropout(rng, batch.data.shape, dropout)
    shape = (batch.shape[0], len(rows))
    return rows, sp.csr_matrix((data, places.astype(np.int32), batch.indptr), shape=shape)


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
