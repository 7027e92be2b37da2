# Sequential fine-tuning: the reference of the paper's Delta (HAD, Eq. 11).
method = dict(type='Vanilla')
