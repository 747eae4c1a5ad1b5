"""Unigram tokenizers of SentencePiece as tokenizer.json: read as they are, or made of spiece.model, for which the packages sentencepiece and protobuf are needed.

Knows tokenizers; no model.
"""
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast


def load_pieces(folder: Path, longest: int, pad: str, before: tuple = ()) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, which ends every text with `</s>`; `before` are normalisers that stand before SentencePiece's own where it is made anew."""
    if (folder / 'tokenizer.json').is_file():
        made = PreTrainedTokenizerFast(tokenizer_file=str(folder / 'tokenizer.json'))
    elif (folder / 'spiece.model').is_file():
        made = PreTrainedTokenizerFast(tokenizer_object=of_pieces(folder / 'spiece.model', before))
    else:
        raise SystemExit(f'{folder}: neither tokenizer.json nor spiece.model.')
    made.eos_token, made.pad_token, made.unk_token, made.model_max_length = '</s>', pad, '<unk>', longest
    return made


def of_pieces(path: Path, before: tuple = ()) -> Tokenizer:
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    made = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], unk_id=proto.trainer_spec.unk_id))
    table = proto.normalizer_spec.precompiled_charsmap
    made.normalizer = normalizers.Sequence([*before, *([normalizers.Precompiled(table)] if table else []), normalizers.Replace(Regex(' {2,}'), ' ')])
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement='▁', prepend_scheme='always')])
    made.post_processor = processors.TemplateProcessing(single='$A </s>', pair='$A </s> $B </s>', special_tokens=[('</s>', made.token_to_id('</s>'))])
    return made
