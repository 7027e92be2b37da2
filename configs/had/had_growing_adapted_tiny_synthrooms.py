# The heads of old tasks keep what they know, behind an adapter to the new features.
_base_ = ['./had_growing_tiny_synthrooms.py']
_base_.phases[1].old_heads = 'adapted'  # depth
_base_.phases[2].old_heads = 'adapted'  # normal
