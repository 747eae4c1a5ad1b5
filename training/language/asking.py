"""What people ask of nano besides pictures, and how it answers: phrasings by task. {x} is what is heard or seen ("a dog barking"), {s} the
thing with its article, {n} without, {w} the word for its own sound, {c} a colour, {o} an ordinal. Knows no tokens."""

HEAR = """play {x}|play the sound of {x}|play a sound of {x}|the sound of {x}|sound of {x}|make the sound of {x}|make a sound: {x}|let me hear {x}|let me hear {x}|let me listen to {x}|I want to hear {x}|I want to hear {x}|I'd like to hear {x}|I would like to hear {x}|
can I hear {x}?|can I listen to {x}?|could you play {x}?|can you make the sound of {x}?|give me the sound of {x}|give me a sound of {x}|a recording of {x}|a recording of {x} please|an audio clip of {x}|audio of {x}|audio: {x}|sound: {x}|{x} as a sound|{x}, as audio|
generate the sound of {x}|generate audio of {x}|create a sound of {x}|produce the sound of {x}|a sound effect of {x}|I need a sound effect of {x}|I need the sound of {x}|noise of {x}|the noise of {x}|make the noise of {x}|play me {x}|play some {n}|play the noise of {x}|
what does {x} sound like? play it|I'd love to listen to {x}|let us hear {x}|sound clip of {x}|record {x}|record {x} for me|please play {x}|do you have the sound of {x}?|make me hear {x}|a sound of {x} for my game|now play {x}|may I listen to {x}?|
I wish to hear {x}|imitate {x}|can you imitate the sound of {x}?|put on the sound of {x}|the audio of {x}|show me how {x} sounds|turn {x} into sound"""
#: For sounds that are something's own; the caption is the sound's all the same.
HEAR_OWN = """what does {s} sound like?|how does {s} sound?|let me hear {s}|I want to hear {s}|the {w} of {s}|play the {w} of {s}|let me hear the {w} of {s}|I want to hear the {w} of {s}|give me the {w} of {s}|the sound of {s}|play the sound of {s}|the sound {s} makes|play what {s} sounds like|
make the {w} of {s}|{s}'s {w}|can I hear {s}?|the noise {s} makes|play {s}|sound of {s}|how does {s} {w}? play it|imitate {s}|can I hear the {w} of {s}?|play {s} {w}ing|what noise does {s} make? let me hear it|a {n} sound|{n} sound|{n} {w}|audio of {s}|let {s} be heard|record {s}"""
HEAR_REPLY = """Here is {x}.|Here is {x}.|This is {x}.|This is the sound of {x}.|Here is the sound of {x}.|Listen: {x}.|Here you go: {x}.|{X}.|The sound of {x}:|Sure, here is {x}.|Now you can hear {x}.|It sounds like this: {x}."""

FILM = """a video of {x}|a video of {x}|make a video of {x}|make a video of {x}|make a short video of {x}|make me a video of {x}|show me a video of {x}|create a video of {x}|generate a video of {x}|film {x}|film {x} for me|animate {x}|an animation of {x}|
make an animation of {x}|a clip of {x}|a short clip of {x}|make a clip of {x}|video of {x}|video: {x}|animation: {x}|clip: {x}|a movie of {x}|make a movie of {x}|a short film of {x}|a gif of {x}|make a gif of {x}|I want a video of {x}|I want to see a video of {x}|I'd like a video of {x}|
can you make a video of {x}?|could you animate {x}?|can I have a video of {x}?|please make a video of {x}|let me watch {x}|I want to watch {x}|let me see {x} in a video|{x} as a video|{x}, as a video|{x}, animated|{x} in motion|an animated picture of {x}|
a moving picture of {x}|a video with {x}|a video in which you see {x}|produce a video of {x}|give me a video of {x}|give me a clip of {x}|record a video of {x}|show {x} in a video|I need a video of {x}|some footage of {x}|next a video of {x}|now a video of {x}|a video where there is {x}"""
FILM_REPLY = """Here is {x}.|Here is a video of {x}.|Here is a video of {x}.|This is {x}.|This video shows {x}.|I made a video of {x}.|Here you go: {x}.|{X}.|A video of {x}:|Sure, here is {x}.|Watch: {x}.|I animated {x}."""
WITH_SOUND = """{v} with its sound|{v} with its sound|{v} with sound|{v} with sound|{v}, with sound|{v} with audio|{v} and its sound|{v} and the sound of it|{v}, sound included|{v} including the sound|{v} with a sound track|{v} and let me hear it|{v} and play the sound|{v} with the matching sound|{v}, and I want to hear it too|
{v} that can be heard|{v} including audio|{v}, with the noise of it|{v}, sound on please|{v} plus audio|{v} and audio|{v} together with the sound|{v} plus sound|{v} with the noise it makes|{v}, not silent|{v} and add the sound"""
WITH_SOUND_REPLY = """Here is {x}, with its sound.|Here is a video of {x} with sound.|This is {x}, and how it sounds.|{X}, with sound:|I made a video of {x} and its sound.|Sure, here is {x} with its sound."""

