"""What Schemathesis cannot guess: things that are there, and bodies that get past the first check.

Every second call of an operation goes out as it was generated; the others name a job, a medium, ... that there is,
and ask for little in plain words. Knows addresses and names of fields, no answer.
"""

import base64
import collections
import itertools
import json
import os
import struct
import time
import urllib.request
import zlib

import schemathesis

ADDRESS = os.environ["ANYMODAL_ADDRESS"]


def png(side: int = 64) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\x40\x20" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = png()
PICTURE_URL = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
USER = [{"role": "user", "content": "a red apple"}]
MESSAGE = [{"type": "message", "role": "user", "content": "a red apple"}]
WORDS = [{"type": "text", "text": "a red apple"}]


def ask(path: str, body: dict | None = None) -> dict:
    """The answer of an address, which must be a good one."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ADDRESS + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def made() -> dict[str, str]:
    """Ids of one thing of each kind, by the start of its address."""
    conversation = ask("/v1/conversations", {})["id"]
    item = ask(f"/v1/conversations/{conversation}/items", {"items": MESSAGE})["data"][0]["id"]
    job = ask("/v1/jobs", {"input": WORDS, "outputs": ["image"], "options": {"image": {"steps": 1}}})["id"]
    video = ask("/v1/videos", {"prompt": "a ball", "steps": 1})["id"]
    for path, good in ((f"/v1/jobs/{job}", "completed"), (f"/v1/videos/{video}", "completed")):
        state = next(status for _ in range(600) if (status := ended(path)))
        assert state == good, f"{path} is {state}"
    return {
        "/v1/chat/completions": ask("/v1/chat/completions", {"messages": USER, "store": True, "max_tokens": 3})["id"],
        "/v1/conversations": conversation,
        "item": item,
        "/v1/jobs": job,
        "/v1/media": ask("/v1/media", {"data": PICTURE_URL})["id"],
        "/v1/models": ask("/v1/models")["data"][0]["id"],
        "/v1/responses": ask("/v1/responses", {"input": "a red apple", "max_output_tokens": 3})["id"],
        "/v1/videos": video,
    }


def ended(path: str) -> str | None:
    """The status of what has ended; what has not is waited for a little."""
    status = ask(path)["status"]
    if status in ("completed", "failed", "cancelled"):
        return status
    time.sleep(0.2)
    return None


IDS = made()

# What makes a body good, by its address; fields that name other things go.
GOOD = {
    "/v1/jobs": {"input": WORDS, "outputs": ["image"], "options": {}, "mix": None, "mask": None, "count": 1, "deadlineMs": None},
    "/v1/chat/completions": {"messages": USER, "max_tokens": 3, "logprobs": False, "top_logprobs": 0, "response_format": None, "tool_choice": None, "audio": None},
    "/v1/responses": {"input": "a red apple", "max_output_tokens": 3, "text": None, "tool_choice": None, "tools": [], "prompt": None},
    "/v1/conversations/{id}/items": {"items": MESSAGE},
    "/v1/media": {"data": PICTURE_URL},
    "/v1/media/search": {"text": "a red apple"},
    "/v1/images/generations": {"prompt": "a red apple", "steps": 1, "n": 2},
    "/v1/images/edits": {"prompt": "make it green", "image": PICTURE_URL, "steps": 1, "mask": None, "images": None},
    "/v1/images/variations": {"image": PICTURE_URL, "steps": 1},
    "/v1/images": {"prompt": "a red apple", "input_references": []},
    "/sdapi/v1/options": {"sd_model_checkpoint": IDS["/v1/models"]},
    "/sdapi/v1/txt2img": {"prompt": "a red apple", "steps": 1, "override_settings": None},
    "/sdapi/v1/img2img": {"prompt": "make it green", "init_images": [PICTURE_URL], "steps": 1, "mask": None, "override_settings": None},
    "/v1/videos": {"prompt": "a ball", "steps": 1, "input_reference": None},
    "/v1/videos/edits": {"prompt": "make it blue", "steps": 1, "video": {"id": IDS["/v1/videos"]}},
    "/v1/videos/{id}/remix": {"prompt": "a ball bounces"},
    "/v1/audio/speech": {"input": "Hello.", "voice": "alloy"},
    "/v1/audio/generations": {"prompt": "rain", "steps": 1},
    "/v1/audio/generate": {"input": "rain", "steps": 1},
    "/v1/sound-generation": {"text": "rain", "steps": 1},
    "/v1/embeddings": {"input": ["a red apple"]},
}
ELSEWHERE = ("model", "model_id", "conversation", "previous_response_id", "previous_job_id")
calls: collections.Counter[str] = collections.Counter()


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """Makes every second call of an operation a good one, as far as it can."""
    path = case.operation.path
    label = case.operation.label
    calls[label] += 1
    if calls[label] % 2 == 0:
        return
    if case.method.upper() != "DELETE" and isinstance(case.path_parameters, dict):
        for name in case.path_parameters:
            known = "item" if name == "item" else next((start for start in IDS if path.startswith(start)), None)
            if known is not None:
                case.path_parameters[name] = IDS[known]
    good = GOOD.get(path)
    if good is None or not isinstance(case.body, dict):
        return
    sent = {name: value for name, value in case.body.items() if name not in ELSEWHERE}
    # Three of the fields that were generated stay as they are.
    kept = dict(itertools.islice(((name, value) for name, value in sent.items() if name not in good), 3))
    form = case.media_type == "multipart/form-data"
    for name, value in good.items():
        if value is not None:
            kept[name] = json.dumps(value) if form and not isinstance(value, str) else value
    case.body = kept
