"""Rasa's whitespace tokenizer, with every Chinese character as a token of its own."""

from __future__ import annotations

import re
from typing import Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.training_data.message import Message

# One Chinese character; or a word with its inner . , : ' - (18:30, 1023-27); or one sign.
_TOKEN = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W\u3400-\u9fff\uf900-\ufaff]+(?:[.,:/-][^\W\u3400-\u9fff\uf900-\ufaff]+)*"
    r"|[^\s\w]"
)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class RiderTokenizer(Tokenizer):
    """Splits a rider's message into tokens in any of our languages."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """What Rasa's Tokenizer wants to know."""
        return {
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> RiderTokenizer:
        """Called by Rasa's graph."""
        return cls(config)

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """The tokens of one message; a text of nothing but spaces is one token."""
        text = message.get(attribute)
        found = [Token(m[0], m.start()) for m in _TOKEN.finditer(text)]
        return found or [Token(text, 0)]
