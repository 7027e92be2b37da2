_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/gpm.py']
method = dict(threshold=0.9)  # found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md
