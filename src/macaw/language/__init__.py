"""Language models of three generations behind one protocol, P(x1 ... xn): scored, sampled, explained."""