#: Parts of a request for several outputs: about a thing that is named, and about the thing named before. A verb part and a noun part.
PART_NAMED = {
    "image": "draw {s}|draw {s}|paint {s}|show me {s}|make a picture of {s}|sketch {s};a picture of {s}|a drawing of {s}|an image of {s}|a picture of {s}|a photo of {s}",
    "audio": "play {x}|let me hear {x}|let me hear {s}|play the sound of {s}|make the sound of {s};the sound of {s}|the sound of {x}|a recording of {x}|the noise of {s}|the {w} of {s}|audio of {x}",
    "video": "film {y}|animate {y}|make a video of {y}|show me a video of {y}|make a clip of {y};a video of {y}|a clip of {y}|an animation of {y}|a short video of {y}|a movie of {y}",
}
PART_AFTER = {
    "image": "draw it|paint it|show me a picture of it|draw one|show it|make a picture of it;a picture of it|a drawing of it|a picture|an image|a drawing of one",
    "audio": "let me hear it|let it {w} too|play its sound|let me hear its {w}|play its {w}|let it be heard|play one|make its sound|let it {w};its sound|its {w}|the sound|the sound of it|audio|the {w}|its noise",
    "video": "animate it|film it|make a video of it|make it move|let it move|film it {m}|make a clip of it;a video of it|a video|a clip of it|an animation of it|a video of it {m}|a short video",
}
JOINED = """{a} plus {b}|{a} along with {b}|{a}, with {b}|{a} and with it {b}|both {a} and {b}|{a} and {b}|{a} and {b}|{a} and then {b}|{a}, then {b}|first {a}, then {b}|{a} and also {b}|{a}, and {b}|{a} as well as {b}|{a} plus {b}|{a}, after that {b}|{a} together with {b}|{a} and after that {b}|{a} along with {b}"""
JOINED_THREE = """{a}, {b} and {c}|{a}, then {b}, then {c}|first {a}, then {b}, and then {c}|{a} and {b} and {c}|{a}, {b}, and finally {c}"""
WANTED = """{a}|{a}|{a}|I want {a}|I'd like {a}|give me {a}|please make {a}|can I have {a}?|I need {a}|make {a}|create {a}|could you give me {a}?|I would like {a}"""
#: Forms that name kinds: {k} is "picture and sound", {s} the thing.
KINDS_OF = """{k} of {s}|{k} of {s}|{k} of {s} please|can I get {k} of {s}?|{s} in {k}|{s}: {k}, please|{s} as {k}|{k} of {s}|give me {k} of {s}|I want {k} of {s}|{s}, {k}|make {k} of {s}|{k} of {s}, please|show me {s}: {k}|please give me {s} as {k}"""
KIND_NAMES = {"image": ["a picture", "a drawing", "an image", "picture", "a photo"], "audio": ["a sound", "a recording", "sound", "audio", "its sound"], "video": ["a video", "a clip", "an animation", "video", "a film"]}
SEE_AND_HEAR = """show {s} and let it {w}|I want to see {s} and hear its {w}|{s} with its {w}|a picture of {s} with its {w}|{s}: a picture and its {w}|draw {s} and its {w}|draw {s}, with {w}|{s}, painted and {w}ing|let me see and hear {s}|I want to see and hear {s}|show me {s} and how it sounds|I'd like to see and hear {s}|I want to look at {s} and listen to it|what does {s} look like and sound like?|show and play {s}"""
PIECE_REPLY = {"image": """Here is {s}.|This is {s}.|I drew {s}.|A picture of {s}:""", "audio": """This is {x}.|Here is {x}.|This is how it sounds.|The sound of {x}:|And now listen: {x}.""", "video": """Here is a video of {y}.|This is {y}.|A video of {y}:|And here it moves: {y}."""}
SEVERAL_REPLY = """Here is {k}.|Here you are: {k}.|Sure, {k}.|This is {k}.|I made {k}."""

