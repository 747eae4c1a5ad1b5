"""Figures of the exported language model on requests of every kind: the right outputs, what they carry, what is heard and seen, examples and
memory. Knows no training."""
import random
from collections import Counter

import numpy as np

from ..conditioning import conditioning_tokens
from ..data.sounds import SOUNDS
from ..evaluate import asked as written
from .base import tokenizer
from .dialogues import COLOURS, NOUNS
from .media import Clip, Picture, Sound
from .vocabulary import Conversation, Signal

#: Parts that are given what draws attached media.
ATTACHED = ("look", "listen", "watch", "mixed", "demanded", "examples")
ANSWERS = {"image": "Here is {}. ", "audio": "This is the sound of {}. ", "video": "Here is a video of {}. "}


def medium_of(output: str, caption: str):
    words = caption.split()
    noun = words[1] if len(words) > 1 else caption
    if output == "image":
        return Picture(noun, None)
    return Sound(caption, noun) if output == "audio" else Clip(noun, "", said=caption)


def conversation(before) -> Conversation:
    talk = Conversation(tokenizer())
    for request, output, caption in before:
        talk.user([request])
        talk.assistant([ANSWERS[output].format(caption), Signal(caption, (), medium_of(output, caption), output)], trained=False)
    return talk


def asked(graphs, show) -> dict:
    """The right outputs in the right order and pointing at the right media; captions by their cosine, spoken words exactly"""
    right, counts, pointed, at, cosines, spoken, words = Counter(), Counter(), 0, 0, {}, 0, 0
    for entry in written.ASKED:
        talk = conversation(entry.before)
        talk.user([entry.text])
        reply = graphs.reply(talk, longest=60)
        wanted = [output for output, *_ in entry.outputs]
        kind = "follow-up" if entry.before else "none" if not wanted else "several" if len(wanted) > 1 else wanted[0]
        counts[kind] += 1
        right[kind] += reply.outputs == wanted
        if reply.outputs != wanted:
            show(f"WRONG {wanted} {reply.outputs}: {entry.text}", reply)
            continue
        show(entry.text, reply)
        for made, (output, caption, references) in zip(reply.made, entry.outputs):
            if output == "speech":
                words, spoken = words + 1, spoken + (made.words.strip().strip('"').lower() == caption.lower())
                continue
            at, pointed = at + bool(entry.before), pointed + (bool(entry.before) and made.references == references)
            target = conditioning_tokens([caption])[0, 0]
            cosines.setdefault(("follow-up " if entry.before else "") + output, []).append(float(made.conditioning[0] @ target / np.linalg.norm(made.conditioning[0]) / np.linalg.norm(target)))
    return {"right outputs": f"{sum(right.values())}/{sum(counts.values())}", **{kind: f"{right[kind]}/{counts[kind]}" for kind in counts}, "references right": f"{pointed}/{at}", "spoken exactly": f"{spoken}/{words}",
            "cosine": {kind: f"{np.mean(values):.3f}" for kind, values in cosines.items()}, "below 0.6": sum(value < 0.6 for values in cosines.values() for value in values)}


def remember(graphs, show) -> dict:
    right = 0
    for before, question, word in written.REMEMBERED:
        talk = conversation(before)
        talk.user([question])
        reply = graphs.reply(talk)
        show(question, reply)
        right += word in reply.text and not reply.made
    return {"remembered": f"{right}/{len(written.REMEMBERED)}"}


def names(text: str, words: str) -> bool:
    """Whether an answer names a thing: its words without the article, or its last one"""
    bare = words.lower().split()
    bare = bare[1:] if bare and bare[0] in ("a", "an", "the") else bare
    return " ".join(bare) in text.lower()


def heard(text: str, sound: Sound) -> bool:
    """Whether an answer names the sound's class in any of its words"""
    known = SOUNDS.get(sound.name)
    return any(names(text, words) for words in (sound.name, sound.caption, *((*known.things, *known.events, *known.nouns) if known else ())))


def listen(graphs, show, attached, count: int = 40) -> dict:
    dice, text, named = random.Random(41), 0, 0
    for index in range(count):
        sound = attached["audio"](dice)
        talk = Conversation(tokenizer())
        talk.user([sound, written.LISTEN[index % len(written.LISTEN)]])
        reply = graphs.reply(talk)
        show(f"{sound.caption} ({sound.name})", reply)
        text += not reply.made
        named += heard(reply.text, sound)
    return {"text only": f"{text}/{count}", "names the class": f"{named}/{count}"}


def moves(text: str, motion: str) -> bool:
    stem = motion.split()[0][:4].lower() if motion else ""
    return bool(stem) and any(word.startswith(stem) for word in text.lower().replace(".", "").split())


def watch(graphs, show, attached, count: int = 40) -> dict:
    dice, text, thing, motion, moving, colour, coloured, hears, sounding = random.Random(42), 0, 0, 0, 0, 0, 0, 0, 0
    for index in range(count):
        clip = attached["video"](dice)
        talk = Conversation(tokenizer())
        talk.user([clip, written.WATCH[index % len(written.WATCH)]])
        reply = graphs.reply(talk)
        show(f"{clip.caption} + {clip.sound and clip.sound.caption}", reply)
        text += not reply.made
        thing += names(reply.text, clip.noun)
        moving, motion = moving + bool(clip.motion), motion + moves(reply.text, clip.motion)
        coloured, colour = coloured + bool(clip.colour), colour + bool(clip.colour and clip.colour in reply.text)
        sounding, hears = sounding + bool(clip.sound), hears + bool(clip.sound and heard(reply.text, clip.sound))
    return {"text only": f"{text}/{count}", "names the thing": f"{thing}/{count}", "names the motion": f"{motion}/{moving}", "names the colour": f"{colour}/{coloured}", "names the sound of its track": f"{hears}/{sounding}"}


