from hypothesis import settings

settings.register_profile('untimed', deadline=None)  # the first example of a test also pays for what torch loads lazily
settings.load_profile('untimed')