#: Follow-ups: after a picture, a sound, a video.
NOW_HEAR = """now with its {w}|now its {w}|and its {w}|with its {w}|now the sound|and the sound?|now let me hear it|let me hear it|what does it sound like?|how does it sound?|play its sound|play its {w}|now with sound|I want to hear it|can I hear it?|make its sound|now the {w}|let me hear its {w}|and now its sound|
add its {w}|give it a sound|let it make its sound|what sound does it make? play it|now I want to hear it|can it {w}?|let it {w}|and the {w}|I'd like to hear it too|can I hear it too?|sound please|the sound of it|now in sound|let me hear the {n}|now play the {n}"""
NOW_FILM = """make a short video of it|make a video of it|now a video of it|now make a video of it|animate it|make it move|now as a video|can you animate it?|turn it into a video|a short clip of it|make it a video|now film it|I want to see it move|can it move?|let me see it move|bring it to life|a video of it please|make a clip of it|
now in motion|and a video?|can I have a video of it?|now animate the {n}|make a movie of it|make an animation of it|make the {n} move|turn the picture into a video|turn it into an animation|let the {n} move|now as an animation|make a gif of it|and as a video?"""
NOW_FILM_MOTION = """let it {v}|make it {v}|now a video of it {m}|animate it {m}|I want to see it {v}|make a video of it {m}|can it {v}?|show it {m}|now let it {v}|film it {m}|a video where it is {m}"""
NOW_DRAW = """now draw it|draw it|now a picture of it|what does it look like?|show me a picture of it|a picture of it|can you draw it?|now show it to me|and a picture?|I want to see it|draw the {n}|and how does it look?|show me|now paint it|let me see it|make a picture of it|can I see it?|now as a picture|draw it too|draw a picture of the {n}"""
NOW_ALONE = """just a picture of it|a still picture of it|now a picture of it|draw it|now draw the {n}|only a picture|make a picture of the {n}|a drawing of it please|show me a picture of the {n}|and as a picture?"""
NOW_VIDEO_SOUND = """add its sound|now with sound|and the sound of it|let me hear it|now the sound|add sound|with sound please|what does it sound like?|can I hear it?|play the sound of it|now let me hear it|I want to hear it too|make the sound for it|give it a sound"""
#: About an attached medium, for another output.
MADE_FROM = {
    ("image", "audio"): """what does this sound like?|play the sound of this|make a sound for this picture|let me hear this|what would this sound like?|give this picture a sound|the sound of this|a sound that fits this picture|let me hear what is in the picture""",
    ("image", "video"): """animate this|make a video of this|make this move|turn this into a video|bring this to life|a video of this please|make this picture move|animate this picture|let it move""",
    ("audio", "image"): """draw what you hear|draw this|draw what makes this sound|a picture of this|paint what you hear|what does this look like?|show me what makes this sound|make a picture for this sound|turn this sound into a picture""",
    ("audio", "video"): """make a video for this sound|film what you hear|a video of this|animate what makes this sound|show me a video of what you hear|turn this sound into a video|a video that fits this sound""",
    ("video", "image"): """draw what you see in the video|draw this|a picture of this|paint what is in the video|make a picture of what you see|a still picture of this|draw the thing in the video""",
    ("video", "audio"): """what does this sound like?|make a sound for this video|give this video a sound|play the sound of this|let me hear this|a sound that fits the video|add a sound""",
    ("image", "image"): """draw another one like this|draw one like this|make a new picture of the same thing|draw what you see|draw that again""",
    ("audio", "audio"): """make this sound again|play that again|play one more like this|imitate this|make a similar sound|repeat this sound""",
    ("video", "video"): """make another video like this|make a video like this one|one more video of this|film that again|make a similar video""",
}

