"""Questions of plain conversation, many of which name things that could be drawn: the base model answers them, and tuning keeps its answers.
Knows no model."""
import random

#: A form, and the list whose words fill it.
FORMS = {
    "thing": [
        "what is {a}?", "What is a {b}?", "tell me about {s}", "Tell me something interesting about {s}.", "write a poem about {a}", "Write a short story about {a}.", "why do people like {s}?",
        "How would you describe {a} to a child?", "where do you find {s}?", "what's the difference between {a} and {a2}?", "give me three facts about {s}", "Can you explain what {a} is?",
        "how many {s} are there in the world?", "what does the word \"{b}\" mean?", "what colour are {s} usually?", "Is {a} bigger than {a2}?", "who invented the {b}?", "spell {b}", "Write one sentence about {a}.",
        "what rhymes with {b}?", "How do you say {b} in French?", "I love {s}", "I saw {a} today.", "do you like {s}?", "What can I do with {a}?", "what sound does {a} make?", "Name some famous {s}.",
        "Should I buy {a}?", "my {b} is broken, what should I do?", "what is the plural of {b}?", "why is {a} called that?", "list five kinds of {s}", "what do {s} eat?", "Is {a} an animal?",
    ],
    "craft": [
        "how do I learn to draw {s}?", "What pencils do I need to draw {a}?", "Who painted the Mona Lisa?", "what is a picture book?", "Who invented photography?", "How do cameras work?", "What is a watercolour painting?",
        "What makes a good picture?", "Give me tips for taking photos of {s}.", "what colours mix to make green?", "what is an image?", "How do I hang a picture on the wall?", "Explain the difference between a drawing and a painting.",
        "What is an icon?", "What is the meaning of the colour red?", "write a description of {a}", "Describe {a} in words only.", "tell me a story about {a} and {a2}", "What should I paint my room?", "Who was Vincent van Gogh?",
    ],
    "sound": [
        "how do I record {a}?", "who invented the video camera?", "What is the loudest animal?", "how do I edit a video?", "what is a good song about {s}?", "how long is a film?", "Why do we hear an echo?", "what is sound?",
        "How does a microphone work?", "what is the difference between music and noise?", "how do I learn to play the piano?", "Who composed the Moonlight Sonata?", "what is a symphony?", "how many strings does a guitar have?",
        "why does thunder come after lightning?", "what is a frame rate?", "How do I make a good video?", "what is the best camera for filming {s}?", "Who invented the telephone?", "how fast does sound travel?", "why does my dog bark at night?",
        "What instruments are in an orchestra?", "how do birds sing?", "Do fish make sounds?", "what is a podcast?", "How do I give a good speech?", "what is public speaking?", "how do I learn to pronounce English words?", "what is a silent film?",
        "Write a dialogue between {a} and {a2}.", "I heard {a} outside last night", "what is an audio book?", "my neighbours are too loud", "I watched a film about {s}", "Which film won an Oscar?", "what does it mean to read aloud?", "what is animation?",
        "how do cartoons move?", "what is a rhythm?", "What is the tempo of a waltz?", "I recorded a video of my {b}", "is it rude to talk loudly?", "why does a ball bounce?", "how do heartbeats change when we run?", "what is the sound barrier?",
    ],
    "said": [
        "She said she would come later.", "my teacher says that {s} are easy to draw", "he said no", "they told me about {s}", "I told him the truth yesterday", "Anna said good night and left", "what does the bible say about money?", "What do doctors say about coffee?",
        "what did Shakespeare say about love?", "who said \"knowledge is power\"?", "What does it mean to speak fluently?", "how do I speak to a shy child?", "how many people speak Spanish?", "which language is spoken in Brazil?", "I cannot speak today, my throat hurts",
        "Why do parrots speak?", "how can I become a better speaker?", "how do I say no politely?", "What should I say at a wedding?", "what should I say when I am late?", "is it polite to say goodbye by text?", "what do you say to a sad friend?", "They say {s} bring luck.",
        "my mother says I should sleep more", "what do people say when they sneeze?", "how do I tell my boss that I am ill?", "how do I pronounce foreign words?", "what is an accent?", "why is my voice so deep?", "my voice is gone, what helps?", "how do actors train their voice?",
        "what is a good way to read a book to a baby?", "I read a book about {s}", "I read the news this morning", "should I read poems aloud?", "how do I read faster?", "what does reading do for the brain?", "the radio was talking about {s}", "He shouted at {a}.", "whisper or shout, what is better?",
        "I talked to my doctor", "how do I talk about {s}?", "can babies talk?", "what is a dialogue?", "write a dialogue about {s}", "write a rap about {s}", "write a song text about {a}", "Write a few lines about {s}.", "write a short poem about the sea", "write a rhyme about {a}",
        "write a funny verse about {a}", "make up a rhyme with {b}", "Write a ballad about {a}.", "write a joke about {s}", "tell me a funny story about {a}", "write a speech about friendship", "write a toast for a birthday", "write the first line of a novel", "compose a short letter to my aunt",
        "write a slogan for {s}", "what were Einstein's last words?", "what did Columbus say about the new world?", "what did the first man on the moon do?", "who spoke first at the meeting?", "my phone does not ring anymore", "the dog next door barks all night", "I heard {a} in the woods",
        "what did you hear about {s}?", "I hear you", "I like to hear stories", "did you hear the news?", "have you heard of {s}?", "I listened to a song about {s}", "music makes me happy", "my guitar is out of tune", "how do I tune a piano?", "I want to learn the trumpet", "why is my engine so loud?",
        "I had {s} for dinner", "we ate {s} yesterday", "I had soup for lunch", "I bought {a} today", "my sister wants {a}", "we went to the zoo and saw {s}", "I dreamt of {a}", "there was {a} in the film", "my grandfather had {a}", "I lost my {b}", "I painted {a} last week", "I drew {a} at school",
        "our {b} is very old", "someone stole my {b}", "I took a photo of {a}", "my picture of {a} won a prize", "we filmed {a} on holiday", "the video of {a} was boring", "I saw a video about {s}", "a picture says more than a thousand words", "what is a moving picture?", "who invented the cinema?",
        "how do I draw better?", "which pen is good for drawing?", "I cannot draw at all", "drawing calms me down", "the sound of rain makes me sleepy", "what sounds do babies like?", "is silence good for you?", "why do people whistle?", "what is the sound of one hand clapping?", "how do I stop snoring?",
        "my ears hurt", "What is noise pollution?", "how loud is {a}?", "who sings this song?", "I sang in a choir", "what is an opera?", "what is jazz?", "when was the radio invented?", "how long was the longest film?", "how do I make a film without money?", "what is slow motion?", "is video art real art?",
    ],
    "made": [
        "how do you draw {a}?", "what is the easiest way to draw {s}?", "any advice on sketching {s}?", "which paper should I use for drawing {s}?", "what's a good way to practise drawing faces?", "best way to paint a wall", "what is the best way to hold a pencil?", "is drawing {s} hard?",
        "how long does it take to learn to draw?", "do I need talent to draw?", "where can I learn to draw {s}?", "what's the trick to drawing circles?", "why can't I draw straight lines?", "how did people draw {s} in the Stone Age?", "who drew the first cartoon?", "best way to learn painting",
        "what do I need to paint {a}?", "how do artists sketch so fast?", "What's the best way to cook rice?", "What's the best way to learn a language?", "what's the best way to clean {a}?", "best way to carry {a}", "what is the best way to photograph {s}?", "what's the best way to make friends?",
        "how do I make {a} out of paper?", "how is {a} made?", "how do you make a film about {s}?", "how do you make a good photo?", "how do I make a good impression?", "how does one make soap?", "what makes {a} special?", "make sense of this: the early bird catches the worm",
        "write a sonnet about {a}", "write an ode to {a}", "write a verse about {s}", "write a nursery rhyme about {a}", "write two lines about {a}", "write a sentence with the word {b}", "write a paragraph about {s}", "write an essay about {s}", "write a fairy tale about {a}", "write a fable about {a} and {a2}",
        "write a proverb about {s}", "write a riddle about {a}", "write an acrostic for {b}", "write a tongue twister with {b}", "write a letter to {a}", "write a headline about {s}", "write a review of {a}", "write a tweet about {s}", "write a love poem", "write free verse about the rain", "write a lullaby text about {a}",
        "write song lyrics about {s}", "write a chorus about {a}", "write an advert for {a}", "write a product description for {a}", "write a menu for a picnic", "write a diary entry of {a}", "write a scene with {a} and {a2}", "write a script about {s}", "write a bedtime story", "write a birthday card text",
        "compose a poem about {s}", "compose a short verse", "give me a rhyme about {a}", "give me a poem about {a}", "give me a funny line about {s}", "give me a name for {a}", "give me a sentence about {a}", "give me an idea for a story about {a}", "give me a summary of Hamlet", "give me a saying about {s}",
        "tell me how to draw {a}", "tell me why {s} are loved", "tell me a poem", "tell me the story of {a}", "tell me about drawing", "teach me to draw", "teach me about {s}", "explain how to paint {s}", "explain perspective in drawing", "explain how {a} works",
        "describe a picture of {a} to me", "describe the sound of {a}", "describe how {a} moves", "how do {s} move?", "what picture made van Gogh famous?", "what is drawn on the French flag?", "what does a drawing of {a} cost?",
        "who can draw {s} best?", "can you draw well?", "are you good at drawing?", "do you like to paint?", "what can you draw?", "can you make music?", "do you make videos?", "can you sing?", "my drawing of {a} looks bad", "my son drew {a}", "she paints {s}", "he is drawing {a}", "I am writing a poem about {a}",
        "I am making a film about {s}", "I make {s} from clay", "we made {a} out of snow", "I have to draw {a} for homework, any tips?", "I want to get better at drawing {s}", "I want to write about {s}", "I wrote a song about {a}", "I need a rhyme for {b}", "the film about {s} made me cry", "that drawing was of {a}",
        "I sold {a} yesterday", "I ate {a}", "my friend has {a}", "there is {a} in my garden", "yesterday I met {a}", "{s} are great", "my favourite thing is {a}", "I am afraid of {s}", "have you ever seen {a}?", "I miss my {b}", "we had {s} for breakfast", "the {b} was expensive", "who is afraid of {s}?",
    ],
    "plain": [
        "hi", "Hello!", "hey there", "good morning", "thanks", "Thank you very much!", "ok", "bye", "how are you?", "what can you help me with?", "2+2?", "What is 12 times 3?", "what is 100 divided by 4?", "what is 7 + 8?",
        "what is the capital of France?", "What is the capital of Japan?", "Who wrote Hamlet?", "when did the second world war end?", "What is the largest planet?", "how far is the moon?", "why is the sky blue?",
        "What is photosynthesis?", "how does a plane fly?", "What is gravity?", "what is the boiling point of water?", "Who was Albert Einstein?", "What is the longest river in the world?", "what language do they speak in Brazil?",
        "tell me a joke", "Tell me a fun fact.", "what should I cook tonight?", "How do I make pancakes?", "give me a recipe for tomato soup", "How do I boil an egg?", "what is a healthy breakfast?", "how can I sleep better?",
        "How do I learn English faster?", "give me some advice for a job interview", "write an email to my boss asking for a day off", "Write a birthday message for my sister.", "write a haiku", "Write a short poem about the sea.",
        "How do I learn to program?", "what is Python?", "What is a computer?", "what is the internet?", "write a function that adds two numbers in Python", "What does HTML stand for?", "what is machine learning?",
        "summarise this: The cat sat on the mat because it was warm and soft.", "Translate \"good night\" into Spanish.", "correct this sentence: he go to school yesterday", "What is the past tense of go?", "give me a synonym of happy",
        "what is the opposite of hot?", "How many days are in a year?", "how many minutes are in an hour?", "what comes after Tuesday?", "Name the seasons.", "List the colours of the rainbow.", "what are the primary colours?",
        "I feel sad today", "I am bored", "I'm tired.", "what is love?", "What is the meaning of life?", "give me a name for my new dog", "What is a good book to read?", "recommend a film", "what music should I listen to?",
        "how do I stay motivated?", "What is the best way to save money?", "how do I clean my shoes?", "How do I tie a tie?", "how long should I brush my teeth?", "What is democracy?", "who was Napoleon?", "What is climate change?",
        "why do leaves change colour?", "how do bees make honey?", "What causes rain?", "how are mountains formed?", "What is a volcano?", "how deep is the ocean?", "Why do cats purr?", "how fast can a cheetah run?",
        "what is DNA?", "What is an atom?", "how does the heart work?", "What is a vitamin?", "give me a riddle", "What is 15 percent of 200?", "is 17 a prime number?", "What is a triangle?", "explain fractions to a child",
        "What year is it?", "what's the weather like?", "can you remember things?", "what do you think about football?", "How do I play chess?", "what are the rules of tennis?", "Which is heavier, a kilogram of feathers or a kilogram of iron?",
        "plan a weekend in Paris", "What should I pack for a trip to the beach?", "how do I grow tomatoes?", "How often should I water a cactus?", "what is the fastest animal?", "What is the tallest building?", "make a list of five fruits",
        "write a to-do list for cleaning the house", "What is a metaphor?", "give me a quote about friendship", "How do magnets work?", "What is electricity?", "why do we dream?", "tell me about the Roman empire", "what is jazz?",
        "Continue: once upon a time there was a little", "finish the sentence: the best thing about summer is", "say hello in three languages", "count to ten", "what is your favourite colour?", "do you sleep?", "are you human?",
    ],
}
THINGS = """apple dog house cat tree fish car boat bird flower horse lighthouse robot castle banana guitar bicycle elephant mountain train pizza butterfly rocket whale umbrella clock violin rabbit
bridge snowman candle lemon tiger spider dragon piano hammer balloon owl cactus cup shoe crown ship star moon turtle penguin bear""".split()


def plural(word: str) -> str:
    return {"fish": "fish"}.get(word) or (word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s"))


def with_article(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") + word


def questions(count: int = 460, seed: int = 0) -> list[str]:
    """Distinct questions: every one that names nothing, the rest from the forms about things."""
    draw = random.Random(seed)
    found = list(FORMS["plain"])
    while len(found) < count:
        form = draw.choice(FORMS["thing"] + FORMS["thing"] + FORMS["craft"])
        word, other = draw.sample(THINGS, 2)
        text = form.format(a=with_article(word), b=word, s=plural(word), a2=with_article(other))
        if text not in found:
            found.append(text)
    draw.shuffle(found)
    return heard(random.Random(seed)) + found


def heard(draw: random.Random) -> list[str]:
    """Questions and remarks about sounds, music, films, pictures and speaking that are to be answered in text, each once"""
    found = []
    for form in FORMS["sound"] + FORMS["said"] + FORMS["made"]:
        word, other = draw.sample(THINGS, 2)
        found.append(form.format(a=with_article(word), b=word, s=plural(word), a2=with_article(other)))
    return found
