# Elastic weight consolidation (Kirkpatrick et al., PNAS 2017). A config adds penalty. HAD's Table 6 gives it without
# saying how the Fisher information is averaged: search it in our unit, see docs/methods.md.
method = dict(type='EWC')
