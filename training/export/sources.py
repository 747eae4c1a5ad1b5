"""Where the weights of an exporter lie: a local folder, or the files of a hub's repository, fetched where they are not in the cache.

Knows folders and the hub's client; no model. Weights are read from safetensors, or as tensors alone where a repository has nothing else.
"""
from pathlib import Path

SETTINGS = ('*.json', '*.txt', '*.model', '**/*.json', '**/*.txt', '**/*.model')
WEIGHTS = ('*.safetensors', '**/*.safetensors')
OLD_WEIGHTS = ('*.bin', '**/*.bin')


def folder_of(source: str, needed: str) -> Path:
    """The folder itself, or that of a snapshot of the repository OWNER/NAME. Ends with the reason where there is neither; `needed` is a file that it has to have."""
    folder = Path(source)
    if folder.is_dir():
        if not (folder / needed).is_file():
            raise SystemExit(f'{source}: no {needed}; give a folder as its hub has it, or the id of one there.')
        return folder
    if source.count('/') != 1 or source.startswith(('.', '/')):
        raise SystemExit(f'{source}: no such folder, and no OWNER/NAME of a hub.')
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import HfHubHTTPError, LocalEntryNotFoundError
    try:
        try:
            names = HfApi().list_repo_files(source)
        except (OSError, HfHubHTTPError):
            names = []  # offline: what the cache has
        safe = not names or any(name.endswith('.safetensors') for name in names)
        weights = WEIGHTS if safe else OLD_WEIGHTS
        # In diffusers' layout weights lie in folders; what lies beside them is the whole again, in one file.
        weights = weights[1:] if needed == 'model_index.json' else weights
        found = Path(snapshot_download(source, allow_patterns=[*SETTINGS, *weights], ignore_patterns=['*.fp16.*', '*.non_ema.*']))
    except (OSError, LocalEntryNotFoundError, HfHubHTTPError) as error:
        raise SystemExit(f'{source}: {type(error).__name__}: it is not in the cache and cannot be fetched; `anymodal pull` or HF_ENDPOINT may help.') from error
    if not (found / needed).is_file():
        raise SystemExit(f'{source}: the repository has no {needed}.')
    return found
