"""Log-mels as a picture, low below: for eyes. Knows no models."""
import numpy as np
from PIL import Image, ImageDraw


def save_mels(mels: np.ndarray, path, columns: int = 8, titles: list[str] | None = None) -> None:
    """Log-mels [N, 128, 256] as a sheet of grey tiles, brighter is louder."""
    tiles = np.clip((mels[:, ::-1, ::2].astype(np.float32) + 8) / 9, 0, 1) * 255
    rows = -(-len(tiles) // columns)
    sheet = Image.new("L", (columns * 132, rows * 144))
    draw = ImageDraw.Draw(sheet)
    for k, tile in enumerate(tiles):
        x, y = k % columns * 132, k // columns * 144
        sheet.paste(Image.fromarray(tile.astype(np.uint8)), (x, y + 14))
        draw.text((x + 1, y + 1), titles[k][:21] if titles else str(k), fill=255)
    sheet.save(path)
