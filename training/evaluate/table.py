"""Rows of the table: what is measured, its value beside its floor, how many samples, and what stands beside. Knows no measure."""
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Row:
    """`floor` is the least value that passes, or the most where `most`; `beside` holds ceilings, baselines and parts."""

    measure: str
    value: float
    floor: float
    samples: int
    unit: str = '%'
    most: bool = False
    beside: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.value <= self.floor if self.most else self.value >= self.floor

    def shown(self, value: object) -> str:
        if isinstance(value, float):
            return f'{100 * value:.1f} %' if self.unit == '%' else f'{value:.2f}{" " + self.unit if self.unit else ""}'
        return str(value)


def text(value: object) -> str:
    """Numbers beside a row: shares in 0..1 as per cent when floats named so by their tuple ('%', x)."""
    if isinstance(value, tuple):
        return f'{100 * value[1]:.1f} %' if value[0] == '%' else f'{value[1]:.3g} {value[0]}'.strip()
    return f'{value:.3g}' if isinstance(value, float) else str(value)


def share(value: float) -> tuple[str, float]:
    return '%', float(value)


def markdown(rows: list[Row], title: str) -> str:
    lines = [f'# {title}', '', '| measure | value | at least | | n | beside |', '|---|---|---|---|---|---|']
    for row in rows:
        floor = f'{"at most " if row.most else ""}{row.shown(float(row.floor))}'
        beside = '; '.join(f'{name} {text(value)}' for name, value in row.beside.items())
        lines.append(f'| {row.measure} | **{row.shown(float(row.value))}** | {floor} | {"pass" if row.passed else "FAIL"} | {row.samples} | {beside} |')
    passed = sum(row.passed for row in rows)
    return '\n'.join([*lines, '', f'{passed} of {len(rows)} rows pass; {sum(row.seconds for row in rows):.0f} s of processor time.', ''])


def save(rows: list[Row], folder: Path, title: str) -> None:
    """Adds to what earlier runs of other rows left in the folder."""
    path = folder / 'table.json'
    kept = {entry['measure']: entry for entry in json.loads(path.read_text())} if path.exists() else {}
    kept |= {row.measure: asdict(row) | {'passed': bool(row.passed)} for row in rows}
    path.write_text(json.dumps(list(kept.values()), indent=1, default=float))
    everything = [Row(**{key: value for key, value in entry.items() if key != 'passed'}) for entry in kept.values()]
    for row in everything:
        row.beside = {name: tuple(value) if isinstance(value, list) else value for name, value in row.beside.items()}
    (folder / 'table.md').write_text(markdown(everything, title))
