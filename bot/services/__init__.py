"""Use-cases with more than one door: the chat, the console, the clock, the payment provider."""
