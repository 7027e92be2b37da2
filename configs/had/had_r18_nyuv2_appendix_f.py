# The other reading of the thresholds: Appendix F (and the released code) call the group threshold k = 0.5 and the
# edge threshold tau = 0.9, the reverse of the main text. For ResNet-50 both are 0.6.
_base_ = ['./had_r18_nyuv2.py']
method = dict(group_threshold=0.5, saliency_guided=dict(edge_threshold=0.9))
