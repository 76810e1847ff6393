"""The page ``docs/sweep-files.md``: every key of a sweep file with its values, its default and its meaning."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from prunesweep.sweeps.catalogue import DATASETS
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reference.blocks import JsonSchema, Key, blocks_in, introduction_of, keys_of
from prunesweep.sweeps.words import listed

SAMPLE = """\
name: my_sweep
dataset: {name: cifar10, root: data, download: true}
seeds: [0]
baseline: {epochs: 30, learning_rate: 0.1}
adjustment: {epochs: 10, learning_rate: 1e-2}
axes:
  architecture: resnet20          # a single value needs no brackets
  structure: [filters, layers]    # each value is combined with all values of the other axes
  criterion: [l1, pls]
  iterations: [1, 2]
attacks:
  fgsm: {epsilons: [2/255, 8/255]}
  occlusion:                      # with its defaults
"""
SAMPLE_TRIALS = 11
"""The number of trials of the sample, as the page tells it."""


def as_markdown() -> str:
    """Return the documentation of sweep files in Markdown, which is the content of ``docs/sweep-files.md``."""
    preface = _PREFACE.format(sample=SAMPLE, trials=SAMPLE_TRIALS)
    return "\n".join([preface, *_sections()]).rstrip("\n") + "\n"


def _sections() -> Iterator[str]:
    """Yield the lines of all generated sections."""
    yield from _section("## The keys of a sweep file", introduction_of(Sweep), "", keys_of(Sweep))
    yield from _section("## dataset", introduction_of(DatasetSettings), "dataset.", _shared_dataset_keys())
    for name, entry in DATASETS.items():
        keys = _own_keys(entry.settings)
        yield from _section(f"### dataset: {{name: {name}}}", introduction_of(entry.settings), "dataset.", keys)
    for path, block in _blocks():
        yield from _section(f"{'#' * (2 + path.count('.'))} {path}", introduction_of(block), f"{path}.", keys_of(block))


def _shared_dataset_keys() -> list[Key]:
    """Return the keys that all data sets have; the values of ``name`` are the names of all data sets."""
    return [
        replace(key, schema={"enum": [*DATASETS]}) if key.name == "name" else key for key in keys_of(DatasetSettings)
    ]


def _own_keys(settings: type[DatasetSettings]) -> list[Key]:
    """Return the keys of a data set that not every data set has."""
    return [key for key in keys_of(settings) if key.name not in DatasetSettings.model_fields]


def _blocks() -> list[tuple[str, type[FrozenModel]]]:
    """Return the dotted path and the model of every block but that of the data set, each followed by those below it."""
    return [found for name in Sweep.model_fields if name != "dataset" for found in _blocks_below(Sweep, name, name)]


def _blocks_below(block: type[FrozenModel], name: str, path: str) -> Iterator[tuple[str, type[FrozenModel]]]:
    """Yield the path and the model of the block that a key leads to, and of all blocks below; nothing if to none.

    Args:
        block: the model that has the key.
        name: the name of the key.
        path: the dotted path of the key.
    """
    for inner in blocks_in(block.model_fields[name].annotation):
        yield path, inner
        for key in inner.model_fields:
            yield from _blocks_below(inner, key, f"{path}.{key}")


def _section(heading: str, introduction: str, prefix: str, keys: Sequence[Key]) -> Iterator[str]:
    """Yield the lines of one section: its heading, what the block is, and a table of its keys."""
    yield from (heading, "", introduction, "")
    if keys:
        yield from ("| key | value | default | meaning |", "| --- | --- | --- | --- |")
        yield from (_row(prefix, key) for key in keys)
        yield ""


def _row(prefix: str, key: Key) -> str:
    default = "required" if key.is_required else f"`{key.default}`" if key.default else ""
    cells = (f"`{prefix}{key.name}`", describe_values(key.schema), default, _sentence(key.meaning))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _sentence(text: str) -> str:
    return text.removesuffix(".") if text.count(". ") == 0 else text


def describe_values(schema: JsonSchema) -> str:
    """Return in words which values a schema allows: ``whole number ≥ 2``, ``list of values, each a number in (0, 1]``.

    Args:
        schema: the schema of values as they are after reading.
    """
    phrases = list(_phrases(schema))
    is_single_or_list = schema.get("anyOf", [schema])[-1].get("type") == "array" and len(phrases) > 1
    if is_single_or_list:
        return f"{listed(phrases[:-1], 'or')}, or a list of them"
    return listed(dict.fromkeys(phrases), "or")


def _phrases(schema: JsonSchema) -> Iterator[str]:
    """Yield one phrase per alternative that a schema allows, without null, which stands for a key that is left out."""
    alternatives = schema.get("anyOf", schema.get("oneOf"))
    if alternatives is not None:
        for alternative in alternatives:
            yield from _phrases(alternative)
    elif "enum" in schema or "const" in schema:
        yield from (f"`{name}`" for name in schema.get("enum", [schema.get("const")]) if name is not None)
    elif "$ref" in schema:
        yield "block"
    elif schema["type"] != "null":
        yield _DESCRIPTIONS[schema["type"]](schema)


def _describe_list(schema: JsonSchema) -> str:
    items = schema["items"]
    if "enum" in items:
        return f"list of {describe_values(items)}"
    return f"list of {'three' if schema.get('maxItems') == 3 else 'values'}, each a {describe_values(items)}"


_DESCRIPTIONS: Mapping[str, Callable[[JsonSchema], str]] = {
    "integer": lambda schema: f"whole number{_range(schema)}",
    "number": lambda schema: f"number{_range(schema)}",
    "boolean": lambda schema: "true or false",
    "string": lambda schema: schema.get("format", "word"),
    "array": _describe_list,
    "object": lambda schema: f"block of names, each with a {describe_values(schema['additionalProperties'])}",
}


def _range(schema: JsonSchema) -> str:
    """Return the range of a number as the end of a phrase: `` ≥ 2``, `` in (0, 1]``; empty if there is none."""
    bounds = {keyword: _grouped(schema[keyword]) for keyword in (*_LOWEST, *_HIGHEST) if keyword in schema}
    lowest = next((f"{_LOWEST[keyword]}{bound}" for keyword, bound in bounds.items() if keyword in _LOWEST), None)
    highest = next((f"{bound}{_HIGHEST[keyword]}" for keyword, bound in bounds.items() if keyword in _HIGHEST), None)
    if lowest is None or highest is None:
        return "" if lowest is None else f" {'≥' if lowest[0] == '[' else '>'} {lowest[1:]}"
    return f" in {lowest}, {highest}"


_LOWEST, _HIGHEST = {"minimum": "[", "exclusiveMinimum": "("}, {"maximum": "]", "exclusiveMaximum": ")"}


def _grouped(number: float) -> str:
    """Return a number with commas between groups of three digits."""
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


_PREFACE = """# Sweep files

