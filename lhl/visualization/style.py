"""The colours that figures share."""
#: Those of Okabe and Ito, which the colour-blind can tell apart, without the yellow that is lost on white.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00', '#000000')
#: Of words, of axes and marks, and of the lines behind what is drawn.
TEXT, LINE, GRID = '#222222', '#767676', '#DDDDDD'
