"""What people ask of nano and how it answers: phrasings by task. {x} is a phrase with its article, {n} one without, {c} a colour, {o} an
ordinal. Knows no tokens."""

ASK = """draw {x}|draw {x}|draw {x}|please draw {x}|draw me {x}|can you draw {x}?|could you draw {x} for me?|would you draw {x}|can you paint {x}?|paint {x}|paint me {x}|sketch {x}|make a picture of {x}|make {x}|
make me {x}|create {x}|create an image of {x}|create a picture with {x}|generate an image of {x}|generate {x}|generate a picture of {x}|a picture of {x} please|a picture of {x}|picture of {x}|an image of {x}|image: {x}|image of {x}|
drawing: {x}|drawing of {x}|I'd like to see {x}|I would like {x}|I want {x}|I want a picture of {x}|I would like a picture of {x}, please|I want to see {x}|show me {x}|show me {x}|show me what {x} looks like|show me a picture of {x}|
show me how {x} looks|give me {x}|give me a picture of {x}|give me an image of {x}|let me see {x}|{x}|{x}|{x}|{n}|{n}|{x}, please|{x} please|can I have {x}?|can I see {x}?|may I have a picture of {x}?|I need an icon of {x}|I need {x}|
an icon of {x}|a sticker of {x}|a sticker with {x}|an emoji of {x}|illustrate {x}|an illustration of {x}|produce a drawing of {x}|now draw {x}|how about {x}?|could you show me {x}?|please make {x}|please show me {x}|
design {x}|visualise {x}|can you make an image of {x}?|can you generate {x}?|please create a drawing of {x}|do you have a picture of {x}?|I'm looking for a picture of {x}|draw something: {x}|picture: {x}|photo of {x}|a photo of {x}|
use your pencil and draw {x}|my daughter wants {x}, can you draw it?|we need a drawing of {x} for the party|please paint {x} for my mother|imagine {x}|can you do {x}?|try to draw {x}|I'd love a drawing of {x}|next, {x}"""
ASK_REPLY = """Here is {x}.|Here is {x}.|Here is {x}.|Here you go: {x}.|I drew {x}.|I drew {x} for you.|This is {x}.|Sure, here is {x}.|Of course, here is {x}.|Your picture of {x}:|A picture of {x}:|Certainly. {X}:|{X}.|Here comes {x}.|
With pleasure: {x}.|Okay, {x}."""
AFTER = """I hope you like it.|Should I change anything?|Tell me if you want another colour.|Do you like it?|I can change it if you want."""
AGAIN = """another one|draw another one|one more|again|try again|do it again please|make a different one|can you draw another one?|once more please|give me another {n}|another {n} please"""
AGAIN_REPLY = """Here is another one: {x}.|Here is {x} again.|One more time, {x}.|Another try: {x}."""
TWO = """draw {x} and then {y}, in two pictures|one picture of {x} and one of {y}|two pictures please: {x}, and {y}|first draw {x}, then draw {y}|make two images, {x} and {y}|I want two pictures, {x} and {y}|draw {x} and also, separately, {y}"""
TWO_REPLY = """Here is {x}.;And here is {y}.|First, {x}.;Then, {y}.|This is {x}.;This is {y}.|{X}:;{Y}:"""

RECOLOUR = """make it {c}|make it {c}|make it {c}|turn it {c}|turn it {c}|paint it {c}|colour it {c}|color it {c}|change the colour to {c}|change the color to {c}|now in {c}|now in {c}|in {c} please|in {c}|{c} instead|recolour it to {c}|change its colour to {c}|
I want it {c}|I want it in {c}|can you make it {c}?|could you turn it {c}?|make this {c}|the same in {c}|the same but {c}|and now in {c}|dye it {c}|give it a {c} colour|please make it {c}|it should be {c}|change it to {c}|I'd prefer it in {c}|
{c} would be better|could it be {c}?|and in {c}?|no, {c}|go for {c}|swap the colour for {c}|{c}, please|actually {c}|how does it look in {c}?|I was thinking of {c}|rather {c}|could we try {c}?|let's have it {c}|tint it {c}|use {c} for it|what about {c}?|
I like {c} more|the colour should be {c}|a {c} version please|show it in {c}|can I get that in {c}?|the same picture in {c}|change that to {c}|would {c} be possible?|now {c}|try {c}|make that one {c}|I'd like it {c}"""
RECOLOUR_NOUN = """make the {n} {c}|turn the {n} {c}|paint the {n} {c}|change the {n} to {c}|change the colour of the {n} to {c}|the {n} should be {c}|can you make the {n} {c}?|I want the {n} in {c}|colour the {n} {c}|could the {n} be {c}?"""
RECOLOUR_ORDINAL = """{p} in {c}|make {p} {c}|could {p} be {c}?|turn {p} {c}|{p} should be {c}|I'd like {p} to be {c}|make the {o} picture {c}|turn the {o} one {c}|make the {o} one {c}|paint the {o} picture {c}|change the {o} image to {c}|the {o} one in {c} please|can you make the {o} picture {c}?|I want the {o} one {c}"""
RECOLOUR_REPLY = """Now it is {c}.|Now it is {c}.|I made it {c}.|Here it is in {c}.|It is {c} now.|Here is the {c} one.|Sure, now it is {c}.|Done, it is {c} now."""
RECOLOUR_REPLY_NOUN = """Now the {n} is {c}.|I made the {n} {c}.|Here is the {n} in {c}.|The {n} is {c} now."""