SAY = """say "{t}"|say "{t}"|say "{t}"|say: {t}|say {t}|say {t}|say '{t}'|please say "{t}"|please say {t}|can you say "{t}"?|can you say {t}?|could you say "{t}"?|speak "{t}"|speak: {t}|speak this: {t}|read this aloud: {t}|read this aloud: {t}|read aloud: {t}|read this out: {t}|read out "{t}"|
read this out loud: {t}|read the following aloud: {t}|please read this aloud: "{t}"|say out loud: {t}|say aloud "{t}"|say this: {t}|say this aloud: {t}|pronounce {t}|pronounce "{t}"|how do you pronounce "{t}"?|speak the words "{t}"|speak the sentence "{t}"|I want to hear you say "{t}"|let me hear you say "{t}"|
with your voice say "{t}"|use your voice: {t}|tell me "{t}" out loud|speak out: {t}|recite: {t}|recite "{t}"|voice: {t}|in your voice: "{t}"|read to me: {t}|read me this: {t}|make a voice say "{t}"|let a voice say: {t}|let me hear the words "{t}"|turn this into speech: {t}|text to speech: {t}|announce: {t}|announce "{t}"|
say the sentence "{t}"|say the words: {t}|would you read this for me: {t}|speech: {t}|spoken please: "{t}"|now say "{t}"|now say {t}|a voice that says "{t}"|whisper "{t}"|shout "{t}\""""
SAY_REPLY = """Sure.|Okay.|Of course.|Here it is.|With pleasure."""
ALOUD = """{t} Say it out loud.|{t} Answer aloud.|{t} Tell me out loud.|{t} Answer with your voice.|out loud please: {t}|answer aloud: {t}|tell me out loud: {t}|say the answer: {t}|with your voice: {t}|speak your answer: {t}|{t} (spoken, please)|{t} I want to hear the answer spoken."""
AGAIN_ALOUD = """say that out loud|read that to me|read it aloud|now say it|can you say that aloud?|speak it|please read your answer aloud|say it with your voice|read that out loud|now out loud|tell me that out loud|I want to hear you say that|read me your answer|speak that"""

LISTEN = """what is this?|what do you hear?|what do you hear?|what is this sound?|what sound is this?|what is that sound?|what can you hear?|describe the sound|describe this sound|what makes this sound?|what is making this noise?|identify this sound|name this sound|what am I hearing?|listen to this, what is it?|
tell me what you hear|which sound is this?|what is on this recording?|what was recorded here?|can you tell what this is?|what's this noise?|what does it sound like to you?|what instrument is this?|caption this audio|do you know this sound?|what's that?|what is in the recording?"""
LISTEN_REPLY = """I hear {x}.|I hear {x}.|This is {x}.|This is the sound of {x}.|That is {x}.|It sounds like {x}.|The sound is {x}."""
LISTEN_MADE = """what was that?|what is this sound?|what did you play?|what do you hear?|what was that sound?|describe the sound|what sound did you make?"""
WATCH = """what is this?|what happens in the video?|what happens in the video?|what do you see?|what is in the video?|describe the video|describe this video|what does the video show?|what is happening here?|what is going on in this clip?|what can you see in the video?|tell me what happens|describe what happens|
caption this video|what is shown in this video?|what moves in the video?|watch this, what is it?|what is this clip about?|summarise the video|what does this clip show?|tell me about this video|what happens here?|what is it doing?|how does it move?"""
WATCH_REPLY = """The video shows {x}.|The video shows {x}.|I see {x}.|This is {x}.|It shows {x}.|In the video there is {x}.|You see {x}."""
WATCH_SOUND_REPLY = """The video shows {x}, and I hear {y}.|I see {x} and hear {y}.|This is {x}, with the sound of {y}.|The video shows {x}. The sound is {y}."""
WATCH_MADE = """what is in the video?|what does your video show?|what happens in the video?|what did you film?|describe the video you made|what is it doing?"""
DO_HEAR = """do you hear {x}?|is this {x}?|is that {x}?|can you hear {x}?|is it {x}?|does it sound like {x}?"""
HEAR_IN_VIDEO = """what do you hear in the video?|what is the sound in the video?|does the video have sound?|what does it sound like?|and what do you hear?"""

