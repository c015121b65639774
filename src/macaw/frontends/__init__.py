"""Front-ends: an input becomes features that every head can read; one file per kind of input."""
