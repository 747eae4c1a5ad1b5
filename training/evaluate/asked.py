"""Two hundred requests of every kind, written apart from the training phrasings, for evaluation only: which outputs should come, in order,
and which caption each should carry. Knows no model."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A request; `before` are earlier (request, output, caption) of the conversation, `attached` captions of media that come with it.
    `outputs` are (output, caption or words to speak, ordinals pointed at)."""

    text: str
    outputs: tuple[tuple, ...] = ()
    before: tuple[tuple[str, str, str], ...] = ()
    attached: tuple[tuple[str, str], ...] = ()


def image(caption, *at):
    return ("image", caption, at)


def audio(caption, *at):
    return ("audio", caption, at)


def video(caption, *at):
    return ("video", caption, at)


def speech(words):
    return ("speech", words, ())


DOG = (("draw a dog", "image", "a dog"),)
BALL = (("show me a video of a red ball bouncing", "video", "a red ball bouncing"),)
RAIN = (("what does rain sound like?", "audio", "rain falling"),)
CAT = (("paint a cat", "image", "a cat"),)

ASKED = [
    # Pictures (28)
    *(Asked(text, (image(caption),)) for text, caption in [
        ("Could I get a sketch of a purple elephant?", "a purple elephant"), ("whip up a green frog for me", "a green frog"), ("render an old castle", "an old castle"), ("pink flower", "a pink flower"),
        ("depict a dragon", "a dragon"), ("put together an image that has a penguin", "a penguin"), ("a new picture: orange cat", "an orange cat"), ("cupcake please!!", "a cupcake"),
        ("I feel like looking at a picture of a horse", "a horse"), ("Give us a picture with a pizza", "a pizza"), ("create artwork: a red balloon", "a red balloon"), ("an umbrella, blue", "a blue umbrella"),
        ("a cat and a dog", "a cat and a dog"), ("Would you mind drawing a lion for my nephew?", "a lion"), ("I'd appreciate a portrait of an owl", "an owl"), ("black guitar, as a drawing", "a black guitar"),
        ("my favourite animal is the giraffe, draw one", "a giraffe"), ("piano picture", "a piano"), ("draw some rain clouds", "some rain clouds"), ("let your brush make a yellow boat", "a yellow boat"),
        ("Snapshot of a bicycle, please", "a bicycle"), ("could you come up with an image of a brown bear", "a brown bear"), ("show a drum in a picture", "a drum"), ("trumpet", "a trumpet"), ("white rabbit!", "a white rabbit"),
        ("picture time: a whale", "a whale"), ("Do me a quick drawing of a bell", "a bell"), ("the sun over the sea", "the sun over the sea"),
    ]),
    # Sounds (32)
    *(Asked(text, (audio(caption),)) for text, caption in [
        ("I'd love to hear a cow", "a cow mooing"), ("what noise does a frog make? play it", "a frog croaking"), ("give me the noise of thunder", "thunder"), ("audio of a train passing by", "a train passing by"), ("let my ears enjoy a violin", "a violin playing"),
        ("sound effect: glass breaking", "glass breaking"), ("Play a piano tune", "a piano tune"), ("could I listen to some rain?", "rain falling"), ("make the noise of a siren", "a siren"), ("I need a recording of footsteps", "footsteps"),
        ("a short clip of audio with birds singing", "birds singing"), ("how does an owl sound? let me listen", "an owl hooting"), ("produce a drum beat", "a drum beat"), ("play me something on the guitar", "a guitar playing"),
        ("Can you do the sound of waves on a beach?", "waves on a beach"), ("a phone that rings, as sound", "a telephone ringing"), ("sound: church bell", "a church bell ringing"), ("the meow of a cat, please", "a cat meowing"), ("I want the roar of a lion", "a lion roaring"),
        ("knock knock on a door, make that sound", "a knock on a door"), ("Generate sound of wind", "wind blowing"), ("may I hear what a horse sounds like", "a horse neighing"), ("an explosion I can hear", "an explosion"), ("audio, please: a clock ticking", "a clock ticking"),
        ("let's listen to a flute", "a flute playing"), ("hit me with a trumpet sound", "a trumpet playing"), ("bee buzzing noise", "a bee buzzing"), ("people clapping, I'd like to hear that", "people clapping"), ("turn on the sound of a fire crackling", "a fire crackling"),
        ("imitate a duck for me in audio", "a duck quacking"), ("a helicopter sound", "a helicopter"), ("some music with a saxophone", "a saxophone playing"),
    ]),
    # Videos (28)
    *(Asked(text, (video(caption),)) for text, caption in [
        ("I'd like a movie of a fish swimming", "a fish swimming"), ("animate a bird that flies", "a bird flying"), ("short film with a spinning star", "a star spinning"), ("could you film a car driving to the right?", "a car driving to the right"),
        ("video clip: blue ball bouncing", "a blue ball bouncing"), ("make me an animation where a leaf falls", "a leaf falling"), ("I want to watch a heart beating", "a heart beating"), ("a gif of a dancing robot", "a robot dancing"), ("let me watch a rocket taking off", "a rocket taking off"),
        ("moving picture of a green frog jumping", "a green frog jumping"), ("Can I see a video in which a butterfly flutters?", "a butterfly fluttering"), ("produce a clip of a boat on the water", "a boat on the water"), ("animation please: yellow sun rising", "a yellow sun rising"),
        ("film an apple rolling", "an apple rolling"), ("video of snow falling", "snow falling"), ("Create a little movie about a running dog", "a running dog"), ("a clip, any clip, of a balloon floating up", "a balloon floating up"), ("can you animate a red flower growing?", "a red flower growing"),
        ("some footage of a train", "a train"), ("pendulum swinging, as a video", "a pendulum swinging"), ("generate video: cat walking", "a cat walking"), ("I wish I could watch an elephant move", "an elephant moving"), ("put a bouncing pizza in a video", "a pizza bouncing"),
        ("show me a flashing light in motion", "a flashing light"), ("An animated purple ghost please", "a purple ghost"), ("make a video, topic: butterfly", "a butterfly"), ("film clip of a bear dancing", "a bear dancing"), ("a moving windmill, on video", "a windmill moving"),
    ]),
    # Several at once (32)
    *(Asked(text, outputs) for text, outputs in [
        ("draw a dog and let me hear it", (image("a dog"), audio("a dog barking"))), ("a video of a bouncing ball with its sound", (video("a ball bouncing"), audio("a ball bouncing"))),
        ("I want a picture of a cow plus its moo", (image("a cow"), audio("a cow mooing"))), ("give me the sound of a frog and also a drawing of it", (audio("a frog croaking"), image("a frog"))),
        ("film a knocking hammer, sound on", (video("a hammer knocking"), audio("a hammer knocking"))), ("a lion: picture and roar", (image("a lion"), audio("a lion roaring"))),
        ("Paint a guitar, then play one", (image("a guitar"), audio("a guitar playing"))), ("make a movie of a fish swimming and a picture of a fish", (video("a fish swimming"), image("a fish"))),
        ("image and video of a rocket please", (image("a rocket"), video("a rocket"))), ("a beating heart as a video with sound", (video("a heart beating"), audio("a heart beating"))),
        ("draw a cat, and play its meow", (image("a cat"), audio("a cat meowing"))), ("I'd like an image of a bell along with the bell's ringing", (image("a bell"), audio("a bell ringing"))),
        ("show a horse in a picture, in sound and in a video", (image("a horse"), audio("a horse neighing"), video("a horse"))), ("audio of rain together with a picture of an umbrella", (audio("rain falling"), image("an umbrella"))),
        ("a video with sound: a clock ticking", (video("a clock ticking"), audio("a clock ticking"))), ("First a picture of a bee, afterwards the buzzing", (image("a bee"), audio("a bee buzzing"))),
        ("clip of a bouncing apple including audio", (video("an apple bouncing"), audio("an apple bouncing"))), ("draw a blue bird and film it flying", (image("a blue bird"), video("a blue bird flying"))),
        ("let me see and hear a train", (image("a train"), audio("a train"))), ("I need three things: a drawing of a drum, a video of a drum, the sound of a drum", (image("a drum"), video("a drum"), audio("a drum"))),
        ("sound of thunder and a picture of lightning", (audio("thunder"), image("lightning"))), ("an owl, drawn and hooting", (image("an owl"), audio("an owl hooting"))),
        ("two pictures: a red car, a blue boat", (image("a red car"), image("a blue boat"))), ("a duck, please show it and let it quack", (image("a duck"), audio("a duck quacking"))),
        ("make a clip of a jumping frog and give it sound", (video("a frog jumping"), audio("a frog jumping"))), ("play a piano and draw a piano", (audio("a piano playing"), image("a piano"))),
        ("Video of a car driving, with the engine noise", (video("a car driving"), audio("a car driving"))), ("draw a star and make it spin in a video", (image("a star"), video("a star spinning"))),
        ("picture of the sea and the noise of waves", (image("the sea"), audio("waves"))), ("both a photo and a recording of a sheep", (image("a sheep"), audio("a sheep bleating"))),
        ("film a dog running and play barking too", (video("a dog running"), audio("a dog barking"))), ("I'd like to look at a trumpet and hear one", (image("a trumpet"), audio("a trumpet playing"))),
    ]),
    # Speech (20)
    *(Asked(text, (speech(words),)) for text, words in [
        ('say "good morning, everyone"', "good morning, everyone"), ("Say: the train leaves at nine", "the train leaves at nine"), ('please speak the words "I am happy"', "I am happy"), ("read this aloud: My house has three windows.", "My house has three windows."),
        ("can you say hello world?", "hello world"), ('pronounce "butterfly"', "butterfly"), ("read out loud: two plus two is four", "two plus two is four"), ('with your voice: "see you tomorrow"', "see you tomorrow"),
        ("I want to hear you say thank you, my friend", "thank you, my friend"), ("say 'a red fox jumps over the lazy dog'", "a red fox jumps over the lazy dog"), ("Speak: welcome to our small museum", "welcome to our small museum"), ('tell me "sleep well" with a voice', "sleep well"),
        ("please read aloud the following: Bring milk, bread and eggs.", "Bring milk, bread and eggs."), ('Could you say "open the door" for me?', "open the door"), ("say happy birthday Anna", "happy birthday Anna"), ('utter "yes we can"', "yes we can"),
        ("voice this: The sky is grey today.", "The sky is grey today."), ('let me hear the sentence "dogs are loyal"', "dogs are loyal"), ("say one, two, three", "one, two, three"), ("speak out: never give up", "never give up"),
    ]),
    # Follow-ups (20)
    Asked("now with its bark", (audio("a dog barking"),), DOG), Asked("make a short video of it", (video("a dog", 1),), DOG), Asked("and how does it sound?", (audio("a dog barking"),), DOG), Asked("could you animate it?", (video("a dog", 1),), DOG),
    Asked("play me its voice", (audio("a cat meowing"),), CAT), Asked("let it move", (video("a cat", 1),), CAT), Asked("make it black", (image("make it black", 1),), CAT), Asked("turn the drawing into a clip", (video("a cat", 1),), CAT),
    Asked("now I want to hear the cat", (audio("a cat meowing"),), CAT), Asked("draw it as well", (image("rain"),), RAIN), Asked("and a picture to go with that", (image("rain"),), RAIN), Asked("can I watch that too?", (video("rain"),), RAIN),
    Asked("add the sound", (audio("a red ball bouncing"),), BALL), Asked("and just a still picture of the ball", (image("a red ball"),), BALL), Asked("flip the picture", (image("flip it", 1),), DOG), Asked("and now let me hear a cow", (audio("a cow mooing"),), DOG),
    Asked("next, a video of a swimming fish", (video("a fish swimming"),), DOG), Asked("make it smaller", (image("make it smaller", 1),), CAT), Asked("draw a house next", (image("a house"),), RAIN), Asked("put the dog on a blue background", (image("put it on a blue background", 1),), DOG),
    # Nothing is made (40)
    *(Asked(text) for text in [
        "What do horses eat?", "how tall is a giraffe?", "why do dogs bark?", "Who painted the Starry Night?", "What's the best way to draw hands?", "tell me the history of the guitar", "my cat is sick", "I had pizza for lunch", "write a limerick about a fox",
        "how does a rocket work?", "Hello there", "what's 5 times 6?", "What is the capital of Italy?", "Tell me about yourself", "what is the speed of light?", "thank you so much for your help", "how do violins make sound?", "who sang Yellow Submarine?",
        "Is it true that fish can't hear?", "what is the best video game?", "How long does a movie last?", "why do bells ring at noon?", "I can't hear you well", "my speakers are broken", "which camera should I buy?", "how loud is a jet engine?",
        "do you like music?", "What is the difference between a video and a film?", "my neighbour plays the drums all night", "who was Beethoven?", "how can I speak more clearly?", "I said hello to her yesterday", "What did Neil Armstrong say on the moon?",
        "why does my car make a strange noise?", "tell me how pictures are printed", "give me tips for recording vocals", "can birds talk?", "what should I do with old photos?", "I saw a beautiful sunset", "How many keys does a piano have?",
    ]),
]

