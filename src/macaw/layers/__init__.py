"""Layers: plain building blocks of networks, which know nothing of cards and tasks; torch starts here."""
