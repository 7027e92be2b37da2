_base_ = ['../had/had_tiny_synthrooms.py']
method = dict(_delete_=True, type='Vanilla')