#: (earlier requests with what they made, question, words that the answer must hold)
REMEMBERED = [
    (DOG, "what did I ask for first?", "dog"), (DOG + RAIN, "what did I ask for first?", "dog"), (RAIN + CAT, "What was my first request?", "rain"), (CAT + BALL, "what did I want at the beginning?", "cat"), (BALL + DOG, "what was the first thing I asked you?", "ball"),
    (CAT + RAIN + BALL, "what did I ask for first?", "cat"), (DOG + CAT, "what did I ask for last?", "cat"), (RAIN + BALL, "and the second thing I asked for?", "ball"), (BALL + RAIN, "do you remember what I asked first?", "ball"), (CAT + DOG, "what was my last request?", "dog"),
]
#: Questions about one attached sound, and about one attached video: text is expected.
LISTEN = ["what do you hear?", "any idea which sound this is?", "Tell me what is making this noise.", "identify the audio", "what have I recorded?"]
WATCH = ["what happens in the video?", "describe this clip for me", "What am I watching?", "tell me what is going on here", "what moves in it?"]
#: Requests with examples: operation, example pairs' (noun, colour before, colour after), then the new thing.
EXAMPLES = ["do the same", "and this one?", "now this one, the same way", "apply that to the last picture", "can you change this one like the one before?", "same for this please"]