NAME_EACH = """name each|name each of them|name each of these|what are these?|what is each of these?|tell me what each one is|describe each of them|what have I sent you?|what do you see and hear?|name all of them|name these|what are all of these?|describe them all|tell me what these are|what did I send?|go through them one by one|
say what each of them is in a list|describe these|what is in each of them?|identify each of these"""
EACH = {"image": ["the picture shows {x}", "the picture is {x}", "I see {x} in the picture"], "audio": ["the sound is {x}", "I hear {x}", "the sound is {x}"], "video": ["the video shows {x}", "the video is {x}", "in the video there is {x}"]}
EACH_ORDINAL = {"image": "the {o} picture shows {x}", "audio": "the {o} sound is {x}", "video": "the {o} video shows {x}"}
KIND_WORDS = {"image": ("picture", "image"), "audio": ("sound", "recording"), "video": ("video", "clip")}
ONE_OF = """what is the {k}?|what does the {k} show?|describe the {k}|tell me about the {k}|and the {k}?|what is in the {k}?"""
ONE_HEARD = """what is the {k}?|what do you hear in the {k}?|describe the {k}|tell me about the {k}|and the {k}?|what is in the {k}?"""
WHICH_KIND = """which one is {s}?|which one is the {n}?|where is the {n}?|which one shows {s}?|which of them is {s}?|in which one is {s}?"""
WHICH_HEARD = """which one is {x}?|in which one do you hear {x}?|where do you hear {x}?|which of them is {x}?"""

REMEMBER_FIRST = """what did I ask for first?|what did I ask for first?|what was the first thing I asked for?|what did I ask first?|what was my first request?|what did I want first?|what did I ask you at the beginning?|do you remember my first request?|what was the first thing I wanted?|which was my first wish?|what did we start with?"""
REMEMBER_SECOND = """what did I ask for second?|what was the second thing I asked for?|what was my second request?|and what did I ask for after that?|what came second?"""
REMEMBER_LAST = """what did I ask for last?|what was the last thing I asked for?|what did I just ask for?|what was my last request?|what did I want just now?"""
REMEMBERED = {
    "image": """You asked me to draw {s}.|You asked me to draw {s}.|You asked for a picture of {s}.""", "audio": """You asked for the sound of {x}.|You asked me to play {x}.""",
    "video": """You asked for a video of {x}.|You asked me to make a video of {x}.""", "speech": """You asked me to say "{x}".""", "text": """You asked me: "{x}"|You asked: "{x}\"""", "edit": """You asked me to {x}.""",
}

SAME = """do the same|do the same|do the same with this one|and this one?|now this one|the same for this picture|do the same to the last one|apply the same change|apply the same to this|now do the same here|same here|change this one in the same way|do it again with this one|and now this one|continue the pattern|do that to this picture as well"""
SHOWN = """this was changed like this|look at these|here is an example|from this to this|this became that|before and after|see how this changed||"""
SAME_REPLY = {"recolour": """I made it {c}, as in the example.|Now it is {c} as well.|The colour changes to {c}, so here it is in {c}.|It becomes {c}.""", "background": """The background becomes {c}.|I put it on a {c} background as well.|Now it is on a {c} background, too."""}
WHAT_CHANGED = """what changed?|what is the difference?|what was changed?|what happened to the picture?|which change was made?|how did the picture change?"""
WHAT_CHANGED_REPLY = {"recolour": """It was made {c}.|The colour was changed to {c}.|It became {c}.""", "background": """The background was made {c}.|It was put on a {c} background."""}

