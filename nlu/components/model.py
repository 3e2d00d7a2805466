"""The intent model: small neural networks over one set of features, averaged.

Free of Rasa, so that it can be measured alone; classifier.py puts it into Rasa's pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from nlu.components import features, network

_CORES: Final = 2  # the parts learn side by side; each is as it would be alone


@dataclass(frozen=True, slots=True)
class Options:
    """What was found by measurement on nlu/dev (docs/understanding.md)."""

    seed: int = 20261120
    concept_weight: float = 0.7  # beside words and characters
    networks: int = 2
    hidden: int = 192
    epochs: int = 10
    input_dropout: float = 0.4
    hidden_dropout: float = 0.5
    temperature: float = 0.6  # below 1: surer; the networks learn to be modest


class Featurizer:
    """Texts to TF-IDF rows of words, characters and concepts."""

    def __init__(self, concept_weight: float) -> None:
        self._weights = (1.0, 1.0, concept_weight)
        self._parts = (
            TfidfVectorizer(
                tokenizer=str.split,
                ngram_range=(1, 2),
                sublinear_tf=True,
                token_pattern=None,
                min_df=2,  # half the features, the same accuracy
            ),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
            TfidfVectorizer(analyzer=_as_given, sublinear_tf=True),
        )

    def fit(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Learn the features of `texts` and return their rows."""
        return self._rows(texts, fit=True)

    def rows(self, texts: Sequence[str]) -> sp.csr_matrix:
        """The rows of other texts."""
        return self._rows(texts, fit=False)

    def _rows(self, texts: Sequence[str], *, fit: bool) -> sp.csr_matrix:
        levelled = [features.level(text) for text in texts]
        views = (levelled, levelled, [features.concepts(text) for text in texts])
        blocks = [
            (part.fit_transform(view) if fit else part.transform(view)) * weight
            for part, view, weight in zip(self._parts, views, self._weights, strict=True)
        ]
        return sp.hstack(blocks, format="csr", dtype=np.float32)


def _as_given(tokens: list[str]) -> list[str]:
    return tokens


class IntentModel:
    """Fit once, then `probabilities` of texts; the columns are `intents`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.intents: list[str] = []
        self._featurizer = Featurizer(options.concept_weight)
        self._networks: list[network.Network] = []

    def fit(
        self, texts: Sequence[str], intents: Sequence[str], say: Callable[[str], None]
    ) -> IntentModel:
        """Learn; the same texts in the same order give the same model."""
        chosen = self._options
        self.intents = sorted(set(intents))
        number = {intent: at for at, intent in enumerate(self.intents)}
        labels = np.array([number[intent] for intent in intents])
        rows = self._featurizer.fit(texts)
        say(f"{rows.shape[0]} messages, {rows.shape[1]} features")
        with ThreadPoolExecutor(_CORES) as pool:
            nets = [
                pool.submit(self._fit_network, rows, labels, at, say)
                for at in range(chosen.networks)
            ]
            self._networks = [net.result() for net in nets]
        return self

    def _fit_network(
        self, rows: sp.csr_matrix, labels: Any, at: int, say: Callable[[str], None]
    ) -> network.Network:
        chosen = self._options
        return network.learn(
            rows,
            labels,
            len(self.intents),
            seed=chosen.seed + at,
            hidden=chosen.hidden,
            epochs=chosen.epochs,
            input_dropout=chosen.input_dropout,
            hidden_dropout=chosen.hidden_dropout,
            say=lambda line: say(f"network {at + 1}: {line}"),
        )

    def probabilities(self, texts: Sequence[str]) -> Any:
        """An array of texts x intents; each row adds up to 1."""
        rows = self._featurizer.rows(texts)
        mixed = sum(_softmax(one.scores(rows)) for one in self._networks) / len(self._networks)
        return _softmax(np.log(mixed + 1e-9) / self._options.temperature)


def _softmax(scores: Any) -> Any:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
