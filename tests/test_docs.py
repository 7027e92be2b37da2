"""What the documents name exists: files and folders by their paths, classes and functions by their dotted names."""
import importlib
import re

import pytest
from test_engine.tiny_stream import ROOT

DOCUMENTS = ['architecture.md', 'extending.md']


def code_of(document):
    """Everything set as code, in lines and in blocks."""
    text = (ROOT / 'docs' / document).read_text()
    blocks = re.findall(r'```.*?\n(.*?)```', text, re.S)
    return [*blocks, *re.findall(r'`([^`\n]+)`', re.sub(r'```.*?```', '', text, flags=re.S))]


def names_in(document, pattern):
    return sorted({name for code in code_of(document) for name in re.findall(pattern, code)})


def paths_in(document):
    return names_in(document, r'(?<![\w/])(?:lhl|configs|tools|docs)/[\w/.]*\w/?')


def dotted_in(document):
    return names_in(document, r'(?<![\w./])lhl(?:\.\w+)+')


def resolve(name):
    """Import as much of a dotted name as is a module, and look the rest up in it."""
    parts = name.split('.')
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module('.'.join(parts[:length]))
        except ModuleNotFoundError as error:
            if not name.startswith(str(error.name)):
                raise
            continue
        for part in parts[length:]:
            found = found.__dataclass_fields__[part] if part in getattr(found, '__dataclass_fields__', {}) else getattr(
                found, part)
        return found
    raise AttributeError(name)


@pytest.mark.parametrize('document, path', [(document, path) for document in DOCUMENTS for path in paths_in(document)])
def test_a_path_exists(document, path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize('document, name', [(document, name) for document in DOCUMENTS for name in dotted_in(document)])
def test_a_dotted_name_exists(document, name):
    resolve(name)


@pytest.mark.parametrize('name', ['lhl.methods.Nothing', 'lhl.methods.HAD.nothing', 'lhl.nothing', 'lhl.tasks.base.No'])
def test_a_name_that_does_not_exist_is_noticed(name):
    with pytest.raises(AttributeError):
        resolve(name)


def test_documents_name_much_of_what_they_are_about():
    assert len(paths_in('architecture.md')) > 8 and len(dotted_in('architecture.md')) > 30
    assert len(dotted_in('extending.md')) > 10 and 'lhl/methods/base.py' in paths_in('extending.md')


def test_the_picture_shows_every_room():
    picture = (ROOT / 'docs/images/architecture.svg').read_text()
    rooms = [path for path in (ROOT / 'lhl').iterdir() if (path / '__init__.py').exists()]
    rooms += [path for path in (ROOT / 'lhl/engine').iterdir() if (path / '__init__.py').exists()]
    missing = [str(path.relative_to(ROOT)) for path in rooms if f'{path.relative_to(ROOT)}/' not in picture]
    assert missing == []


def test_links_lead_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r'\]\(([^)#]+)[^)]*\)', (ROOT / 'docs' / document).read_text()):
            assert target.startswith('http') or (ROOT / 'docs' / target).exists(), f'{document}: {target}'
