"""What things sound like, in words: classes, what people call them, and captions with many phrasings. Knows no waveforms.

The forty classes of `sounds.txt` are what evaluation asks for; the others are learned beside them.
"""
from dataclasses import dataclass
from pathlib import Path

#: Evaluated classes, in a fixed order.
FORTY = Path(__file__).with_name("sounds.txt").read_text().split("\n")[:-1]


@dataclass(frozen=True)
class Sound:
    """A class: `family` for the encoder, `things` with article, `events` as clauses without a verb, `nouns` for the sound itself."""

    name: str
    family: str
    things: tuple[str, ...]
    events: tuple[str, ...]
    nouns: tuple[str, ...] = ()


def parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


#: name | family | things | events | nouns
TABLE = """
dog | animal | a dog, a puppy, a hound | a dog barking, a barking dog, a dog barks, a puppy barking | bark, barking, dog bark, woof
horse | animal | a horse, a pony, a galloping horse | a horse galloping, a horse running, a horse trotting | gallop, hoofbeats, galloping, clip-clop
bird | animal | a bird, a songbird, birds | a bird singing, birds chirping, a bird tweeting, a chirping bird | birdsong, chirping, tweet, chirp
crow | animal | a crow, a raven | a crow cawing, a raven cawing, a crow calling | caw, cawing
rain | nature | rain, heavy rain, raindrops, a rain shower | rain falling, it is raining, rain pouring down, a rainy day | rainfall, rain noise
thunder | nature | thunder, a thunderstorm, a storm | thunder rumbling, a clap of thunder, thunder and lightning | thunderclap, rumble of thunder, rumbling
wind | nature | wind, a strong wind, a breeze, a gale | wind blowing, wind howling, a windy day | howling wind, gust of wind
stream | nature | a stream, a river, running water, a brook | water flowing, a river flowing, a babbling brook, water running | flowing water, burbling
sea | nature | the sea, the ocean, the beach, waves | waves breaking on the shore, ocean waves, the sea washing ashore | surf, wave sounds
bubbles | nature | bubbles, bubbling water | water bubbling, bubbles rising | bubbling
telephone | thing | a telephone, a phone | a telephone ringing, a phone ringing, the phone rings | ring, ringing, phone ring
door creak | thing | a creaking door, a squeaky door | a door creaking, a door opening slowly, a door squeaking | creak, creaking, squeak
door slam | thing | a slamming door, a door | a door slamming, a door slamming shut, a door closing loudly | slam, door slam
knock | thing | a knock on the door, knocks on wood | someone knocking on a door, knocking on wood, a knock at the door | knock, knocking
wind chimes | thing | wind chimes, a wind chime | wind chimes ringing, wind chimes tinkling, chimes in the wind | chimes, tinkling
scratch | thing | a record scratch, a turntable | a record being scratched, a dj scratching a record | scratching
helicopter | vehicle | a helicopter, a chopper | a helicopter flying, a helicopter hovering | rotor noise, helicopter noise
car engine | vehicle | a car engine, a car, an engine, a motor | a car engine running, a car starting, an engine idling, a motor running | engine noise, vroom
car passing | vehicle | a passing car, a racing car | a car driving past, a car passing by, a race car speeding past | whoosh of a car
car brakes | vehicle | screeching brakes, squealing tyres | a car braking hard, tyres screeching, a car skidding to a stop | screech, skid
car crash | vehicle | a car crash, a car accident, a collision | a car crashing, two cars colliding, a car smashing into a wall | crash, smash
siren | vehicle | a siren, a police car, an ambulance, a fire engine | a siren wailing, a police siren, an ambulance siren | wail, siren sound
train | vehicle | a train, a locomotive, a steam train | a train passing, a train on the tracks, a train driving | train noise, chugging
jet plane | vehicle | a jet plane, an airplane, a jet, an aeroplane | a plane taking off, a jet flying over, an airplane flying | jet noise, roar of a jet
starship | effect | a spaceship, a starship, a rocket | a spaceship flying, a rocket launching | spaceship noise
applause | people | applause, a clapping audience, a crowd | people clapping, an audience applauding, a crowd cheering | clapping, ovation
laughter | people | laughter, a laughing person, laughing people | people laughing, someone laughing, a person laughing | laugh, laughing, giggle
scream | people | a scream, a screaming person | someone screaming, a woman screaming, a person shouting | screaming, shriek
punch | people | a punch, a blow | someone punching, a fist hitting | punch sound
heartbeat | people | a heartbeat, a heart, a beating heart | a heart beating, a heart pounding | heart beat, pulse, beating
footsteps | people | footsteps, a walking person, steps | someone walking, footsteps on the floor, a person walking | steps, walking
burp | people | a burp | someone burping | burp, belch
gunshot | effect | a gunshot, a gun, a pistol | a gun being fired, a gun shooting, a pistol shot | shot, gunshot, bang
machine gun | effect | a machine gun | a machine gun firing, a machine gun shooting | gunfire
laser gun | effect | a laser gun, a ray gun | a laser gun firing, laser shots | laser, zap
explosion | effect | an explosion, a bomb, a blast | a bomb exploding, something exploding, a big explosion | boom, blast, detonation
robot | effect | a robot | a robot talking, a robot beeping | robot noises
bounce | thing | a bouncing ball, a ball | a ball bouncing, something bouncing, a ball bouncing on the floor | boing, thud, bounce
beep | effect | a beep, an electronic beep | something beeping, a machine beeping | beep, beeping, bleep
alarm | effect | an alarm, an alarm clock | an alarm going off, an alarm clock ringing | alarm
sweep | effect | a tone sweep, a whistle | a tone gliding, a pitch sweep | sweep
noise | effect | white noise, static | static noise, a hissing radio | hiss, static
piano | keys | a piano, a grand piano | a piano playing, someone playing the piano, a pianist | piano music
organ | keys | an organ, a church organ, a pipe organ | an organ playing, someone playing the organ | organ music
accordion | keys | an accordion | an accordion playing, someone playing the accordion | accordion music
harpsichord | keys | a harpsichord | a harpsichord playing | harpsichord music
music box | keys | a music box | a music box playing, a music box tinkling | music box melody
guitar | strings | a guitar, an acoustic guitar | a guitar playing, someone playing the guitar, a guitarist strumming | guitar music, strumming
electric guitar | strings | an electric guitar, a rock guitar | an electric guitar playing | electric guitar music
banjo | strings | a banjo | a banjo playing, someone playing the banjo | banjo music
harp | strings | a harp | a harp playing, someone playing the harp | harp music
violin | strings | a violin, a fiddle | a violin playing, someone playing the violin, a violinist | violin music
cello | strings | a cello | a cello playing, someone playing the cello | cello music
bass | strings | a bass, a double bass, a bass guitar | a bass playing | bass line
flute | wind | a flute | a flute playing, someone playing the flute | flute music
clarinet | wind | a clarinet | a clarinet playing | clarinet music
saxophone | wind | a saxophone, a sax | a saxophone playing, someone playing the saxophone | saxophone music
harmonica | wind | a harmonica | a harmonica playing | harmonica music
bagpipe | wind | a bagpipe, bagpipes | bagpipes playing | bagpipe music
whistle | wind | a whistle, whistling | someone whistling, a person whistling a tune | whistling
trumpet | brass | a trumpet, a bugle | a trumpet playing, someone playing the trumpet | trumpet music, fanfare
trombone | brass | a trombone, a tuba | a trombone playing | trombone music
xylophone | bars | a xylophone | a xylophone playing, someone playing the xylophone | xylophone music
marimba | bars | a marimba | a marimba playing | marimba music
choir | people | a choir, singing voices, singers | a choir singing, people singing, voices singing | singing, choir music
bell | bars | a bell, a church bell, bells | a bell ringing, church bells ringing, a bell tolling | chime, ding dong, ringing
drums | drums | drums, a drum, a drum kit, a drummer | drums playing, someone drumming, a drummer playing, a drum beating | drum beat, drumming, drum
"""


