"""Dialogues in which one thing comes in several forms: together, one turn after the other, remembered, or forced by the caller. Knows no vectors
and no weights."""
from ..data.nouns import article
from . import asking, phrases
from .concepts import STILL
from .media import Clip, Picture, Sound
from .talks import ANY_MOTION, DRAWN_SOUNDS, KINDS, OWN_MOTION, SOUNDS, Everything, Thing
from .vocabulary import Conversation, Signal


#: What is heard of a motion by itself.
AUDIBLE = ("bouncing", "knocking", "beating", "jumping", "falling", "rolling")


def lively(thing: Thing, dice) -> Thing:
    """The thing as what moves and is heard: of its own where it is known to, else bouncing, which is both"""
    motion = thing.motion if thing.motion and thing.motion not in (STILL, "animated") else OWN_MOTION[thing.noun][0] if thing.noun in OWN_MOTION else "bouncing"
    if thing.noun in SOUNDS:
        heard = SOUNDS[thing.noun][0]
    elif motion == "flashing" or motion == "blinking":
        heard = "something beeping"
    else:
        heard = f"{article(thing.noun)} {motion if motion.startswith(AUDIBLE) else 'bouncing'}"
    return Thing(thing.noun, thing.colour, heard, thing.word, motion, thing.verb)


