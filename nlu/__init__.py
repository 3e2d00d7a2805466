"""Understanding: button, QR, Rasa, keywords; and the Rasa project."""