def read() -> dict[str, Sound]:
    rows = [[part.strip() for part in line.split("|")] for line in TABLE.strip().split("\n")]
    return {name: Sound(name, family, parts(things), parts(events), parts(nouns)) for name, family, things, events, nouns in rows}


SOUNDS = read()
NAMES = list(SOUNDS)
FAMILIES = sorted({sound.family for sound in SOUNDS.values()})
#: Attributes that a clip may have, as the encoder's tokens and captions say them.
PATTERNS = ["a single sound", "repeated sounds", "a continuous sound", "a rising scale", "a falling scale", "a chord", "an arpeggio", "a tune", "a rhythm", "a single note"]
HEIGHTS = ["low pitch", "middle pitch", "high pitch"]
DENSITIES = ["slow", "medium speed", "fast"]
LEVELS = ["soft and quiet", "medium loudness", "loud"]
INSTRUMENTS = {"keys", "strings", "wind", "brass", "bars"}
COUNTS = ["", " once", " twice", " three times", " four times"]


def the(thing: str) -> str:
    """"a piano" as "the piano"."""
    return "the " + thing.split(" ", 1)[1] if thing.split(" ")[0] in ("a", "an", "the") else thing


def plain_caption(dice, sound: Sound) -> str:
    """Any way to name the class alone."""
    pick = lambda words: words[int(len(words) * dice.random() ** 1.5)]  # what comes first is said more often
    thing, event, noun = pick(sound.things), pick(sound.events), pick(sound.nouns or sound.events)
    ways = [event, event, event, thing, thing, f"the sound of {thing}", f"the sound of {event}", f"sound of {thing}", f"{thing} sound", noun, f"the {noun}",
            f"the {noun} of {thing}", f"the noise of {thing}", sound.name, f"its {noun}" if len(noun) < 12 else noun, f"{the(thing)}"]
    return dice.choice(ways)


