"""Parts of the Rasa pipeline; this folder runs in .venv-nlu under Rasa, never in the service."""
