# Adds a fourth task to the quickstart's run: python tools/extend.py work_dirs/quickstart/had --config THIS_FILE
_base_ = ['../_base_/streams/reshading_synthrooms.py', '../_base_/methods/rcd_normalized.py']
