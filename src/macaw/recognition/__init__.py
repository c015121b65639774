"""Recognition: a front-end and a head as one module, planned, trained and saved."""
