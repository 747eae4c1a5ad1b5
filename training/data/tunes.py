"""Notes to be played: scales, chords, arpeggios, traditional tunes and drum patterns as lists. Knows no instruments and no sound.

A note is (start in beats, length in beats, semitones above the tonic). The tunes are traditional or by authors dead for more than a century.
"""
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 10, 12)
CHORDS = {"a major chord": (0, 4, 7), "a minor chord": (0, 3, 7), "a chord": (0, 4, 7, 12)}

#: Name to degrees as (semitones, beats).
TUNES = {
    "twinkle twinkle little star": [(0, 1), (0, 1), (7, 1), (7, 1), (9, 1), (9, 1), (7, 2), (5, 1), (5, 1), (4, 1), (4, 1), (2, 1), (2, 1), (0, 2)],
    "ode to joy": [(4, 1), (4, 1), (5, 1), (7, 1), (7, 1), (5, 1), (4, 1), (2, 1), (0, 1), (0, 1), (2, 1), (4, 1), (4, 1.5), (2, 0.5), (2, 2)],
    "frere jacques": [(0, 1), (2, 1), (4, 1), (0, 1), (0, 1), (2, 1), (4, 1), (0, 1), (4, 1), (5, 1), (7, 2)],
    "mary had a little lamb": [(4, 1), (2, 1), (0, 1), (2, 1), (4, 1), (4, 1), (4, 2), (2, 1), (2, 1), (2, 2), (4, 1), (7, 1), (7, 2)],
    "jingle bells": [(4, 1), (4, 1), (4, 2), (4, 1), (4, 1), (4, 2), (4, 1), (7, 1), (0, 1.5), (2, 0.5), (4, 3)],
    "au clair de la lune": [(0, 1), (0, 1), (0, 1), (2, 1), (4, 2), (2, 2), (0, 1), (4, 1), (2, 1), (2, 1), (0, 3)],
    "london bridge": [(7, 1.5), (9, 0.5), (7, 1), (5, 1), (4, 1), (5, 1), (7, 2), (2, 1), (4, 1), (5, 2), (4, 1), (5, 1), (7, 2)],
    "row row row your boat": [(0, 1.5), (0, 1.5), (0, 1), (2, 0.5), (4, 1.5), (4, 1), (2, 0.5), (4, 1), (5, 0.5), (7, 3)],
}
#: Own phrases, called "a tune", "a melody" and the like.
PHRASES = [[(0, 1), (4, 1), (7, 1), (4, 1), (5, 1), (2, 1), (0, 2)], [(7, 0.5), (5, 0.5), (4, 1), (0, 1), (2, 1), (4, 0.5), (5, 0.5), (7, 2)], [(0, 1), (3, 1), (7, 1), (8, 1), (7, 1), (3, 1), (2, 1), (0, 2)],
           [(12, 1), (11, 0.5), (9, 0.5), (7, 1), (4, 1), (5, 1), (4, 1), (2, 1), (0, 1)], [(0, 0.5), (0, 0.5), (7, 1), (5, 0.5), (4, 0.5), (2, 1), (7, 1), (0, 2)], [(4, 1), (7, 1), (12, 2), (9, 1), (7, 1), (4, 2)]]
#: Sixteen steps of a bar by General MIDI drum key.
RHYTHMS = {
    "a rock beat": {36: "x.......x.x.....", 38: "....x.......x...", 42: "x.x.x.x.x.x.x.x."},
    "a disco beat": {36: "x...x...x...x...", 38: "....x.......x...", 46: "..x...x...x...x."},
    "a march": {38: "x..xx.x.x..xx.x.", 36: "x...x...x...x..."},
    "a slow beat": {36: "x.......x.......", 38: "....x.......x..."},
    "a funky beat": {36: "x..x..x...x..x..", 38: "....x.......x..x", 42: "xxxxxxxxxxxxxxxx"},
    "a tom beat": {45: "x...x.x.x...x.x.", 41: "..x.......x.....", 36: "x.......x......."},
    "a simple drum beat": {36: "x...x...x...x..."},
}
SINGLE_DRUMS = {"a drum hit": (36, 38, 41, 45, 47), "a cymbal crash": (49, 57), "a snare drum": (38, 40), "a bass drum": (35, 36), "a cowbell": (56,), "a hand clap": (39,), "a tambourine": (54,), "a triangle": (81,)}


def line(pairs) -> list[tuple[float, float, int]]:
    """Notes one after the other."""
    start, out = 0.0, []
    for semitones, beats in pairs:
        out.append((start, beats, semitones))
        start += beats
    return out


def draw_music(dice) -> dict:
    """What an instrument plays: pattern, words, notes in beats, and seconds a beat."""
    kind = dice.choices(["note", "up", "down", "chord", "arpeggio", "tune", "phrase", "repeat"], [14, 14, 12, 12, 12, 22, 14, 6])[0]
    beat = dice.choice([0.22, 0.28, 0.34, 0.42, 0.5, 0.62])
    speed = 2 if beat < 0.3 else 0 if beat > 0.45 else 1
    word = ("slow ", "", "fast ")[speed] if dice.random() < 0.5 else ""
    article = "a " if not word or word[0] != "a" else "an "
    if kind == "note":
        return {"pattern": 9, "what": "a {height}note", "notes": [(0, 12, dice.choice([-7, -5, 0, 2, 4, 7]))], "beat": 0.2, "density": 0}
    if kind in ("up", "down"):
        degrees = dice.choice([MAJOR, MAJOR, MINOR])
        words = dice.choice(["rising scale", "scale going up", "ascending scale", "scale"] if kind == "up" else ["falling scale", "scale going down", "descending scale"])
        notes = line([(d, 1) for d in (degrees if kind == "up" else degrees[::-1])])
        return {"pattern": 3 if kind == "up" else 4, "what": f"{article}{word}{words}", "notes": notes, "beat": min(beat, 0.5), "density": speed}
    if kind == "chord":
        name = dice.choice(list(CHORDS))
        times = dice.choice([1, 1, 2, 4])
        roots = [0, 5, 7, 0] if times == 4 else [0] * times
        notes = [(4 * k / 1.0 * (1 if times < 4 else 0.5), 4, r + s) for k, r in enumerate(roots) for s in CHORDS[name]]
        return {"pattern": 5, "what": name if times == 1 else "chords", "notes": notes, "beat": min(0.5, beat), "density": 0}
    if kind == "arpeggio":
        chord = list(CHORDS[dice.choice(list(CHORDS))])
        run = chord + [12] * (12 not in chord) + chord[::-1]
        return {"pattern": 6, "what": f"{'an' if not word else 'a'} {word}arpeggio", "notes": line([(s, 1) for s in (run * 3)[: int(3.6 / beat)]]), "beat": beat, "density": speed}
    if kind == "repeat":
        return {"pattern": 1, "what": f"the same note {word.strip() or 'again and again'}", "notes": line([(0, 1)] * int(3.6 / beat)), "beat": beat, "density": speed}
    if kind == "tune":
        name = dice.choice(list(TUNES))
        words, notes = dice.choice([name, name, f"{article}{word}tune", f"{article}{word}melody", f"{word}music"]), TUNES[name]
    else:
        words, notes = dice.choice([f"{article}{word}tune", f"{article}{word}melody", f"{article}{word}song", f"{word}music"]), dice.choice(PHRASES)
    return {"pattern": 7, "what": words, "notes": line(notes), "beat": beat, "density": speed}
