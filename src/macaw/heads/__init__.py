"""Heads: features become a raw answer; one file holds a head's layer, its targets and its loss."""
