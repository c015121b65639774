"""Runtime: what computes a model's core (ONNX Runtime, or torch when asked for), and the export of graphs."""
