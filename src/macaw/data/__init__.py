"""Data: readers of pictures and labels, prepare (raw input to arrays), splits. Nothing here imports torch."""
