"""How good answers are: numbers with 95 % intervals, by kind of result; numpy only."""
