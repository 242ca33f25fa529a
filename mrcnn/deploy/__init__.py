"""Trained networks in formats that need neither Keras nor this package.

`formats` lists them, and imports nothing heavy. `export` makes the folder of an exported network:
`ports` says what goes in and comes out, `network` is what is written, `saved_model` and `onnx_file`
write it, and `readme` explains it to whoever gets the folder. `onnx_network` goes through the
layers of Keras and puts them into an `onnx_graph`: those on feature maps as `onnx_layers` says, and
what is done with boxes as `onnx_regions`. `tracing` makes a TensorFlow function of a network.
"""
