"""Requests written apart from the training phrasings, for evaluation only. Knows no model."""

#: (request, caption that the picture should have): a picture is expected.
DRAW = [
    ("Could I get a sketch of a purple elephant?", "a purple elephant"), ("I'd be so happy to see a little red house.", "a little red house"), ("hey buddy, whip up a green frog for me", "a green frog"),
    ("A banana, if you don't mind.", "a banana"), ("render an old castle", "an old castle"), ("two birds sitting on a tree", "two birds sitting on a tree"), ("what about a drawing with a blue whale in it", "a blue whale"),
    ("Kindly produce an illustration showing a violin", "a violin"), ("get me a yellow taxi", "a yellow taxi"), ("pink flower", "a pink flower"), ("Can we have a snowman now?", "a snowman"), ("snail", "a snail"),
    ("depict a dragon", "a dragon"), ("my son wants to see a fire truck", "a fire truck"), ("put together an image that has a penguin", "a penguin"), ("I wonder if you could paint a sunflower", "a sunflower"),
    ("let's see a bicycle!", "a bicycle"), ("a new picture: orange cat", "an orange cat"), ("quick doodle of a key", "a key"), ("Would it be possible to see a black guitar?", "a black guitar"), ("cupcake please!!", "a cupcake"),
    ("show a turtle", "a turtle"), ("draw the moon", "the moon"), ("Draw: a robot holding a flower", "a robot holding a flower"), ("I feel like looking at a picture of a horse", "a horse"), ("make art of a lemon", "a lemon"),
    ("could you visualize a green car on a white background", "a green car on a white background"), ("brown teddy bear", "a brown teddy bear"), ("Give us a picture with a pizza", "a pizza"), ("an airplane in the clouds", "an airplane in the clouds"),
    ("We'd like a logo with a crown", "a crown"), ("please can you do me a drawing of a lighthouse", "a lighthouse"), ("show me your best octopus", "an octopus"), ("sketch me a spider", "a spider"), ("a cat and a dog", "a cat and a dog"),
    ("I want to print a picture of a butterfly", "a butterfly"), ("create artwork: a red balloon", "a red balloon"), ("Mushroom picture please", "a mushroom"), ("an umbrella, blue", "a blue umbrella"), ("Try drawing a rocket for us", "a rocket"),
]
#: (first request, edit, colour or operation expected in the text): a picture with a reference to the first is expected.
EDIT = [
    ("draw a fish", "could the fish be purple instead?", "purple"), ("a house", "repaint it in yellow", "yellow"), ("draw a car", "I think green would look nicer", "green"), ("draw me a cup", "switch the color to black", "black"),
    ("a star please", "same thing, only blue", "blue"), ("paint a bird", "and what would it look like in pink?", "pink"), ("draw a dog", "mirror this one", "flip"), ("show me a boat", "give the picture a red backdrop", "red"),
    ("draw a pear", "it's too small, enlarge it a bit", "big"), ("a bus", "lose the background", "background"), ("draw a hat", "spin it upside down", "upside"), ("draw a tree", "convert it to black and white", "black and white"),
    ("an owl", "scale it down", "small"), ("draw a heart", "maybe brown?", "brown"), ("create a crown", "recolor it white please", "white"), ("draw a rose", "Let me have it in orange.", "orange"),
    ("a shoe", "rotate this clockwise", "right"), ("draw a ball", "on a green background, please", "green"), ("draw a cat", "can the cat wear a hat", "hat"), ("a bell", "turn that to grey", "grey"),
]
#: Edits of one of two attached pictures: (request, ordinal expected).
POINT = [
    ("paint the second image yellow", 2), ("can the first one be blue?", 1), ("mirror picture one", 1), ("make number two smaller", 2), ("I want the second picture upside down", 2), ("the first image should have a red background", 1),
    ("turn the first picture green", 1), ("recolour the second one purple", 2), ("please rotate the second one", 2), ("the first in black and white", 1),
]
#: Questions about an attached picture: text is expected.
LOOK = ["So what have we got here?", "any idea what this could be?", "Please give me a description of this image.", "what is in the photo", "tell me about this picture", "Could you name the thing in the image?", "what did I just send?", "is there an animal in it?",
        "what's the main colour here?", "how would you caption this?"]
#: Text is expected; half of them name things that could be drawn.
PLAIN = [
    "What do horses eat?", "how tall is a giraffe?", "What is the difference between a frog and a toad?", "why do dogs bark?", "how do you peel a banana?", "Who painted the Starry Night?", "how many legs does a spider have?", "What's the best way to draw hands?",
    "tell me the history of the guitar", "is a tomato a fruit?", "What does a red rose mean?", "my cat is sick", "Do you know a song about a star?", "Where do penguins live?", "How much does an elephant weigh?", "I had pizza for lunch", "What is a castle made of?",
    "write a limerick about a fox", "who lives in the white house?", "how does a rocket work?", "explain what a robot is", "is the moon a planet?", "How old can turtles get?", "What colour is a lemon?", "I bought a new car yesterday", "tell me a story about a dragon",
    "What is the plural of mouse?", "how do I fix a flat bicycle tire?", "can dogs eat chocolate?", "What is inside a piano?", "Hello there", "how's it going?", "what's 5 times 6?", "What is the capital of Italy?", "Who discovered America?", "what time is it?",
    "Give me a tip for studying", "how do I make coffee?", "what is a verb?", "Tell me about yourself", "why is the sea salty?", "define happiness", "what are you able to do?", "what is the square root of 81?", "How many continents are there?",
    "I need help with my homework", "what should I wear today?", "good night", "translate hello to German", "what is the speed of light?", "who is the president of the USA?", "How do I write a letter?", "explain gravity simply", "what is a black hole?",
    "name three countries in Africa", "can you keep a secret?", "What is the golden rule?", "how do I relax?", "thank you so much for your help", "what is a synonym for big?",
]
