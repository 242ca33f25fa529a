"""Pure functions on tensors: boxes, anchors, non-maximum suppression, ROIAlign.

Everything here is `keras.ops` alone, so it runs unchanged on TensorFlow, JAX and PyTorch. No
function here knows a configuration or a layer, or reads a file.
"""
