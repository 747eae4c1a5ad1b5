"""python -m training.align: a projector between an exported language model and what a decoder or an encoder knows, and the language model tuned on dialogues.

    python -m training.align output --language-model BUNDLE --decoder BUNDLE --captions FILE --out FOLDER [--output image] [--minutes 30] [--dump FILE]
    python -m training.align input --language-model BUNDLE --encoder BUNDLE --captions FILE.jsonl --out FOLDER [--modality image] [--kind linear|mlp] [--dump FILE]
    python -m training.align dialogues --language-model BUNDLE --dialogues FILE.jsonl --out FOLDER [--minutes 30] [--base packed] [--device cuda] [--dump FILE]

docs/alignment.md has the whole of it.
"""
import argparse
import json
from pathlib import Path

from . import dialogues, output
from . import input as reading


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m training.align', description='A projector between an exported language model and what a decoder or an encoder knows.')
    kinds = parser.add_subparsers(dest='kind', required=True)
    one = kinds.add_parser('output', help='signal tokens and an output projector, from captions alone')
    one.add_argument('--language-model', type=Path, required=True, metavar='BUNDLE', help='as training.export.causal_lm and its neighbours write it')
    one.add_argument('--decoder', type=Path, required=True, metavar='BUNDLE', help='with the text encoder of the decoder')
    one.add_argument('--captions', type=Path, required=True, metavar='FILE', help='lines of text, or JSONL with a "caption" each')
    one.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    one.add_argument('--output', default='image', help='what the output is called in the new bundle')
    one.add_argument('--of', help="name of the output in the decoder's bundle; the only one, or the first that is made from a prompt")
    one.add_argument('--tokens', default='OUT', metavar='PREFIX', help='spelling of the signal tokens: [PREFIX0], [PREFIX1], ...')
    one.add_argument('--count', type=int, default=4, help='signal tokens in a group')
    one.add_argument('--minutes', type=float, default=30, help='for reading states and fitting together')
    one.add_argument('--most', type=int, default=20000, help='captions used at most')
    one.add_argument('--held', type=int, default=400, help='captions kept aside: half to choose by, half for the report')
    one.add_argument('--plain', type=Path, help='questions that want words alone, a line each')
    one.add_argument('--route', type=int, default=24, metavar='N', help='captions of the report that are asked for on the caption route; 0 for none')
    one.add_argument('--dump', type=Path, metavar='FILE', help='keep states and conditioning as safetensors')
    two = kinds.add_parser('input', help='an input projector, from captioned media')
    two.add_argument('--language-model', type=Path, required=True, metavar='BUNDLE', help='as training.export.causal_lm and its neighbours write it')
    two.add_argument('--encoder', type=Path, required=True, metavar='BUNDLE', help='with an encoder of the modality')
    two.add_argument('--captions', type=Path, required=True, metavar='FILE', help='JSONL with "media" (a path beside the file), "caption", and "noun" where it is known')
    two.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    two.add_argument('--modality', default='image', help='image, audio, video, or another that the encoder\'s bundle reads')
    two.add_argument('--kind', choices=['linear', 'mlp'], default='linear', help='how words are read in the tokens')
    two.add_argument('--words', type=int, default=4000, help='different words at most that the projector can say')
    two.add_argument('--least', type=int, default=2, help='captions that a word must stand in')
    two.add_argument('--pieces', type=int, default=4, help='pieces of the tokenizer that a word may have')
    two.add_argument('--say', type=int, default=6, help='words said of a medium at most')
    two.add_argument('--rows', type=int, default=24, help='embeddings of a medium at most')
    two.add_argument('--minutes', type=float, default=5, help='for an mlp')
    two.add_argument('--most', type=int, default=20000, help='media used at most')
    two.add_argument('--held', type=int, default=400, help='captions kept aside: half to choose by, half for the report')
    two.add_argument('--asked', type=int, default=40, help='media of the report that the language model itself is asked about')
    two.add_argument('--ask', metavar='QUESTION', help='what it is asked')
    two.add_argument('--dump', type=Path, metavar='FILE', help='keep tokens, embeddings and words as safetensors')
    three = kinds.add_parser('dialogues', help='the language model and its signals, tuned on dialogues')
    three.add_argument('--language-model', type=Path, required=True, metavar='BUNDLE', help='as training.export.causal_lm or training.align writes it')
    three.add_argument('--dialogues', type=Path, required=True, metavar='FILE', help='JSONL with "messages" a line')
    three.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    three.add_argument('--captions', type=Path, metavar='FILE', help='captions besides those of the dialogues to fit output projectors to, as for output')
    three.add_argument('--minutes', type=float, default=30, help='for tuning and fitting together')
    three.add_argument('--epochs', type=int, default=2, help='times that every dialogue is seen, if there are minutes for it')
    three.add_argument('--rank', type=int, default=8, help='of the low-rank pairs')
    three.add_argument('--rate', type=float, default=1.0, help='factor on the learning rates')
    three.add_argument('--step', type=int, default=1024, help='tokens of a step')
    three.add_argument('--length', type=int, default=1024, help='dialogues of more tokens are left out, and counted')
    three.add_argument('--base', choices=['auto', 'packed', 'bfloat16', 'float32'], default='auto', help='the frozen weights: in the blocks of the bundle, each made dense when it is used, or dense; auto packs from a thousand million on')
    three.add_argument('--device', default='cpu', help='cpu, cuda or another that PyTorch has')
    three.add_argument('--held', type=int, default=100, help='dialogues kept aside for the report, a fifth at most')
    three.add_argument('--route', type=int, default=24, metavar='N', help='dialogues of the report that are asked on the caption route; 0 for none')
    three.add_argument('--dump', type=Path, metavar='FILE', help='keep states and conditioning as safetensors')
    for each, kind in ((one, output), (two, reading), (three, dialogues)):
        each.add_argument('--seed', type=int, default=0)
        each.add_argument('--threads', type=int, default=1)
        each.add_argument('--id')
        each.set_defaults(run=kind.run)
    return parser


def main() -> None:
    given = parser().parse_args()
    if given.out.exists() and any(given.out.iterdir()):
        raise SystemExit(f'{given.out}: it holds files already; name a folder that is new or empty.')
    print(json.dumps(given.run(given), indent=1))


if __name__ == '__main__':
    main()
