"""Keras layers and graphs: backbone, feature pyramid, RPN, heads and the assembled detector."""
