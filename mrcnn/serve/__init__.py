"""The local page: its server, and a project of pictures, corrections and models behind it.

`command` starts it, `server` puts it together, `safety` decides who may ask. `detector` is the one
queue into the network, `project` the folder, `jobs` what is still to be done in it, `journal` and
`corrections` what people changed, `exports` the files of other programs, `learning` a training in
the background. `page/` has what the browser loads. The extra `serve` has the libraries.
"""
