"""One script for each claim of BENCHMARKS.md, each against a named peer in the same run."""
