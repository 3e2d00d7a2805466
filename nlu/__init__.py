"""Understanding riders: button, photo code, safety words, keywords, Rasa; see understand.py."""
