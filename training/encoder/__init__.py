"""The image encoder whose space is the sentence encoder's: preprocessing, model, training, export."""
