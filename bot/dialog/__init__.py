"""The conversation: intents and wishes, slots, the engine that fills them, the handoff fence."""