def mixed(graphs, show, attached, count: int = 24) -> dict:
    """A picture, a sound and a video in any order, each named in the order given; then which one shows what the picture shows"""
    dice, order, each, which, edits = random.Random(43), 0, Counter(), 0, 0
    for index in range(count):
        kinds = dice.sample(("image", "audio", "video"), 3)
        media = {kind: attached[kind](dice) for kind in kinds}
        talk = Conversation(tokenizer())
        talk.user([*(media[kind] for kind in kinds), dice.choice(["name each", "what did I give you here?", "please tell me what each of these is"])])
        reply = graphs.reply(talk)
        show(" / ".join(media[kind].caption for kind in kinds), reply)
        text = reply.text.lower()
        words = {"image": ("picture",), "audio": ("sound", "hear"), "video": ("video",)}
        places = [min((text.find(word) for word in words[kind] if word in text), default=-1) for kind in kinds]
        order += not reply.made and -1 not in places and places == sorted(places)
        each["image"] += names(text, media["image"].noun)
        each["image colour"] += bool(media["image"].colour and media["image"].colour in text)
        each["audio"] += heard(text, media["audio"])
        each["video"] += names(text, media["video"].noun)
        ordinal = kinds.index("image") + 1
        talk.assistant([reply.text], trained=False)
        talk.user([dice.choice(["make the picture green", "the picture should be green", "turn the picture green please"])])
        reply = graphs.reply(talk)
        edits += [(made.output, made.references) for made in reply.made] == [("image", (ordinal,))]
    return {"all three in order": f"{order}/{count}", "named": {kind: f"{value}/{count}" for kind, value in each.items()}, "edit points at the picture": f"{edits}/{count}"}


def demanded(graphs, show, attached, count: int = 45) -> dict:
    """Mixes of media, with words or without, and the outputs demanded: whether a video's conditioning is nearer to something that moves than to the
    same thing still, and how near each output's is to what it should be about: the words, else the medium of its own kind, else the first"""
    from .happenings import MOTIONS, rows

    dice, moves, films, cosines, right = random.Random(45), 0, 0, {"image": [], "audio": [], "video": []}, 0
    for index in range(count):
        kinds = [kind for kind in ("image", "audio", "video") if dice.random() < 0.5] or ["video"]
        outputs = tuple(kind for kind in ("image", "audio", "video") if dice.random() < 0.6) or ("audio", "video")
        media = {kind: attached[kind](dice) for kind in kinds}
        words = dice.choice([None, "a dog barking", "a green car driving", "a bell ringing in the snow"])
        talk = Conversation(tokenizer())
        talk.user([*([words] if words else []), *media.values()])
        reply = graphs.reply(talk, required=outputs)
        right += reply.outputs == list(outputs)
        said = []
        for made in reply.made:
            if made.conditioning is None:
                continue
            about = words or media.get(made.output, media[kinds[0]]).caption
            unit = made.conditioning[0] / np.linalg.norm(made.conditioning[0])
            thing = words.rsplit(" ", 1)[0] if words else about
            pool = [about, thing, *(f"{thing} {row[0]}" for row in rows(MOTIONS)), *(f"a {noun}" for noun in NOUNS[::8])]
            targets = conditioning_tokens(pool)[:, 0] / 384**0.5
            nearest = pool[int((targets @ unit).argmax())]
            said.append(f"{made.output}: {nearest}")
            cosines[made.output].append(float(targets[0] @ unit))
            if made.output == "video":
                films, moves = films + 1, moves + any(word.endswith("ing") for word in nearest.split())
        show(f"{' / '.join(medium.caption for medium in media.values())} + {words} -> {'; '.join(said)}", reply)
    return {"outputs in order": f"{right}/{count}", "videos that move": f"{moves}/{films}", "cosine": {output: f"{np.mean(values):.3f}, {np.mean(np.array(values) > 0.6):.2f} above .6" for output, values in cosines.items() if values}}


def examples(graphs, show, attached, count: int = 24) -> dict:
    """A picture, its changed form, and a new picture"""
    dice, points, carried, operation = random.Random(44), 0, 0, 0
    pool = [f"make it {colour}" for colour in COLOURS] + [f"put it on a {colour} background" for colour in COLOURS]
    unit = conditioning_tokens(pool)[:, 0] / 384**0.5
    for index in range(count):
        colour, noun = dice.choice([c for c in COLOURS if c != "white"]), dice.choice(NOUNS)
        before = dice.choice([c for c in COLOURS if c != colour])
        new = attached["image"](dice)
        if index % 2:
            pair, prompt = (Picture(noun, before, background="white"), Picture(noun, before, background=colour)), f"put it on a {colour} background"
        else:
            pair, prompt = (Picture(noun, before), Picture(noun, colour)), f"make it {colour}"
        talk = Conversation(tokenizer())
        talk.user([*pair, new, written.EXAMPLES[index % len(written.EXAMPLES)]])
        reply = graphs.reply(talk)
        show(prompt, reply)
        points += [(made.output, made.references) for made in reply.made] == [("image", (3,))]
        carried += bool(reply.made and reply.made[0].conditioning is not None and pool[int((unit @ reply.made[0].conditioning[0]).argmax())] == prompt)
        operation += colour in reply.text and ("background" in reply.text) == bool(index % 2)
    return {"edits the new picture": f"{points}/{count}", "operation named": f"{operation}/{count}", "operation carried": f"{carried}/{count}"}
