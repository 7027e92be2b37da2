"""A notebook is a page with the outputs that it was saved with."""
from notebooks import as_markdown


def test_cells_and_outputs_become_markdown_in_their_order():
    cells = [dict(cell_type='markdown', source=['# Title\n', 'text']),
             dict(cell_type='code', source='print(1)', outputs=[
                 dict(output_type='stream', text=['1\n']), dict(data={'text/plain': 'Figure', 'image/png': 'QUJD\n'})]),
             dict(cell_type='code', source='', outputs=[])]
    assert as_markdown(dict(cells=cells)) == (
        '# Title\ntext\n\n````python\nprint(1)\n````\n\n````text\n1\n````\n\n![output](data:image/png;base64,QUJD)\n')
