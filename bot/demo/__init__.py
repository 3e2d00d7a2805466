"""The demo city: supervisor, seed, phone page and stand-ins; never imported in production."""
