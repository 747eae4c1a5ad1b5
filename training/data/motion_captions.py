"""What is said about a clip: the thing, its colour and its motion in many phrasings. Knows no pixels and no models."""
import re

from training.data.nouns import article

#: Verbs of a kind as (base, third person, gerund).
VERBS = {
    "bounce": [("bounce", "bounces", "bouncing")] * 3 + [("hop", "hops", "hopping")],
    "knock": [("knock", "knocks", "knocking")] * 4 + [("hit the wall", "hits the wall", "hitting the wall"), ("strike", "strikes", "striking")],
    "beat": [("beat", "beats", "beating")] * 4 + [("pulse", "pulses", "pulsing"), ("throb", "throbs", "throbbing")],
    "flash": [("flash", "flashes", "flashing")] * 4 + [("light up", "lights up", "lighting up"), ("glow on and off", "glows on and off", "glowing on and off")],
    "blink": [("blink", "blinks", "blinking")] * 2 + [("appear and disappear", "appears and disappears", "appearing and disappearing")],
    "spin": [("spin", "spins", "spinning")] * 3 + [("rotate", "rotates", "rotating"), ("turn", "turns", "turning")],
    "grow": [("grow", "grows", "growing")] * 2 + [("get bigger", "gets bigger", "getting bigger"), ("become larger", "becomes larger", "becoming larger")],
    "shrink": [("shrink", "shrinks", "shrinking")] * 2 + [("get smaller", "gets smaller", "getting smaller")],
    "shake": [("shake", "shakes", "shaking")] * 3 + [("tremble", "trembles", "trembling"), ("vibrate", "vibrates", "vibrating")],
    "swing": [("swing", "swings", "swinging")] * 3 + [("sway", "sways", "swaying")],
    "fall": [("fall", "falls", "falling")] * 3 + [("drop", "drops", "dropping")],
    "jump": [("jump", "jumps", "jumping")] * 3 + [("leap", "leaps", "leaping")],
    "roll": [("roll", "rolls", "rolling")],
    "wobble": [("wobble", "wobbles", "wobbling")] * 2 + [("wiggle", "wiggles", "wiggling"), ("rock", "rocks", "rocking")],
    "float": [("float", "floats", "floating")] * 2 + [("hover", "hovers", "hovering")],
    "dance": [("dance", "dances", "dancing")],
    "fade": [("fade", "fades", "fading")],
    "move": [("move", "moves", "moving")] * 2 + [("slide", "slides", "sliding"), ("glide", "glides", "gliding"), ("go", "goes", "going")],
}
GOING = {"swim": ("swim", "swims", "swimming"), "fly": ("fly", "flies", "flying"), "walk": ("walk", "walks", "walking"), "run": ("run", "runs", "running"), "drive": ("drive", "drives", "driving"), "sail": ("sail", "sails", "sailing")}
#: How things of some names go on their own: patterns of slugs.
MOVERS = [
    (re.compile(r"fish|shark|whale|dolphin|octopus|squid|seal|jellyfish|orca|lobster|shrimp"), ["swim"]),
    (re.compile(r"bird|duck|owl|eagle|dove|parrot|flamingo|swan|goose|bat$|butterfly|bee|fly|mosquito|beetle|airplane|helicopter|rocket|saucer|satellite|parachute|dragon|kite|balloon|ghost|phoenix"), ["fly"]),
    (re.compile(r"sailboat|canoe|boat|ship|ferry"), ["sail"]),
    (re.compile(r"car$|automobile|bus|taxi|truck|lorry|tractor|motorcycle|scooter|bicycle|train|locomotive|ambulance|engine|vehicle|tram|jeep|van|skateboard"), ["drive"]),
    (re.compile(r"dog|cat|horse|cow|pig|ewe|sheep|ram|goat|elephant|lion|tiger|bear|panda|mouse|rat|hamster|rabbit|monkey|frog|turtle|snake|penguin|chick|rooster|unicorn|zebra|deer|fox|wolf|crab|spider|ant|snail|robot|camel|giraffe|leopard|kangaroo|hedgehog|raccoon|gorilla"), ["walk", "run"]),
]
WAYS = {
    "right": ["from left to right", "from left to right", "to the right", "to the right", "rightwards", "towards the right"], "left": ["from right to left", "from right to left", "to the left", "to the left", "leftwards", "towards the left"],
    "up": ["up", "upwards", "to the top", "from bottom to top"], "down": ["down", "downwards", "to the bottom", "from top to bottom"],
    "up right": ["diagonally up to the right", "to the upper right"], "up left": ["diagonally up to the left", "to the upper left"],
    "down right": ["diagonally down to the right", "to the lower right"], "down left": ["diagonally down to the left", "to the lower left"],
    "clockwise": ["clockwise", "to the right", "", "around", "in a circle"], "counterclockwise": ["counterclockwise", "to the left", "", "", "around"],
}
#: What may follow the verb of a kind.
AFTER = {"bounce": ["", "", "", "up and down", "on the floor"], "knock": ["", "", "on the door", "on a door", "against the wall"], "beat": ["", "", "", "rhythmically", "fast"], "flash": ["", "", "", "brightly"],
         "fall": ["", "down", "from the sky"], "jump": ["", "", "up and down", "up", "for joy"], "swing": ["", "back and forth", "from side to side"], "shake": ["", "", "quickly"],
         "float": ["", "in the air", "gently"], "wobble": ["", "from side to side"], "dance": ["", "", "happily"]}
