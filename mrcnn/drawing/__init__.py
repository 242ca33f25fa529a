"""Drawing: images, boxes, masks and curves as matplotlib figures, and tables of figures.

Functions that draw return the `Axes` they drew on, so `ax.figure.savefig(path)` saves the result
wherever it was shown. A figure that a function made itself stays open, for `plt.savefig` and
`plt.gcf()`, as long as matplotlib's backend leaves it open; a loop over many images closes each
with `plt.close()`. No backend is chosen here, and without a display nothing is shown.
"""
