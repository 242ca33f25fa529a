"""Networks that take a picture as it was read, and give boxes, classes, scores and masks in it.

`network` puts them together: `molding` brings the picture to the size of the network, with anchors
and image meta; `placing` puts the masks into the picture, and `overlap` leaves out what is found
twice. All are written once, with `arrays`, for a graph of ONNX and, by `tensorflow_graph`, for
a function of TensorFlow.
"""
