_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/sgp.py']
method = dict(scale=100.0)  # found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md
