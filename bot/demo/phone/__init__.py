"""The demo's way in: a phone that looks like a WhatsApp chat, a map and a wall of piles."""