class Together(Everything):
    """Several outputs"""

    def several(self) -> Conversation:
        talk, dice = self.start(), self.random
        thing, other, roll = self.thing(moving=0.5), self.thing(moving=0.5), dice.random()
        if roll < 0.24:
            words, caption, clip = self.film_subject()
            request = self.pick(asking.WITH_SOUND, v=self.pick("a video of {x}|make a video of {x}|film {x}|animate {x}|a clip of {x}|show me a video of {x}|a short video of {x}|an animation of {x}|create a video of {x}", x=words))
            heard = SOUNDS[clip.noun][0] if not clip.motion and clip.noun in SOUNDS else caption
            self.user(talk, request)
            sound = Sound(heard, clip.noun)
            film = Clip(clip.noun, clip.motion, clip.colour, sound=sound if dice.random() < 0.7 else None)
            self.reply(talk, self.pick(asking.WITH_SOUND_REPLY, x=words), [Signal(caption, (), film, "video"), Signal(heard, (), sound, "audio")])
            return self.perhaps_remember(talk, ("video", caption))
        things = [thing, thing, thing]
        if roll < 0.66:
            outputs = dice.sample(KINDS, 3 if dice.random() < 0.35 else 2)
            style = dice.randrange(2)
            parts = [self.choose((asking.PART_AFTER if index else asking.PART_NAMED)[output].split(";")[style], thing) for index, output in enumerate(outputs)]
            request = self.joined(parts, style)
        elif roll < 0.8:
            outputs = dice.sample(KINDS, 3 if dice.random() < 0.4 else 2)
            named = [dice.choice(asking.KIND_NAMES[output]) for output in outputs]
            listed = f"{named[0]} and {named[1]}" if len(named) == 2 else f"{named[0]}, {named[1]} and {named[2]}"
            request = self.choose(asking.KINDS_OF, thing, k=listed)
            things = [Thing(thing.noun, thing.colour, thing.heard, thing.word, "", "")] * 3
        elif roll < 0.85:
            outputs, request = ("image", "audio"), self.choose(asking.SEE_AND_HEAR, thing)
        else:
            outputs, things, style = dice.sample(KINDS, 2) if dice.random() < 0.85 else [dice.choice(KINDS)] * 2, [thing, other], dice.randrange(2)
            request = self.joined([self.choose(asking.PART_NAMED[output].split(";")[style], things[index]) for index, output in enumerate(outputs)], style)
        self.user(talk, request)
        signals = [Signal(things[index].caption(output), (), things[index].medium(output), output) for index, output in enumerate(outputs)]
        self.answer_several(talk, signals, things)
        return self.perhaps_remember(talk, (outputs[0], signals[0].prompt))

    def joined(self, parts: list[str], style: int) -> str:
        if len(parts) == 2:
            text = self.pick(asking.JOINED, a=parts[0], b=parts[1])
        else:
            text = self.pick(asking.JOINED_THREE, a=parts[0], b=parts[1], c=parts[2])
        return self.pick(asking.WANTED, a=text) if style == 1 and not text.startswith("first") else text

    def answer_several(self, talk: Conversation, signals: list[Signal], things: list[Thing]) -> list[int]:
        dice = self.random
        if dice.random() < 0.55:
            parts = []
            for signal, thing in zip(signals, things):
                parts += [(" " if parts else "") + self.choose(asking.PIECE_REPLY[signal.output], thing) + " ", signal]
            return talk.assistant(parts)
        pieces = [{"image": f"a picture of {signal.prompt}", "audio": f"the sound of {signal.prompt}", "video": f"a video of {signal.prompt}"}[signal.output] for signal in signals]
        listed = " and ".join(pieces) if len(pieces) < 3 else f"{pieces[0]}, {pieces[1]} and {pieces[2]}"
        return self.reply(talk, self.pick(asking.SEVERAL_REPLY, k=listed), signals, wordless=0.15)

    # Follow-ups and memory

    def perhaps_remember(self, talk: Conversation, *wishes: tuple[str, str], share: float = 0.12) -> Conversation:
        if self.random.random() < share:
            self.remember(talk, list(wishes))
        return talk

    def remember(self, talk: Conversation, wishes: list[tuple[str, str]]) -> None:
        dice = self.random
        roll = dice.random()
        if roll < 0.65 or len(wishes) == 1:
            asked, (output, caption) = asking.REMEMBER_FIRST, wishes[0]
        elif roll < 0.8:
            asked, (output, caption) = asking.REMEMBER_SECOND, wishes[1]
        else:
            asked, (output, caption) = asking.REMEMBER_LAST, wishes[-1]
        self.user(talk, self.pick(asked))
        talk.assistant([self.pick(asking.REMEMBERED[output], s=caption, x=caption)])

    def follows(self) -> Conversation:
        """One thing in several forms over several turns, then perhaps what was asked for first"""
        talk, dice, wishes = self.start(), self.random, []
        thing = self.thing(dice.random() < 0.8, moving=0.4)
        first = dice.choice(("image", "image", "image", "audio", "video"))
        caption = thing.caption(first)
        if first == "image":
            request, text = self.pick(phrases.ASK, x=caption, n=caption.split(" ", 1)[-1]), self.pick(phrases.ASK_REPLY, x=caption)
        elif first == "audio":
            request = self.choose(asking.HEAR_OWN, thing, s=article(thing.noun)) if thing.word and dice.random() < 0.6 else self.pick(asking.HEAR, x=caption, n=thing.noun)
            text = self.pick(asking.HEAR_REPLY, x=caption)
        else:
            request, text = self.pick(asking.FILM, x=caption), self.pick(asking.FILM_REPLY, x=caption)
        self.user(talk, request)
        latest = {first: self.reply(talk, text, [Signal(caption, (), thing.medium(first), first)])[0]}
        wishes.append((first, caption))
        for _ in range(dice.choice([1, 1, 2, 2, 3])):
            roll = dice.random()
            if roll < 0.14 and "image" in latest:
                ordinal, _ = self.edit(talk, (latest["image"], Picture(thing.noun, thing.colour)), last=False, named=f"the {thing.noun}" if len(latest) > 1 and dice.random() < 0.5 else None)
                latest["image"] = ordinal
                wishes.append(("edit", talk.signals[-1][1].prompt))
                continue
            if roll < 0.26:
                thing, latest = self.thing(dice.random() < 0.8, moving=0.4), {}
                output = dice.choice(KINDS)
                words = thing.caption(output)
                asked = {"image": phrases.ASK, "audio": asking.HEAR, "video": asking.FILM}[output]
                self.user(talk, self.pick(asked, x=words, n=words.split(" ", 1)[-1] if output == "image" else thing.noun))
                text = self.pick({"image": phrases.ASK_REPLY, "audio": asking.HEAR_REPLY, "video": asking.FILM_REPLY}[output], x=words)
            else:
                output = dice.choice([kind for kind in KINDS if kind not in latest] or list(KINDS))
                self.follow(talk, thing, output, latest, wishes)
                continue
            latest[output] = self.reply(talk, text, [Signal(words, (), thing.medium(output), output)])[0]
            wishes.append((output, words))
        if dice.random() < 0.5:
            self.remember(talk, wishes)
        return talk

    def follow(self, talk: Conversation, thing: Thing, output: str, latest: dict[str, int], wishes: list) -> None:
        dice, caption, references = self.random, thing.caption(output), ()
        if output == "audio":
            asked = asking.NOW_HEAR if "image" in latest or "audio" in latest else asking.NOW_VIDEO_SOUND
            if "video" in latest and "image" not in latest and thing.motion:
                caption = thing.filmed
        elif output == "video":
            moves = dice.random() < 0.35
            verb_motion = (OWN_MOTION.get(thing.noun) or dice.choice(ANY_MOTION)[:2]) if moves else ["", ""]
            thing = Thing(thing.noun, thing.colour, thing.heard, thing.word, *verb_motion[:2])
            asked, caption = asking.NOW_FILM_MOTION if moves else asking.NOW_FILM, thing.filmed
            references = (latest["image"],) if "image" in latest else ()
        else:
            asked = asking.NOW_ALONE if "video" in latest else asking.NOW_DRAW
        self.user(talk, self.choose(asked, thing))
        text = self.pick({"image": phrases.ASK_REPLY, "audio": asking.HEAR_REPLY, "video": asking.FILM_REPLY}[output], x=caption)
        latest[output] = self.reply(talk, text, [Signal(caption, references, thing.medium(output), output)])[0]
        wishes.append((output, caption))

    def remembers(self) -> Conversation:
        """Two to four short requests of any kind, then what they were"""
        talk, dice, wishes = self.start(), self.random, []
        for _ in range(dice.choice([1, 2, 2, 3])):
            roll = dice.random()
            if roll < 0.35:
                phrase, picture = self.subject()
                self.user(talk, self.pick(phrases.ASK, x=phrase, n=phrase.split(" ", 1)[-1]))
                self.reply_with_picture(talk, self.pick(phrases.ASK_REPLY, x=phrase), phrase, picture)
                wishes.append(("image", phrase))
            elif roll < 0.55:
                wishes.append(("audio", self.ask_sound(talk).caption))
            elif roll < 0.75:
                wishes.append(("video", self.ask_video(talk).caption))
            elif roll < 0.85:
                sentence = self.sentence()
                self.user_exactly(talk, self.pick(asking.SAY, t=sentence))
                talk.assistant([Signal(sentence, (), Sound("a person speaking", "voice"), "speech")])
                wishes.append(("speech", sentence))
            else:
                asked, answer = dice.choice(self.replays)
                talk.user([asked])
                talk.assistant([answer], trained=False)
                wishes.append(("text", asked))
        self.remember(talk, wishes)
        return talk

    # Forced by the caller

    def forces(self) -> Conversation:
        """The caller demands outputs whatever was said: their states must carry what the talk is about, as something that is seen, heard or moves"""
        talk, dice, roll = self.start(), self.random, self.random.random()
        outputs = dice.sample(KINDS, dice.choice([1, 2, 2, 3]))
        outputs = outputs if dice.random() < 0.5 else sorted(outputs, key=KINDS.index)
        trained = True
        if roll < 0.5:
            return self.demands(talk, outputs)
        thing = lively(self.thing(moving=0.5), dice)
        text = self.choose("Here is {s}.|This is {s}.|{S}.|Here you go: {s}.|Sure, here is {s}.|Here is {y}.|This is {y}.", thing)
        if roll < 0.6:
            thing = lively(self.thing(None, moving=0.0, coloured=0.0), dice)
            self.user(talk, self.pick("what is {s}?|tell me about {s}|do you like {s}?|{s}|I saw {s}|where do I find {s}?|why do people like {s}?", s=thing.shown))
            text, trained = self.choose("{S} is a fine thing.|I know {s}.|It depends on {s}.|{S}.|There is a lot to say about {s}.", thing), False
        elif roll < 0.8:
            self.user(talk, dice.choice([thing.shown, thing.shown, thing.noun, thing.heard, thing.filmed]))
        else:
            first = outputs[0]
            form = {"image": phrases.ASK, "audio": asking.HEAR, "video": asking.FILM}[first]
            self.user(talk, self.pick(form, x=thing.caption(first), n=thing.noun))
        return self.comply(talk, outputs, {output: thing.caption(output) for output in KINDS}, text, trained)

    def demands(self, talk: Conversation, outputs: list[str]) -> Conversation:
        """Media are given, with words or without: what is made is about the words where there are any, else about a medium of its own kind,
        else about another"""
        dice = self.random
        kinds = dice.sample(KINDS, dice.choice([1, 1, 2, 2, 3]))
        kinds = kinds if dice.random() < 0.5 else sorted(kinds, key=KINDS.index)
        media = {kind: self.attach(kind) for kind in kinds}
        things = {kind: lively(self.thing_of(medium), dice) for kind, medium in media.items()}
        track = getattr(media.get("video"), "sound", None)
        heard = {"audio": media["audio"].caption} if "audio" in media else {}
        if track and dice.random() < 0.7:
            heard["video"] = track.caption
        captions = {}
        for output, order in (("image", ("image", "video", "audio")), ("audio", ("audio", "video", "image")), ("video", ("video", "image", "audio"))):
            kind = next(kind for kind in order if kind in media)
            thing = things[kind]
            captions[output] = heard.get(kind, thing.heard) if output == "audio" else thing.shown if output == "image" and kind != "audio" else thing.filmed if kind != "audio" else media["audio"].caption
            if output == "image" and kind == "audio" and media["audio"].name in DRAWN_SOUNDS:
                captions[output] = article(media["audio"].name)
        named = [dice.choice(asking.EACH[kind]).format(x=medium.caption) for kind, medium in media.items()]
        text = " and ".join(named) if len(named) < 3 else f"{named[0]}, {named[1]} and {named[2]}"
        text = text[:1].upper() + text[1:] + "."
        parts: list = list(media.values())
        if (roll := dice.random()) < 0.4:
            thing = lively(self.thing(moving=0.6), dice)
            words = dice.choice([thing.shown, thing.filmed, thing.filmed, thing.heard])
            parts.insert(0 if dice.random() < 0.7 else len(parts), words)
            captions = {"image": words if words != thing.heard else thing.shown, "audio": thing.heard, "video": thing.filmed}
            text = self.pick("Here is {x}.|This is {x}.|{X}.|Sure, here is {x}.", x=words)
        elif roll < 0.55:
            parts.insert(dice.choice((0, len(parts))), self.pick("what is this?|look at this|this|make something of this|do something with this|continue|like this"))
        talk.user(parts)
        return self.comply(talk, outputs, captions, text, True)

    def comply(self, talk: Conversation, outputs: list[str], captions: dict[str, str], text: str, trained: bool) -> Conversation:
        dice = self.random
        signals = [Signal(captions[output], (), None, output, forced=True) for output in outputs]
        if dice.random() < 0.08:
            signals.insert(dice.randrange(len(signals) + 1), Signal(text, (), None, "speech", forced=True))
        roll = dice.random()
        talk.assistant(signals if roll < 0.2 else [text + (" " if roll < 0.4 else ""), *signals], trained=trained)
        return talk
