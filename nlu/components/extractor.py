"""The entity extractor in Rasa's pipeline: spans.py behind Rasa's graph interface."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.spans import Marked, SpanModel, train


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class RiderEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Marks pile codes, places, times, … as learnt from the annotated messages."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`rounds` of training; more than these gain nothing."""
        return {"seed": 1, "rounds": 45}

    @staticmethod
    def required_packages() -> list[str]:
        """Checked by Rasa at load."""
        return ["sklearn_crfsuite"]

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
    ) -> RiderEntityExtractor:
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
    ) -> RiderEntityExtractor:
        """Called by Rasa's graph when a trained model is served."""
        with model_storage.read_from(resource) as folder:
            model = SpanModel(folder)
        return cls(config, model_storage, resource, model)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on every message."""
        # Sorted, so that the model does not depend on the order of files on a disk.
        messages = sorted(
            (
                Marked(each.get(TEXT), _spans(each))
                for each in training_data.nlu_examples
                if each.get(TEXT)
            ),
            key=lambda one: (one.text, one.spans),
        )
        with self._storage.write_to(self._resource) as folder:
            train(messages, folder, seed=self._config["seed"], rounds=self._config["rounds"])
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `entities`."""
        for message in messages:
            text = message.get(TEXT) or ""
            found = [
                {"entity": type_, "start": start, "end": end, "value": text[start:end]}
                for start, end, type_ in self._model.find(text)
            ]
            known = message.get(ENTITIES, [])
            message.set(ENTITIES, known + self.add_extractor_name(found), add_to_output=True)
        return messages


def _spans(message: Message) -> tuple[tuple[int, int, str], ...]:
    return tuple((e["start"], e["end"], e["entity"]) for e in message.get(ENTITIES, []))