A sweep file says which networks to train, prune, adjust and attack. It is YAML; `prunesweep run FILE` runs it, and
`prunesweep init` writes one for your data. In Python, a mapping with the same keys takes its place.

```yaml
{sample}```

`prunesweep plan FILE` says what this is: {trials} trials, namely 1 baseline, 2 controls and 8 pruned networks.

- **Lists.** Where the tables below say *or a list of them*, a single value needs no brackets. Each value of an axis is
  combined with all values of the other axes. If `axes` is a list of grids, their union is run.
- **Numbers** are written `0.1`, `1e-3` or `8/255`. Whole numbers are digits alone: no `3.0`, no `1_000`. There are no
  percent signs: a share of 10 % is `0.1`.
- **Units.** Shares, ε, means and standard deviations are in [0, 1]; ε, `mean` and `std` are in units of pixels that run
  from 0 (black) to 1 (white). Sides and paddings are in pixels. A value in another unit is refused, with a guess at
  what was meant.
- **YAML 1.2.** `010` is ten; `1:30`, `1_000`, `no` and `2026-11-27` are text. For a key that is true or false, `yes`,
  `no`, `on` and `off` are accepted. Anchors, aliases and merge keys (`<<`) work.
- **Paths** are relative to the folder in which the command runs. They may begin with `~` or `~USER`; variables such as
  `$NAME` are not expanded.
- **`--set KEY=VALUE`** replaces or adds a value for one run, with the keys of the tables below and a YAML value:
  `--set baseline.epochs=3 --set 'axes.ratio=[0.1, 0.2]'`. The items of a list are counted from 0: `--set
  axes.0.ratio=0.2` if `axes` is a list of grids.
- **Mistakes** are reported on one line each, with the line number, the key, the most similar valid key, and what is
  allowed.
- **Changes.** A result is named by a hash of everything that it was computed from. If you add values to an axis, a seed
  or an attack, only what is missing is computed. `name` and `resources` can change freely, except `resources.cpu`, on
  which training depends.

## In an editor

`sweep-files.schema.json`, beside this page, is a JSON schema of sweep files. With it, an editor completes keys and
names, shows what they mean, and underlines mistakes. Without this repository, Python writes it:

```
python -c 'from prunesweep.sweeps.reference import json_schema_text as text; print(text())' > sweep-files.schema.json
```

In VS Code with the extension *YAML* (Red Hat), and in every editor that uses yaml-language-server, name the schema on
the first line of a sweep file, as a path or a URL:

```yaml
# yaml-language-server: $schema=sweep-files.schema.json
```

or for many files in `settings.json`: `"yaml.schemas": {{"sweep-files.schema.json": ["sweeps/*.yaml"]}}`. What concerns
several keys at once, such as a headline that is not among the ε, is found only by `prunesweep plan`.

The rest of this page and the schema are generated from the models in `prunesweep.sweeps` by
`prunesweep.sweeps.reference`.
"""
