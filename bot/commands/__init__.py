"""Commands for operators that need no other part than bot/: one module a subject."""
