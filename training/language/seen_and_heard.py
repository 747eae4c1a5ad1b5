"""Dialogues about attached sounds and videos, media of several kinds at once, and examples that show what to do: the rest of nano's
training talk. Knows no vectors and no weights."""
from ..data.nouns import article
from . import asking, phrases
from .dialogues import COLOURS
from .media import Picture, Sound
from .phrases import ORDINALS
from .talks import DRAWN_SOUNDS, KINDS
from .together import Together, lively
from .vocabulary import Conversation, Signal


class Talks(Together):
    """Every kind of dialogue"""

    def attach(self, kind: str) -> object:
        return self.media[kind](self.random)

    def tell(self, medium: object) -> str:
        """What nano says of a sound or a video"""
        if isinstance(medium, Sound):
            return self.pick(asking.LISTEN_REPLY, x=medium.caption)
        if medium.sound:
            return self.pick(asking.WATCH_SOUND_REPLY, x=medium.caption, y=medium.sound.caption)
        return self.pick(asking.WATCH_REPLY, x=medium.caption)

    def listens(self) -> Conversation:
        talk, dice, sound = self.start(), self.random, self.attach("audio")
        if dice.random() < 0.15:
            other = self.attach("audio")
            right = dice.random() < 0.5 or other.name == sound.name
            self.user(talk, self.pick(asking.DO_HEAR, x=sound.caption if right else other.caption), sound)
            talk.assistant([f"{'Yes' if right else 'No'}, {dice.choice(['I hear', 'this is', 'it is'])} {sound.caption}."])
        else:
            self.user(talk, self.pick(asking.LISTEN) if dice.random() < 0.93 else "", sound)
            talk.assistant([self.tell(sound)])
        if dice.random() < 0.3:
            other = self.attach("audio")
            self.user(talk, self.pick("and this?|and this one?|what about this one?|" + asking.LISTEN), other)
            talk.assistant([self.tell(other)])
        elif dice.random() < 0.2:
            self.small_talk(talk, True)
        return talk

    def watches(self) -> Conversation:
        talk, dice, clip = self.start(), self.random, self.attach("video")
        roll = dice.random()
        if roll < 0.15 and clip.colour:
            self.user(talk, self.pick(phrases.COLOUR, n=clip.noun), clip)
            talk.assistant([self.pick(phrases.COLOUR_REPLY, n=clip.noun, c=clip.colour)])
        elif roll < 0.3 and clip.sound:
            self.user(talk, self.pick(asking.HEAR_IN_VIDEO), clip)
            talk.assistant([self.pick(asking.LISTEN_REPLY, x=clip.sound.caption)])
        else:
            self.user(talk, self.pick(asking.WATCH) if dice.random() < 0.93 else "", clip)
            talk.assistant([self.tell(clip)])
        if dice.random() < 0.25:
            other = self.attach("video")
            self.user(talk, self.pick("and this?|and this one?|what about this one?|" + asking.WATCH), other)
            talk.assistant([self.tell(other)])
        return talk

    def mixes(self) -> Conversation:
        """Two to four media of several kinds in one turn; the answer goes through them in their order, then questions about one of them"""
        talk, dice = self.start(ordinals_named=True), self.random
        roll = dice.random()
        if roll < 0.55:
            kinds = dice.sample(KINDS, 3) if dice.random() < 0.6 else dice.sample(KINDS, 2)
        elif roll < 0.75:
            kinds = [dice.choice(("audio", "video"))] * 2
        else:
            kinds = dice.choices(KINDS, k=dice.choice([3, 3, 4]))
        media = [self.attach(kind) for kind in kinds]
        asked = self.said(self.pick(asking.NAME_EACH)) if dice.random() < 0.92 else ""
        place = dice.random()
        if place < 0.4:
            talk.user([*media, asked])
        elif place < 0.75:
            talk.user([asked, *media])
        elif place < 0.88:
            talk.user([*[part for medium, kind in zip(media, kinds) for part in (dice.choice([f"here is a {dice.choice(asking.KIND_WORDS[kind])}", "this", "and", f"a {dice.choice(asking.KIND_WORDS[kind])}"]), medium)], asked or "what are they?"])
        else:
            at = dice.randrange(len(media))
            talk.user([*media[:at], asked or "what are these?", *media[at:]])
        counted = {kind: 0 for kind in KINDS}
        names, pieces = [], []
        for medium, kind in zip(media, kinds):
            word = ORDINALS[counted[kind]]
            counted[kind] += 1
            several = kinds.count(kind) > 1
            names.append(f"{word} {asking.KIND_WORDS[kind][0]}" if several else asking.KIND_WORDS[kind][0])
            pieces.append(asking.EACH_ORDINAL[kind].format(o=word, x=medium.caption) if several else dice.choice(asking.EACH[kind]).format(x=medium.caption))
        listed = (", ".join(pieces[:-1]) + (", and " if len(pieces) > 2 else " and ") + pieces[-1]) if dice.random() < 0.75 else ". ".join(piece[:1].upper() + piece[1:] for piece in pieces)
        talk.assistant([listed[:1].upper() + listed[1:] + "."])
        for _ in range(dice.choice([0, 1, 1, 2])):
            index = dice.randrange(len(media))
            medium, kind, name = media[index], kinds[index], names[index]
            roll = dice.random()
            if roll < 0.35:
                self.user(talk, self.pick(asking.ONE_HEARD if kind == "audio" else asking.ONE_OF, k=name))
                talk.assistant([f"The {name} {'is' if kind == 'audio' else 'shows'} {medium.caption}."])
            elif roll < 0.62 and len({m.caption for m in media}) == len(media):
                noun = medium.name if kind == "audio" else medium.noun
                form = asking.WHICH_HEARD if kind == "audio" else asking.WHICH_KIND
                self.user(talk, self.pick(form, x=medium.caption, n=noun, s=medium.caption if kind == "video" else article(noun)))
                talk.assistant([self.pick("The {k}.|It is the {k}.|The {k}.|The {k} is {x}.", k=name, x=medium.caption)])
            elif kind == "image":
                roll = dice.random()
                if roll < 0.6:
                    self.edit(talk, (talk.first_ordinal + index, medium), last=True, named=f"the {name}" if dice.random() < 0.7 else f"the {medium.noun}", place=None)
                else:
                    self.user(talk, self.pick("animate the {k}|make a video of the {k}|turn the {k} into a video|let the {k} move|make the {k} move", k=name))
                    self.reply(talk, self.pick(asking.FILM_REPLY, x=medium.caption), [Signal(medium.caption, (talk.first_ordinal + index,), None, "video")])
                break
            elif kind == "audio":
                noun = self.thing_of(medium).noun
                self.user(talk, self.pick("draw what you hear in the {k}|make a picture for the {k}|draw the {k}", k=name))
                caption = article(noun) if noun in DRAWN_SOUNDS else medium.caption
                self.reply(talk, self.pick(phrases.ASK_REPLY, x=caption), [Signal(caption, (), None)])
                break
        return talk

    def turns_into(self) -> Conversation:
        """An attached medium and the wish for another output of it"""
        talk, dice = self.start(), self.random
        (source, output), forms = dice.choice(list(asking.MADE_FROM.items()))
        medium = self.attach(source)
        thing = lively(self.thing_of(medium), dice) if output == "audio" or (source, output) == ("image", "video") else self.thing_of(medium)
        caption = {"image": thing.shown, "audio": thing.heard, "video": thing.filmed}[output]
        if source == "audio":
            caption = article(thing.noun) if output == "image" and thing.noun in DRAWN_SOUNDS else medium.caption
        elif source == "video":
            caption = medium.caption if output == "video" else medium.sound.caption if output == "audio" and medium.sound else caption
        references = (talk.first_ordinal,) if (source, output) == ("image", "video") else ()
        self.user(talk, self.pick(forms), medium)
        text = self.pick({"image": phrases.ASK_REPLY, "audio": asking.HEAR_REPLY, "video": asking.FILM_REPLY}[output], x=caption)
        self.reply(talk, text, [Signal(caption, references, None, output)])
        return talk

    def examples(self) -> Conversation:
        """A picture, the same picture changed, and a new picture: what was done to the first is to be done to the last"""
        talk, dice = self.start(ordinals_named=True), self.random
        kind, colour = dice.choice(("recolour", "recolour", "background")), dice.choice(COLOURS)
        if kind == "background" and colour == "white":
            colour = "blue"
        pairs = []
        for _ in range(dice.choice([1, 1, 2])):
            before = self.attach("image")
            others = [c for c in COLOURS if c != colour]
            if kind == "recolour":
                before = Picture(before.noun, dice.choice(others))
                pairs.append((before, Picture(before.noun, colour)))
            else:
                pairs.append((Picture(before.noun, before.colour, background="white"), Picture(before.noun, before.colour, background=colour)))
        new = self.attach("image")
        if kind == "recolour":
            new = Picture(new.noun, dice.choice([c for c in COLOURS if c != colour]))
        prompt = f"make it {colour}" if kind == "recolour" else f"put it on a {colour} background"
        shown, same = self.pick(asking.SHOWN), self.pick(asking.SAME)
        flat = [picture for pair in pairs for picture in pair]
        roll = dice.random()
        if roll < 0.2:
            talk.user([*flat, self.said(self.pick(asking.WHAT_CHANGED))])
            talk.assistant([self.pick(asking.WHAT_CHANGED_REPLY[kind], c=colour)])
            talk.user([new, self.said(same)])
        elif roll < 0.4:
            talk.user([flat[0], "becomes", *flat[1:], *([shown] if shown else []), new, self.said(same)])
        elif roll < 0.55:
            talk.user([*([shown] if shown else []), *flat])
            talk.assistant([self.pick(asking.WHAT_CHANGED_REPLY[kind], c=colour)])
            talk.user([self.said(same), new] if dice.random() < 0.5 else [new, self.said(same)])
        else:
            talk.user([*([shown] if shown else []), *flat, new, self.said(same)] if dice.random() < 0.7 else [self.said(same), *flat, new])
        self.reply(talk, self.pick(asking.SAME_REPLY[kind], c=colour), [Signal(prompt, (talk.first_ordinal + len(flat),), None)], wordless=0.03)
        return talk

    def reads_real(self) -> Conversation:
        """One question that is answered by naming the thing: names are what is learnt slowest"""
        talk, picture = self.start(), self.attach("image")
        self.user(talk, self.pick(phrases.READ), picture)
        talk.assistant([self.pick(phrases.READ_REPLY, x=picture.caption)])
        if self.random.random() < 0.4:
            other = self.attach("image")
            self.user(talk, self.pick("and this?|and this one?|what about this one?|" + phrases.READ), other)
            talk.assistant([self.pick(phrases.READ_REPLY, x=other.caption)])
        return talk

    #: Kinds and their shares; the first row is about pictures alone.
    KINDS = (("single", 8), ("asks", 2), ("edits", 8), ("reads", 5), ("reads_real", 9), ("two_pictures", 4), ("two_answers", 2), ("refusals", 7),
             ("hears", 9), ("films", 7), ("several", 15), ("follows", 10), ("remembers", 3), ("forces", 15), ("speaks", 9),
             ("listens", 5), ("watches", 8), ("mixes", 15), ("turns_into", 6), ("examples", 7))
