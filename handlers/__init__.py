"""One file an intent: the menu of the product."""