def caption(dice, name: str, label: dict) -> str:
    """One caption of a clip; `label` has what it holds (pattern, height, density, level, count, tune, second)."""
    sound = SOUNDS[name]
    text = plain_caption(dice, sound)
    pick = lambda words: words[int(len(words) * dice.random() ** 1.5)]
    if label.get("second"):
        other = SOUNDS[label["second"]]
        a, b = dice.choice([pick(sound.events), pick(sound.things)]), dice.choice([pick(other.events), pick(other.things)])
        return dice.choice([f"{a} and {b}", f"{b} and {a}", f"{a} with {b}", f"{a} while {b}" if b in other.events else f"{a} in {b}"])
    if sound.family in INSTRUMENTS or name == "choir":
        what = label.get("what")
        if what and dice.random() < 0.72:
            thing = pick(sound.things)
            return dice.choice([f"{thing} playing {what}", f"{thing} playing {what}", f"{thing} plays {what}", f"{what} on {the(thing)}", f"{what} played on {thing}", f"{sound.name}, {what}", f"{what} by {thing}"])
        return text
    if name == "drums" and label.get("what") and dice.random() < 0.65:
        return dice.choice([label["what"], f"{label['what']} on the drums", f"drums playing {label['what']}"])
    if label.get("count") and dice.random() < 0.4:
        return pick(sound.events) + COUNTS[label["count"]]
    if dice.random() < 0.18 and label["level"] != 1:
        return f"{text}, {('quiet', '', 'loud')[label['level']]}"
    if dice.random() < 0.15 and label["density"] != 1 and label["pattern"] in (1, 8):
        return f"{text}, {('slowly', '', 'fast')[label['density']]}"
    return text
