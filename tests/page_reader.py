"""Reads a page of a report as a browser would, without one."""
from html.parser import HTMLParser

_VOID = {'meta', 'input', 'img', 'br', 'link', 'hr'}


class PageReader(HTMLParser):
    """What is in a page: its sections, its words, what it refers to, and whether its tags are balanced."""

    def __init__(self, page):
        super().__init__()
        self.open, self.unbalanced = [], []
        self.sections, self.references, self.tags, self.images, self.words = [], [], [], [], []
        self.ids, self.frames = [], []
        self.feed(page)
        self.close()
        self.unbalanced += self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids += [attributes['id']] if 'id' in attributes else []
        self.references += [attributes[name] for name in ('src', 'href', 'xlink:href') if name in attributes]
        if tag == 'section':
            self.sections.append(attributes['id'])
        if tag == 'img':
            self.images.append(attributes)
        if 'frame' in attributes.get('class', '').split():
            self.frames.append((int(attributes['data-phase']), 'empty' in attributes['class']))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ('script', 'style'):
            self.words.append(data)

    @property
    def text(self):
        return ' '.join(' '.join(self.words).split())
