"""Pure rules: standard library only, integers for money and energy, time passed in."""
