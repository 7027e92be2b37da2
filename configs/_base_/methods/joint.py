# All tasks at once (HAD, Sec. 5.1). A config gives the one phase; HAD gives no task weights.
method = dict(type='Joint')
