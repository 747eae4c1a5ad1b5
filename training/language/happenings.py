"""What can be heard and what moves: the words of nano's sounds and videos. Knows no tokens and no phrasing."""

#: What makes the sound; its caption; how one asks for it as a thing's own ("its bark"), empty where nothing has one; whether it can be drawn.
SOUNDING = """dog|a dog barking|bark|1
cat|a cat meowing|meow|1
cow|a cow mooing|moo|1
sheep|a sheep bleating|bleat|1
goat|a goat bleating|bleat|1
horse|a horse neighing|neigh|1
pig|a pig grunting|grunt|1
rooster|a rooster crowing|crow|1
chicken|a chicken clucking|cluck|1
duck|a duck quacking|quack|1
goose|a goose honking|honk|1
bird|a bird singing|song|1
owl|an owl hooting|hoot|1
eagle|an eagle screeching|screech|1
crow|a crow cawing|caw|1
parrot|a parrot squawking|squawk|1
frog|a frog croaking|croak|1
lion|a lion roaring|roar|1
tiger|a tiger growling|growl|1
bear|a bear growling|growl|1
wolf|a wolf howling|howl|1
elephant|an elephant trumpeting|trumpeting|1
monkey|a monkey screeching|screech|1
mouse|a mouse squeaking|squeak|1
snake|a snake hissing|hiss|1
bee|a bee buzzing|buzz|1
cricket|a cricket chirping|chirp|1
dolphin|a dolphin clicking|clicks|1
dinosaur|a dinosaur roaring|roar|1
dragon|a dragon roaring|roar|1
rain|rain falling||0
thunder|thunder rumbling||0
wind|wind blowing||0
stream|water flowing||0
river|a river flowing||1
sea|waves breaking on the shore||0
ocean|ocean waves||0
fire|a fire crackling|crackle|1
waterfall|a waterfall||1
storm|a storm||0
bubbles|water bubbling||0
car|a car driving|engine|1
car horn|a car horn|honk|0
car crash|a car crashing|crash|0
engine|an engine running||0
race car|a race car passing|engine|1
motorcycle|a motorcycle driving|engine|1
truck|a truck driving|engine|1
train|a train passing|whistle|1
helicopter|a helicopter flying|rotor|1
airplane|an airplane flying|engine|1
boat|a boat horn|horn|1
siren|a siren wailing|wail|0
ambulance|an ambulance siren|siren|1
police car|a police siren|siren|1
fire engine|a fire engine siren|siren|1
rocket|a rocket launching|roar|1
tractor|a tractor driving|engine|1
door|a door creaking|creak|1
door slam|a door slamming||0
knock|someone knocking on a door||0
telephone|a telephone ringing|ring|1
alarm clock|an alarm clock ringing|alarm|1
wind chimes|wind chimes ringing|chime|0
clock|a clock ticking|ticking|1
bell|a bell ringing|ring|1
doorbell|a doorbell|ring|0
bicycle bell|a bicycle bell|ring|0
hammer|a hammer knocking|knock|1
glass|glass breaking||0
keyboard|typing on a keyboard|clicks|1
camera|a camera clicking|click|1
scissors|scissors cutting|snip|1
whistle|a whistle blowing|whistle|0
balloon|a balloon popping|pop|1
robot|a robot beeping|beep|1
computer|a computer beeping|beep|1
footsteps|footsteps||0
applause|people clapping||0
laughter|people laughing||0
crowd|a crowd cheering||0
baby|a baby crying|cry|1
scream|someone screaming||0
heart|a heart beating|beat|1
gunshot|a gun being fired|shot|0
explosion|a bomb exploding|bang|1
bomb|a bomb exploding|bang|1
ball|a ball bouncing|bounce|1
laser|a laser gun firing|zap|0
coin|a coin dropping|clink|1
water|water dripping||0
piano|a piano playing|melody|1
guitar|a guitar playing|strings|1
electric guitar|an electric guitar playing|riff|0
bass guitar|a bass guitar playing||0
violin|a violin playing|strings|1
cello|a cello playing|strings|0
harp|a harp playing|strings|0
flute|a flute playing|melody|0
clarinet|a clarinet playing|melody|0
oboe|an oboe playing|melody|0
trumpet|a trumpet playing|fanfare|1
trombone|a trombone playing||0
tuba|a tuba playing||0
saxophone|a saxophone playing|solo|1
drum|a drum beat|beat|1
drums|drums playing|beat|0
cymbal|a cymbal crash|crash|0
xylophone|a xylophone playing|melody|0
marimba|a marimba playing||0
accordion|an accordion playing|melody|1
banjo|a banjo playing|strings|1
organ|an organ playing||0
church bell|a church bell ringing|ring|0
music box|a music box playing|melody|0
harmonica|a harmonica playing||0
sitar|a sitar playing||0
choir|a choir singing||0
strings|a string orchestra playing||0
synthesizer|a synthesizer playing||0
tambourine|a tambourine shaking||0
maracas|maracas shaking|rattle|0
steel drum|a steel drum playing||0
bagpipes|bagpipes playing||0"""

