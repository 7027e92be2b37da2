"""How Sphinx builds the site: ``make docs``. What is generated, linked and checked is in ``_ext``."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / '_ext'))

project = 'lhl'
author = 'The lhl maintainers'
copyright = '2026, the lhl maintainers'  # noqa: A001
extensions = ['sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'myst_parser',
              'generated', 'repository_files', 'notebooks', 'mathml', 'reference_names']
exclude_patterns = ['_build', '_ext']
nitpicky = True
nitpick_ignore_regex = [('py:.*', r'(?!lhl\.).*|.*\._\w+')]  # what is not lhl's, or is private, is on no page here
highlight_language = 'none'
smartquotes = False  # two dashes are an option
pygments_style, pygments_dark_style = 'tango', 'monokai'

myst_enable_extensions = ['dollarmath', 'html_image']
myst_heading_anchors = 4
myst_links_external_new_tab = False
myst_url_schemes = ['http', 'https', 'mailto', 'repository']  # the last one: see _ext/repository_files.py

autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
autodoc_default_options = {'members': True, 'show-inheritance': True}
autoclass_content = 'class'
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_rtype = False
add_module_names = False

html_theme = 'furo'
html_title = 'lhl'
html_copy_source = False
html_static_path = ['_static']
html_css_files = ['site.css']