TEMPLATES = ["{a} {g}", "{a} {g}", "{a} {g}", "{a} {p}", "{a} {p}", "the {w} {p}", "{a} that {p}", "draw {a} that {p}", "a video of {a} {g}", "an animation of {a} {g}", "{a} is {g}", "show me {a} {g}", "make a video of {a} that {p}", "a clip of {a} {g}",
             "let {a} {b}", "a short video of {a} {g}"]
STILL = ["{a} that does not move", "{a} standing still", "a still {w}", "{a}, not moving"]
ANIMATED = ["an animated {w}", "a moving {w}", "{w}, animation", "{a}, animated", "an animation of {a}", "a video of {a}", "{a} moving", "{a} in motion", "a clip of {a}", "make {a} move", "a short video of {a}"]


def verbs_of(kind: str, direction: str, slug: str) -> list[tuple[str, str, str]]:
    if kind != "move":
        return VERBS[kind]
    if direction == "up":
        extra = [("rise", "rises", "rising")]
    elif direction == "down":
        extra = [("sink", "sinks", "sinking")]
    else:
        extra = []
    for pattern, names in MOVERS:
        if pattern.search(slug):
            return VERBS["move"][:2] + [GOING[n] for n in names] * 3 + extra
    return VERBS["move"] + extra


def describe(dice, kind: str, direction: str, slug: str, word: str, colour: str | None, count: int = 4) -> list[str]:
    """Captions of one clip; the first always names what is seen in plain order."""
    thing = f"{colour} {word}" if colour and colour not in word.split() else word
    out = []
    for i in range(count):
        template = TEMPLATES[0] if i == 0 else TEMPLATES[dice.integers(len(TEMPLATES))]
        if kind == "still":
            out.append(STILL[dice.integers(len(STILL))].format(a=article(thing), w=thing))
            continue
        verbs = verbs_of(kind, direction, slug)
        base, third, gerund = verbs[dice.integers(len(verbs))] if i else verbs[-1] if kind == "move" and len(verbs) > 5 else verbs[0]
        if kind in ("move", "roll", "spin"):
            ways = WAYS[direction]
            after = ways[0] if i == 0 else "" if dice.random() < 0.06 else ways[dice.integers(len(ways))]
            if base in ("rise", "sink") and after in ("up", "down", "upwards", "downwards", "to the bottom", "to the top"):
                after = ""
            if kind == "spin" and direction == "counterclockwise" and i == 0:
                after = "counterclockwise"
        elif kind == "fade":
            after = direction if direction == "in" or dice.random() < 0.7 else "away"
        else:
            ways = AFTER.get(kind, [""])
            after = "" if i == 0 else ways[dice.integers(len(ways))]
        b, p, g = (f"{v} {after}".strip() for v in (base, third, gerund))
        text = template.format(a=article(thing), w=thing, b=b, p=p, g=g)
        if not after and i and " " not in gerund and dice.random() < 0.15:
            text = article(f"{gerund} {thing}")
        out.append(text)
    return out


def describe_animation(dice, word: str, count: int = 4) -> list[str]:
    return [ANIMATED[i if i < 2 else dice.integers(len(ANIMATED))].format(a=article(word), w=word) for i in range(count)]
