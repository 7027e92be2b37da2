# A model of its own for each task, on the images of its phase: the label amount of the stream (HAD, Sec. 5.4, Fig. 4).
method = dict(type='SingleTask')
