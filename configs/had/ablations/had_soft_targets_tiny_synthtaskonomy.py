# HAD with the teacher's probabilities as targets inside the groups.
_base_ = ['../had_tiny_synthtaskonomy.py']
method = dict(temperature=1.0)