#: Canonical instruction (the decoder's words), how people ask for it, how nano answers.
EDITS = {
    "flip it": ("flip it|mirror it|flip the picture|mirror the picture|flip it horizontally|make it face the other way|can you flip it?|turn it around|let it look the other way|swap left and right|reverse it|mirror image please|flip {o}", "I flipped it.|Here it is flipped.|Now it faces the other way.|Mirrored:"),
    "turn it upside down": ("turn it upside down|put it upside down|rotate it by 180 degrees|upside down please|turn {o} upside down|stand it on its head", "Now it is upside down.|I turned it upside down.|Here it is upside down."),
    "rotate it to the left": ("rotate it to the left|rotate it 90 degrees to the left|turn it counterclockwise|rotate it by 90 degrees counterclockwise|turn it to the left|rotate {o} to the left", "I rotated it to the left.|Here it is, turned to the left."),
    "rotate it to the right": ("rotate it|rotate it to the right|rotate it 90 degrees to the right|turn it clockwise|rotate it by 90 degrees|turn it to the right|can you rotate it?|spin it|turn it by 90 degrees|rotate {o}", "I rotated it to the right.|Here it is, turned to the right."),
    "make it smaller": ("make it smaller|shrink it|smaller|make it small|zoom out|make it tiny|can it be smaller?|smaller please|it is too big|reduce its size|less big please|a smaller version|make {o} smaller", "Now it is smaller.|I made it smaller.|Here is a smaller one."),
    "make it bigger": ("make it bigger|enlarge it|bigger|make it larger|zoom in|make it big|can it be bigger?|bigger please|it is too small|increase the size|scale it up|a larger version|make {o} bigger", "Now it is bigger.|I made it bigger.|Here is a bigger one."),
    "remove the background": ("remove the background|take the background away|clear the background|drop the background|cut it out|no background|make the background white|put it on a white background|white background please", "I removed the background.|The background is white now."),
    "make it black and white": ("make it black and white|in black and white|remove the colour|make it grayscale|take the colours out|desaturate it|turn it into black and white|black and white please|make {o} black and white", "Now it is black and white.|Here it is without colour."),
    "remove it": ("remove it|erase it|take it away|delete this|erase this|remove {o}", "I removed it.|It is gone."),
}
TO_BACKGROUND = """on a {c} background|put it on a {c} background|make the background {c}|change the background to {c}|give it a {c} background|with a {c} background|{c} background please|I want a {c} background|can you put it on a {c} background?|put {o} on a {c} background"""
TO_BACKGROUND_REPLY = """Now it is on a {c} background.|The background is {c} now.|I put it on a {c} background.|Here it is with a {c} background."""
ADD = """add {x}|put {x} next to it|add {x} to it|place {x} beside it|give it {x}|it should have {x}"""
ADD_REPLY = """I added {x}.|Now there is {x}.|Here it is with {x}."""
REPLACE = """replace it with {x}|replace the {n} with {x}|draw {x} instead|swap it for {x}|turn it into {x}|{x} instead|not the {n}, I want {x}|change the {n} into {x}|make it {x}"""
REPLACE_REPLY = """Here is {x} instead.|I replaced it: {x}.|Now it is {x}."""

READ = """what is this?|what is this?|What is that?|what do you see?|describe the picture|describe it|describe this|what's in the picture?|what is in this image?|tell me what this is|can you tell me what you see here?|identify this|name this|caption this|
write a caption for this picture|what am I looking at?|what is shown here?|what does the picture show?|what's this|do you know what this is?|what is on the picture?|what can you see in this picture?|explain this picture|look at this, what is it?|describe what you see|
I found this picture, what does it show?|what kind of thing is this?|what object is this?|recognise this|"""
READ_DRAWN = """what did you draw?|what is this?|what is it?|what is on it?|what do you see?|what did you just draw?|describe what you drew|what does your picture show?|what is in the picture?|describe the picture|tell me what is in it|what did you make?"""
READ_REPLY = """This is {x}.|This is {x}.|It is {x}.|I see {x}.|The picture shows {x}.|That is {x}.|It looks like {x}."""
COLOUR = """what colour is it?|what color is it?|which colour does it have?|what colour is the {n}?|what color is the {n}?|tell me its colour|which colour is it?|and the colour?|what is its colour?|and what colour?"""
COLOUR_REPLY = """It is {c}.|The {n} is {c}.|{C}.|Its colour is {c}."""
YES_NO = """is this {x}?|is that {x}?|is it {x}?|do you see {x}?|is there {x} in the picture?|does the picture show {x}?"""
YES = """Yes, this is {x}.|Yes, it is {x}.|Yes, I see {x}."""
NO = """No, this is {x}.|No, it is {x}.|No, I see {x}."""
IS_COLOUR = """is it {c}?|is the {n} {c}?|is its colour {c}?"""
WHICH = """which one shows {x}?|which picture shows {x}?|where is the {n}?|in which picture is {x}?"""
WHICH_REPLY = """The {o} picture shows {x}.|The {o} one."""
ORDINAL_READ = """what is in the {o} picture?|what does the {o} picture show?|what is the {o} one?|describe the {o} picture|and the {o} one?|what do you see in the {o} image?"""
ORDINAL_READ_REPLY = """The {o} picture shows {x}.|It is {x}.|The {o} one is {x}."""
BOTH = """what are these?|what do you see?|describe both pictures|compare the pictures|what is the difference?|what is the difference between the two pictures?|what are these two pictures?|describe them|compare them|tell me what they show"""
BOTH_REPLY = """The first picture shows {x} and the second shows {y}.|The first is {x}, the second is {y}.|I see {x} in the first picture and {y} in the second."""
SAME = """are they the same?|do both show the same thing?|is it the same thing in both pictures?"""

