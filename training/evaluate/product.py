"""The product as its user runs it: `anymodal batch`, `embed` and `chat` in one process for many jobs, and the files that come of it.

A run's files stay in a folder named after the bundle's checksum, so that a second evaluation of the same bundle makes nothing again.
"""
import hashlib
import json
import resource
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image, ImageSequence

from training.paths import work

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Made:
    """What came of one job: the text, and (output, file) in the order they were made."""

    text: str = ''
    files: list[tuple[str, Path]] = field(default_factory=list)
    failed: str | None = None

    @property
    def outputs(self) -> list[str]:
        return [output for output, _ in self.files if output != 'text']

    def first(self, output: str) -> Path | None:
        return next((path for name, path in self.files if name == output), None)


class Product:
    """`anymodal` of a checkout on one bundle; `seconds` is the processor time of all that ran."""

    def __init__(self, bundle: Path, share: float = 1.0, program: Path = ROOT):
        self.bundle, self.program = bundle.resolve(), program.resolve()
        digest = hashlib.sha256((self.bundle / 'bundle.json').read_bytes()).hexdigest()[:12]
        self.folder = work('evaluate', f'bundle-{digest}{f"-{share:g}" if share < 1 else ""}', 'x').parent
        self.node = shutil.which('node', path=f'{ROOT / "node_modules/.bin"}:/usr/local/bin:/usr/bin:/bin') or 'node'

    @property
    def seconds(self) -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def run(self, arguments: list[str], given: str | None = None, folder: Path | None = None) -> str:
        done = subprocess.run([self.node, str(self.program / 'src/cli/anymodal.js'), *arguments, '--model', str(self.bundle)], input=given, capture_output=True, text=True, cwd=folder or ROOT, timeout=3600)
        # A batch in which an item failed ends with 1, and so does a program that does not start.
        if done.returncode not in (0, 1) or (done.returncode == 1 and not done.stdout):
            raise RuntimeError(f'anymodal {arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}')
        return done.stdout

    def batch(self, name: str, jobs: list[dict]) -> list[Made]:
        """Answers in the order of the jobs; paths in them are absolute. An id comes from the job's place."""
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / 'jobs.jsonl').write_text(''.join(json.dumps({'id': f'{i:04}', **job}) + '\n' for i, job in enumerate(jobs)))
        self.run(['batch', str(place / 'jobs.jsonl'), '-o', str(place), '--json'])
        entries = {}
        for line in (place / 'manifest.jsonl').read_text().splitlines():
            entry = json.loads(line)
            entries[entry['id']] = entry
        out = []
        for i, job in enumerate(jobs):
            entry = entries.get(str(job.get('id', f'{i:04}')))
            out.append(Made(failed='nothing') if entry is None else Made(entry['text'], [(f['output'], place / f['path']) for f in entry['files']], entry.get('message')))
        return out

    def embed(self, inputs: list[str]) -> np.ndarray:
        """Unit vectors float32 [n, width] of texts, and of files as @path."""
        lines = []
        for at in range(0, len(inputs), 400):
            lines += [json.loads(line) for line in self.run(['embed', *inputs[at:at + 400], '--json']).splitlines()]
        return np.array([line['embedding'] for line in lines], np.float32)

    def chat(self, name: str, conversations: list[list[str]], settings: list[str]) -> list[list[Made]]:
        """Turns of conversations that follow each other, each begun afresh; one process, kept as its events."""
        place = self.folder / name
        kept, given = place / 'events.jsonl', '\n/reset\n'.join('\n'.join(turns) for turns in conversations) + '\n'
        if not kept.exists() or (place / 'given.txt').read_text() != given:
            place.mkdir(parents=True, exist_ok=True)
            events = self.run(['chat', '--json', '--seed', '5', '-o', str(place), *[part for setting in settings for part in ('--set', setting)]], given)
            (place / 'given.txt').write_text(given)
            kept.write_text(events)
        turns, now = [], Made()
        for line in kept.read_text().splitlines():
            event = json.loads(line)
            if event['type'] == 'text-delta':
                now.text += event['text']
            elif event['type'] == 'media-end':
                now.files.append((event['output'], Path(event['path']) if event.get('path') else place))
            elif event['type'] in ('job-end', 'job-error', 'job-abort'):
                now.failed = None if event['type'] == 'job-end' else event.get('message', event['type'])
                turns, now = [*turns, now], Made()
        rest = iter(turns)
        return [[next(rest, Made(failed='nothing')) for _ in talk] for talk in conversations]


def picture(path: Path | None) -> torch.Tensor:
    """float32 [3, 128, 128] in [-1, 1]; white where there is no file."""
    if path is None:
        return torch.ones(3, 128, 128)
    image = Image.open(path).convert('RGB')
    image = image if image.size == (128, 128) else image.resize((128, 128), Image.BOX)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def pictures(made: list[Made]) -> torch.Tensor:
    return torch.stack([picture(one.first('image')) for one in made])


def frames(path: Path | None) -> torch.Tensor:
    """float32 [16, 3, 128, 128] in 0..1 of an animated webp; white where there is no file."""
    if path is None:
        return torch.ones(16, 3, 128, 128)
    found = [np.array(frame.convert('RGB')) for frame in ImageSequence.Iterator(Image.open(path))]
    found = (found + [found[-1]] * 16)[:16]
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 255


def samples(path: Path | None, seconds: float = 4.096) -> np.ndarray:
    """float32 mono at 16 kHz of that length; silence where there is no file."""
    out = np.zeros(int(seconds * 16000), np.float32)
    if path is not None:
        wave, _ = soundfile.read(path, dtype='float32')
        wave = wave if wave.ndim == 1 else wave.mean(1)
        out[:len(wave)] = wave[:len(out)]
    return out


def save_picture(pixels: torch.Tensor, path: Path) -> Path:
    """A picture [3, H, W] in [-1, 1] as a file to hand to the product."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()).save(path)
    return path
