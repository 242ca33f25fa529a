"""Detection over any list of images: moulding, batching, and results in the images' own pixels."""
