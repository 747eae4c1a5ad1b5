"""Components of bundles that were exported before, taken over into another: their files linked or copied beside it, their configs as they are.

Knows bundle.json; no model.
"""
import json
import os
import shutil
from pathlib import Path


class Donor:
    """One bundle folder; `prefix` is where its files go."""

    def __init__(self, folder: Path, prefix: str):
        self.folder, self.prefix = folder, prefix
        if not (folder / 'bundle.json').is_file():
            raise SystemExit(f'{folder}: no bundle.json; export the model to a bundle first.')
        self.bundle = json.loads((folder / 'bundle.json').read_text())

    def component(self, name: str, out: Path) -> dict:
        """The component with its files under OUT/PREFIX; hashes stay."""
        component = json.loads(json.dumps(self.bundle['components'][name]))
        for file in component['files'].values():
            target = out / self.prefix / file['path']
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                try:
                    os.link(self.folder / file['path'], target)
                except OSError:
                    shutil.copyfile(self.folder / file['path'], target)
            file['path'] = f'{self.prefix}/{file["path"]}'
        return {**component, 'licence': component.get('licence', self.bundle['licence'])}

    def output(self, name: str) -> dict:
        """The output of this name, or the only one."""
        outputs = self.bundle['outputs']
        found = outputs.get(name) or (next(iter(outputs.values())) if len(outputs) == 1 else None)
        if found is None:
            raise SystemExit(f'{self.folder}: makes no {name}; it makes {", ".join(outputs) or "nothing"}.')
        return found
