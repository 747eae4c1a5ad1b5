"""A contact sheet of pictures as one PNG. Knows nothing about where they come from."""
import torch
from PIL import Image, ImageDraw


def save_sheet(pixels: torch.Tensor, path, columns: int = 8, titles: list[str] | None = None) -> None:
    """Pixels [n,3,H,W] in -1..1 row by row, each under its title."""
    pixels = ((pixels.float().clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).cpu().numpy()
    height, width = pixels.shape[1:3]
    band = 14 if titles else 0
    rows = -(-len(pixels) // columns)
    sheet = Image.new("RGB", (columns * (width + 4), rows * (height + band + 4)), "lightgrey")
    draw = ImageDraw.Draw(sheet)
    for i, picture in enumerate(pixels):
        x, y = i % columns * (width + 4) + 2, i // columns * (height + band + 4) + 2
        sheet.paste(Image.fromarray(picture), (x, y + band))
        if titles:
            draw.text((x, y), titles[i][:24], fill="black")
    sheet.save(path)
