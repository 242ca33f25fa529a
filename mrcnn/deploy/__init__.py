"""Trained networks in formats that need neither Keras nor this package.

`formats` lists them, and imports nothing heavy. `export` makes the folder of an exported network:
`ports` says what goes in and comes out, `tracing` makes a TensorFlow function of the network,
`saved_model` and `onnx_file` write it, and `readme` explains it to whoever gets the folder.
"""
