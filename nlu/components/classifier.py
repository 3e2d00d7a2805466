"""The intent classifier in Rasa's pipeline: model.py behind Rasa's graph interface."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import joblib
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.model import IntentModel, Options
from nlu.components.requests import pieces

_FILE = "intents.joblib"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class RiderIntentClassifier(GraphComponent, IntentClassifier):
    """Ranks all intents for one message; the confidences add up to 1."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The model's options, and how many intents the answer lists."""
        return {**dataclasses.asdict(Options()), "ranking_length": 29}

    @staticmethod
    def required_packages() -> list[str]:
        """Checked by Rasa at load."""
        return ["sklearn", "joblib"]

    def __init__(
        self, config: dict[str, Any], storage: ModelStorage, resource: Resource, model: Any = None
    ) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model = model

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> RiderIntentClassifier:
        """Called by Rasa's graph before training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> RiderIntentClassifier:
        """Called by Rasa's graph when a trained model is served."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, joblib.load(folder / _FILE))

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on every example that has an intent and keep the model."""
        rows = [e for e in training_data.intent_examples if e.get(TEXT)]
        # Sorted, so that the model does not depend on the order of files on a disk.
        pairs = sorted((e.get(TEXT), e.get(INTENT)) for e in rows)
        names = [field.name for field in dataclasses.fields(Options)]
        model = IntentModel(Options(**{name: self._config[name] for name in names}))
        texts, intents = zip(*pairs, strict=True)
        self._model = model.fit(texts, intents, _progress)
        with self._storage.write_to(self._resource) as folder:
            joblib.dump(self._model, folder / _FILE, compress=3)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `intent` and `intent_ranking`."""
        rows = self._model.probabilities([m.get(TEXT) or "" for m in messages])
        for message, row in zip(messages, rows, strict=True):
            ranking = sorted(
                (
                    {"name": str(name), "confidence": float(p)}
                    for name, p in zip(self._model.intents, row, strict=True)
                ),
                key=lambda one: -one["confidence"],
            )
            message.set("intent", ranking[0], add_to_output=True)
            top = ranking[: self._config["ranking_length"]]
            message.set("intent_ranking", top, add_to_output=True)
            message.set("requests", self._requests(message), add_to_output=True)
        return messages

    def _requests(self, message: Message) -> list[dict[str, Any]]:
        """The best intent of each piece of a message that may hold several requests."""
        found = pieces(message.get(TEXT) or "")
        if not found:
            return []
        rows = self._model.probabilities(found)
        return [
            {
                "text": text,
                "name": self._model.intents[row.argmax()],
                "confidence": float(row.max()),
            }
            for text, row in zip(found, rows, strict=True)
        ]


def _progress(line: str) -> None:
    sys.stdout.write(f"intents: {line}\n")
    sys.stdout.flush()