CHAT = {
    "thanks": "You are welcome.", "thank you": "You are welcome.", "thanks!": "You are welcome.", "thank you very much": "You are welcome. I am glad to help.", "nice": "I am glad you like it.", "nice!": "Thank you.", "great": "I am glad you like it.",
    "I like it": "I am happy that you like it.", "I love it!": "Thank you. I am glad.", "that is beautiful": "Thank you.", "very good": "Thank you.", "cool": "Thank you.", "good job": "Thank you.", "ok": "Is there anything else?", "perfect": "I am glad.",
    "wow": "I am glad you like it.", "I don't like it": "I am sorry. What should I change?", "that's wrong": "I am sorry. What should I change?", "hmm": "Should I change something?", "bye": "Goodbye.", "that's all": "All right. Goodbye.", "awesome, thanks": "You are welcome.",
}
NOT_YET = """Which picture should I change? There is none yet.|There is no picture yet. What should I draw first?|I have no picture to change. Send me one, or ask me to draw something."""

#: Things outside the stickers' names, so that asking does not depend on a list.
OPEN = """a wizard|a knight|a pirate ship|a princess|a farmer|a waterfall|a forest at night|a dancing bear|a sleeping cat|a happy dog|a sad clown|a running horse|a city at night|a garden full of roses|a cup of hot chocolate|a bowl of soup|a man with a hat|a woman with an umbrella|a child with a balloon|
a mermaid|a giant|a witch on a broom|a windmill|a bridge over a river|a cottage in the snow|a desert with a camel|an old tree|a broken window|a wooden table|a leather sofa|a steam engine|a space station|an astronaut on the moon|a monster under the bed|a cat wearing sunglasses|a dog with a bone|a bird on a branch|
a ship in a storm|a fish in a bowl|a mouse eating cheese|three stars|two cats|two dogs|five apples|three balloons|a pair of shoes|many flowers|a mountain lake|a street with houses|a football player|a cook|a doctor|a policeman|a fireman|a teacher|a queen|a king|a vampire|a zombie|a fairy|an angel|a phoenix|a griffin|
a walrus|an otter|a badger|a raccoon|a moose|a seal|an ostrich|a toucan|a hummingbird|a jellyfish|a starfish|a seahorse|a dragonfly|a grasshopper|a worm|a plum|a fig|a cauliflower|a radish|an asparagus|a pumpkin soup|a waffle|a muffin|a cappuccino|a lighthouse|a barn|a palace|a skyscraper|a pyramid|a temple|
a submarine|a spaceship|a hot air balloon|a tram|a sled|a canoe on a lake|a lantern|a mailbox|a typewriter|a gramophone|a harp|a flute|a cello|a tuba|a drum kit|a chessboard|a deck of cards|a doll|a rocking horse|a swing|a slide|a fence|a gate|a well|a chimney|a roof|a carpet|a lamp|a pillow|a blanket|a vase|a fork|a plate|
a pan|a kettle|a fridge|an oven|a washing machine|an iron|a needle|a button|a zip|a belt|a mitten|a raincoat|a swimsuit|a helmet|a sword|a bow|a cannon|a flag|a map|a suitcase|a passport|a ticket|a stamp|a diary|a comic book|a painting of a ship|a mountain at sunset|a beach with palm trees|a snowy forest|a rainy day|a sunny day"""
#: Ways to point at one of several pictures, by its place.
POINTING = (["the first picture", "the first one", "the first image", "picture 1", "image 1", "the first of them", "the first", "the left one"], ["the second picture", "the second one", "the second image", "picture 2", "image 2", "the second of them", "the second", "the last one"])
ORDINALS = ["first", "second", "third", "fourth"]


def options(text: str) -> list[str]:
    """The phrasings of one list"""
    return [part.strip("\n") for part in text.split("|")]