#: Music without one thing that makes it.
TUNES = """a happy tune|a sad melody|a fast melody on the piano|a slow melody on the piano|a rising scale on the piano|a falling scale on the flute|a chord on the guitar|a major chord|a minor chord|a drum rhythm|a fast drum rhythm|
a slow beat|a lullaby|a march|a waltz|a high note|a low note|a long note on the violin|a high note on the flute|a low note on the cello|a beep|two beeps|a low hum|white noise|a rising tone|a falling tone|a siren going up and down|
three knocks|four beats|a quick knock|a loud bang|a soft bell|a melody on the xylophone|a scale on the trumpet|a rhythm with claps|birds in the morning|rain on a roof|a busy street|a forest at night|a church bell far away|a melody|some music"""

#: How anything may move; {n} is the thing. The third column: how one asks for it before the noun.
MOTIONS = """bouncing|bounce|bouncing
spinning|spin|spinning
rotating|rotate|rotating
jumping|jump|jumping
falling|fall|falling
rolling|roll|rolling
sliding|slide|sliding
shaking|shake|shaking
swinging|swing|swinging
growing|grow|growing
shrinking|shrink|shrinking
rising|rise|rising
flying|fly|flying
floating|float|floating
dancing|dance|dancing
moving to the left|move to the left|moving
moving to the right|move to the right|moving
moving from left to right|move from left to right|moving
moving from right to left|move from right to left|moving
blinking|blink|blinking
fading|fade|fading
knocking on the door|knock on the door|knocking
moving up|move up|rising
moving down|move down|sinking
flying away|fly away|flying
flashing|flash|flashing
beating|beat|beating
knocking|knock|knocking
zooming in|zoom in|growing
appearing|appear|appearing
disappearing|disappear|disappearing
wobbling|wobble|wobbling
moving in a circle|move in a circle|circling"""

#: What some things do of their own.
OWN = """fish|swimming|swim
bird|flying|fly
dog|running|run
cat|walking|walk
horse|galloping|gallop
rabbit|hopping|hop
frog|jumping|jump
butterfly|fluttering|flutter
car|driving|drive
train|passing|pass
rocket|taking off|take off
boat|sailing|sail
airplane|flying|fly
heart|beating|beat
star|twinkling|twinkle
ball|bouncing|bounce
hammer|knocking|knock
leaf|falling|fall
balloon|floating up|float up
sun|rising|rise
flower|blooming|bloom
candle|flickering|flicker
bell|ringing|ring
clock|ticking|tick
ghost|floating|float
robot|dancing|dance
owl|flying|fly
bee|flying|fly
whale|swimming|swim
dolphin|jumping|jump
turtle|crawling|crawl
snail|crawling|crawl
bicycle|riding|ride
helicopter|hovering|hover
snowman|melting|melt
apple|rolling|roll
wheel|spinning|spin
light bulb|flashing|flash
duck|swimming|swim
monkey|dancing|dance
bear|dancing|dance
elephant|walking|walk
penguin|waddling|waddle
spider|crawling|crawl
octopus|swimming|swim
shark|swimming|swim
snake|sliding|slide
tree|swaying|sway
moon|rising|rise
drum|beating|beat"""


#: What may follow a motion that goes somewhere.
GOING = ("swimming", "flying", "driving", "walking", "running", "sailing", "rolling", "galloping", "crawling", "riding")
WAYS = ("from left to right", "from right to left", "to the left", "to the right")


def rows(text: str) -> list[list[str]]:
    """The lines of a table, by their columns"""
    return [line.split("|") for line in text.splitlines()]
