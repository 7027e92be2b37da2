# SPG as it is written, on the gradient: under Adam, which divides constant factors out, it hardly acts.
method = dict(type='SPG', edit='gradient')
