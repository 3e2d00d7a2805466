"""Tests; a package so that its helpers have one name."""