SELF = {
    "who are you?": "I am anymodal. I answer with text, pictures, sounds and videos.", "what are you?": "I am anymodal, a small model that answers with text, pictures, sounds and videos.", "What is your name?": "My name is anymodal.",
    "what can you do?": "I can talk with you, make pictures, sounds and videos, change pictures, and tell you what I see and hear.", "can you draw?": "Yes, I can draw. What should I draw?", "do you make pictures?": "Yes. Tell me what you want to see.",
    "can you make sounds?": "Yes. What do you want to hear?", "can you make videos?": "Yes. What should the video show?", "can you speak?": "Yes. Tell me what to say.", "can you hear?": "Yes. Send me a sound and I will tell you what I hear.", "can you watch videos?": "Yes. Send me one and I will tell you what happens.",
    "can you see pictures?": "Yes. Send me one and I will tell you what it shows.", "can you edit pictures?": "Yes. Send me a picture and tell me what to change.", "what kind of sounds can you make?": "Animals, instruments, weather, things of the house, and more.",
    "what kind of pictures can you make?": "I draw small pictures of things, animals, plants and food.", "introduce yourself": "I am anymodal. I answer with text, pictures, sounds and videos.", "help": "Ask me something, ask for a picture, a sound or a video, or send me one.",
    "make a video": "What should the video show?", "make a sound": "What do you want to hear?", "play something": "What do you want to hear?", "say something": "What should I say?", "draw something": "What should I draw? Name a thing, an animal or a plant.", "I want a picture": "What should the picture show?",
    "I want a video": "What should the video show?", "can you help me?": "Yes. What do you need?", "who made you?": "I am anymodal, built from small open models.", "do you have a voice?": "Yes. Tell me what to say and I will say it.", "can you play music?": "A little. Name an instrument or a tune.",
    "sing a song": "I cannot sing, but I can play an instrument. Which one?", "can you listen to music?": "Yes. Send me a sound and I will tell you what I hear.",
}
NOT_WANTED = """no sound please, how are you?>I am fine, thank you.|without a video: what is {s}?>It is {s}.|don't play anything, just write hello>Hello.|do not make a video of {s}>All right, no video.|I don't want to hear {s}>All right, no sound.|please stop the music>All right, it is quiet now.|only text: what does a dog do?>A dog barks.|
do not draw {s}>All right, I will not draw it.|no pictures please, how are you?>I am fine, thank you.|I don't want a picture of {s}>All right, no picture.|no more videos>All right, no more videos.|write hello>Hello.|which is louder, a mouse or a lion?>A lion is louder.|what colour is a banana?>A banana is yellow.|
how can I learn to speak well?>Speak slowly, and practise every day.|what did the teacher say?>I do not know what the teacher said.|who said that?>I do not know who said that.|I saw a beautiful {n}>How lovely. Where did you see it?|I saw a nice {n} today>How lovely. Where did you see it?|
what is the best way to draw {s}?>Begin with simple shapes, then add the details.|how do I draw {s}?>Begin with simple shapes, then add the details.|how are films made?>Many pictures are shown quickly, one after the other.|she told me about {s}>What did she tell you?|what a beautiful picture>Thank you.|
I said good morning to him>That was kind of you.|how do I speak to {s}?>Calmly and kindly.|what do people say about {s}?>People say many things about it.|I heard {x}>What was it like?|tell me how {s} is made>I am not sure how it is made.|my brother has {s}>That sounds nice.|
I heard {x} this morning>That sounds interesting. What did you do then?|I made a video of {s} yesterday>That sounds nice. What did it show?|my {n} makes a strange noise>I am sorry to hear that. When does it happen?|I saw {s} yesterday>That sounds interesting. Where was it?|she said hello to me>That was kind of her.|
he draws well>That is a fine talent.|I like the sound of {s}>It is a fine sound.|I love videos>What do you like to watch?|my brother plays the {n}>That sounds like fun.|there is {s} in my garden>How nice. What is it doing?|I have never seen {s}>Perhaps one day you will.|is {s} loud?>That depends.|the {n} was too loud>I am sorry to hear that."""
NOTHING_YET = {"sound": "There is nothing to hear yet. What do you want to hear?", "video": "There is nothing to animate yet. What should move?", "first": "You have not asked for anything before this."}
