"""The commands that trained the embedded models."""
