"""Pages of Markdown, as tests read them: headings, links, blocks of code and the commands in these blocks."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^ *```(?P<language>\w*)\s*$")
_TARGET = re.compile(r"\]\((?P<target>[^)\s]+)\)")  # the text before it may begin on an earlier line
_INLINE_CODE = re.compile(r"`[^`]*`")


@dataclass(frozen=True)
class Block:
    """A block of code between two fences.

    Attributes:
        where: the page and the line of the first fence, such as ``docs/python.md:12``.
        language: the word after the first fence; empty if there is none.
        text: the lines between the fences, without their common indentation.
    """

    where: str
    language: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page of Markdown.

    Attributes:
        path: the file.
    """

    path: Path

    @property
    def name(self) -> str:
        """Return the path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """Return the whole text."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """Return the blocks of code in their order."""
        return [*self._read_blocks()]

    def _read_blocks(self) -> Iterator[Block]:
        first, language, lines = 0, "", list[str]()
        for number, line in enumerate(self.text.splitlines(), 1):
            fence = _FENCE.match(line)
            if fence and not first:
                first, language, lines = number, fence["language"], []
            elif fence:
                yield Block(f"{self.name}:{first}", language, dedent("\n".join(lines)))
                first = 0
            else:
                lines.append(line)
        assert not first, f"{self.name}:{first}: the block does not end"

    @cached_property
    def prose(self) -> list[tuple[int, str]]:
        """Return the lines outside of blocks of code, with their numbers."""
        inside, lines = False, []
        for number, line in enumerate(self.text.splitlines(), 1):
            if _FENCE.match(line):
                inside = not inside
            elif not inside:
                lines.append((number, line))
        return lines

    @property
    def spans(self) -> list[str]:
        """Return the contents of all spans of code outside of blocks, which may run over the end of a line."""
        return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", "\n".join(line for _, line in self.prose))]

    @property
    def headings(self) -> list[str]:
        """Return the texts of all headings."""
        return [line.lstrip("#").strip() for _, line in self.prose if re.match(r"#{1,6} ", line)]

    @property
    def anchors(self) -> set[str]:
        """Return the anchors of the headings, as GitHub names them."""
        found: set[str] = set()
        for heading in self.headings:
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            repeated = (f"{slug}-{number}" for number in range(1, 1000))
            found.add(slug if slug not in found else next(each for each in repeated if each not in found))
        return found

    @property
    def links(self) -> list[tuple[int, str]]:
        """Return the targets of all links and pictures with the numbers of the lines on which they are."""
        return [
            (number, link["target"])
            for number, line in self.prose
            for link in _TARGET.finditer(_INLINE_CODE.sub("", line))
        ]


def commands_of(block: Block, programs: Collection[str]) -> list[str]:
    """Return the command lines of a block, with continued lines joined.

    If a line begins with ``$``, these lines are the commands and the others what they print. Otherwise each line of a
    block in a shell's language is a command, and of a block without a language those that begin with a program.

    Args:
        block: a block in a shell's language, or without a language.
        programs: names of programs that begin a command.
    """
    lines = _logical_lines(block.text)
    if any(line.startswith("$ ") for line in lines):
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    if block.language:
        return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [line for line in lines if line.split(" ")[0] in programs]


def _logical_lines(text: str) -> list[str]:
    """Return the lines of a text, joined where a backslash or an open quotation continues a line."""
    lines: list[str] = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if lines and lines[-1].count("'") % 2:
            lines[-1] += f"\n{line}"
        else:
            lines.append(line)
    return lines
