from lhl.apis.dataset_check.report import Problem, Report, SplitReport


def numbers(**options):
    return dict(dict(images=3, without=1, valid=0.25), **options)


def classes(**shares):
    return {name: dict(pixels=share, images=images) for name, (share, images) in shares.items()}


REPORT = Report(
    'mine', [Problem('image', 'val', 'a.png is broken'), Problem('target', 'train', 'b.png is broken'),
             Problem('image', 'train', 'c.png is broken')],
    ['something else'],
    {'train': SplitReport(3, 1, 2, {'48 x 64': 2, '30 x 64': 1}, dict(
        depth=numbers(low=[0.5], high=[9.75], mean=[2.99613], std=[1.3589]),
        rooms=numbers(classes=classes(wall=(0.5, 2), floor=(0.00125, 1))))),
     'val': SplitReport(2, 0, 1, {'48 x 64': 2}, dict(
         normal=numbers(low=[-1.0, -1.0, -1.0], high=[1.0, 1.0, 1.0], mean=[0.0, -0.25, -0.5], std=[0.5, 0.5, 0.5]),
         rooms=numbers(classes=classes(wall=(1.0, 2), floor=(0.0, 0)))))},
    ['depth=dict(mean=3.0)'], 'As expected.', 'sheet.png')


def test_a_report_by_hand():
    assert REPORT.markdown() == '''\
# Data of mine

**3 problems** (image 2, target 1)

## Problems: image (2)

- val: a.png is broken
- train: c.png is broken

## Problems: target (1)

- train: b.png is broken

## Worth knowing

- something else

## Images

| split | images | left out | with problems |           height x width |
|-------|-------:|---------:|--------------:|-------------------------:|
| train |      3 |        1 |             2 | 48 x 64 (2), 30 x 64 (1) |
| val   |      2 |        0 |             1 |              48 x 64 (2) |

## Targets

| task   | split | images with | without | valid pixels |     lowest | highest |           mean |           std |
|--------|-------|------------:|--------:|-------------:|-----------:|--------:|---------------:|--------------:|
| depth  | train |           3 |       1 |        25.0% |        0.5 |    9.75 |          2.996 |         1.359 |
| rooms  | train |           3 |       1 |        25.0% |          - |       - |              - |             - |
| rooms  | val   |           3 |       1 |        25.0% |          - |       - |              - |             - |
| normal | val   |           3 |       1 |        25.0% | -1, -1, -1 | 1, 1, 1 | 0, -0.25, -0.5 | 0.5, 0.5, 0.5 |

## Classes of rooms

| class | train: % of pixels | train: images | val: % of pixels | val: images |
|-------|-------------------:|--------------:|-----------------:|------------:|
| wall  |              50.00 |             2 |           100.00 |           2 |
| floor |               0.12 |             1 |             0.00 |           0 |

## Statistics of the training images, for the config

```python
tasks = dict(
    depth=dict(mean=3.0),
)
```

## Axes of the normals

As expected.

![Some images with their targets](sheet.png)'''


def test_a_column_with_a_word_in_any_row_is_set_to_the_left():
    targets = dict(rooms=numbers(classes={label: dict(pixels=0.5, images=images) for label, images in (
        ('wall', 'a1'), ('floor', '12'))}))
    report = Report('mine', [], splits={'train': SplitReport(3, 0, 0, {}, targets)})
    assert '| class | train: % of pixels | train: images |\n|-------|-------------------:|---------------|' \
        in report.markdown()


def test_the_document_has_everything_in_plain_types():
    document = REPORT.document()
    assert document['problems'][1] == dict(kind='target', split='train', sentence='b.png is broken')
    assert document['splits']['val']['targets']['normal']['mean'] == [0.0, -0.25, -0.5]
    assert set(document) == {'config', 'problems', 'notes', 'splits', 'config_lines', 'axes', 'contact_sheet'}


def test_of_many_problems_and_sizes_the_first_are_shown_and_the_others_counted():
    def lines(count):
        report = Report('mine', [Problem('image', 'train', f'{number}.png') for number in range(count)],
                        splits={'train': SplitReport(9, 0, 0, {f'{size} x 1': 1 for size in range(count)}, {})})
        return report.markdown().splitlines()

    twenty, more = lines(20), lines(23)
    assert '- train: 19.png' in twenty and not any('more, all in' in line for line in twenty)
    assert '- train: 19.png' in more and '- train: 20.png' not in more
    assert '- and 3 more, all in report.json' in more
    sizes, = [line for line in more if line.startswith('| train ')]
    assert sizes.endswith('| 0 x 1 (1), 1 x 1 (1), 2 x 1 (1), 3 x 1 (1), 19 more sizes |')
    sizes, = [line for line in lines(4) if line.startswith('| train ')]
    assert sizes.endswith('3 x 1 (1) |')
