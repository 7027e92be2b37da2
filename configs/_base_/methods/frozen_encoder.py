# Paradigm 3 of HAD's Table 3: from phase 2 on only the new head learns.
method = dict(type='FrozenEncoder')
