"""Draws the portraits of the example cards and puts the cards into them.

Needs Python 3 and nothing else. Run it here: `python3 make.py`. It writes `maren.png` (V3) and
`quill.png` (V2) from the JSON beside it; `tamsin.v1.json` is a card as it is. The pictures are
256 x 384 pixels of at most 32 colours, so that each file stays under 60 KB.
"""

import base64
import json
import math
import pathlib
import struct
import zlib

WIDTH, HEIGHT = 256, 384
HERE = pathlib.Path(__file__).parent


def mix(low, high, share):
    share = min(1.0, max(0.0, share))
    return tuple(round(a + (b - a) * share) for a, b in zip(low, high))


def ramp(low, high, count):
    return [mix(low, high, step / (count - 1)) for step in range(count)]


class Picture:
    """Pixels that are indexes into a palette."""

    def __init__(self, palette):
        self.palette = palette
        self.rows = [bytearray(WIDTH) for _ in range(HEIGHT)]

    def paint(self, inside, colour):
        """Sets each pixel that is inside to what `colour(x, y)` says, or to a fixed colour."""
        for y in range(HEIGHT):
            row = self.rows[y]
            for x in range(WIDTH):
                if inside(x, y):
                    row[x] = colour(x, y) if callable(colour) else colour

    def chunks(self):
        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
        pixels = b"".join(b"\0" + bytes(row) for row in self.rows)
        yield b"IHDR", header
        yield b"PLTE", b"".join(bytes(colour) for colour in self.palette)
        yield b"IDAT", zlib.compress(pixels, 9)


def circle(cx, cy, radius):
    return lambda x, y: (x - cx) ** 2 + (y - cy) ** 2 <= radius * radius


def polygon(*points):
    """The points go round in either direction."""

    def inside(x, y):
        odd = False
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                odd = not odd
        return odd

    return inside


def dither(value, x, y, low, high):
    """A palette index between low and high for a share from 0 to 1, in a 2 x 2 pattern."""
    threshold = ((0.125, 0.625), (0.875, 0.375))[y % 2][x % 2]
    return min(high, low + int(max(0.0, value) * (high - low) + threshold))


def lighthouse():
    """A tower on a rock before a stormy dusk, with its beam."""
    sky = ramp((28, 38, 66), (196, 128, 104), 12)
    sea = ramp((16, 34, 52), (48, 84, 104), 6)
    rest = [(250, 238, 190), (236, 226, 208), (176, 172, 172), (178, 62, 52), (18, 22, 32), (255, 250, 226)]
    picture = Picture(sky + sea + rest)
    beam, white, shade, red, dark, lamp = range(18, 24)
    picture.paint(lambda x, y: y < 290, lambda x, y: dither((y / 290) ** 1.6, x, y, 0, 11))
    picture.paint(
        lambda x, y: y >= 290 or y >= 290 - 5 + 5 * math.sin(x / 9),
        lambda x, y: dither(0.5 + 0.5 * math.sin(x / 11 + y / 3.7 + math.sin(y / 9) * 2), x, y, 12, 17),
    )
    ray = polygon((128, 82), (-40, 20), (-40, 120))
    other = polygon((128, 82), (300, 52), (300, 128))
    picture.paint(lambda x, y: (x + y) % 2 == 0 and (ray(x, y) or other(x, y)), beam)
    rock = polygon((40, 330), (78, 296), (104, 284), (150, 284), (186, 300), (222, 332), (200, 350), (60, 350))
    picture.paint(rock, dark)
    tower = polygon((108, 100), (148, 100), (160, 292), (96, 292))
    picture.paint(tower, lambda x, y: white if x < 132 + (y - 100) / 30 else shade)
    picture.paint(lambda x, y: tower(x, y) and (140 <= y < 176 or 216 <= y < 252), red)
    picture.paint(lambda x, y: 102 <= x <= 154 and 94 <= y < 102, dark)
    picture.paint(lambda x, y: 112 <= x <= 144 and 68 <= y < 94, lamp)
    picture.paint(lambda x, y: x in (112, 120, 136, 144) and 68 <= y < 94, dark)
    picture.paint(polygon((106, 68), (150, 68), (128, 46)), red)
    for y in (190, 264):
        picture.paint(lambda x, py, y=y: 123 <= x <= 131 and y <= py < y + 16, dark)
    for x, y in ((60, 60), (84, 44), (196, 150)):
        gull = lambda px, py, x=x, y=y: abs(py - (y + abs(abs(px - x) - 7) * 0.5)) < 1.2 and abs(px - x) < 14
        picture.paint(gull, dark)
    return picture


def golem():
    """A folded paper figure with a lamp for a heart, among shelves."""
    wall = ramp((38, 24, 36), (92, 54, 50), 8)
    paper = ramp((150, 134, 112), (246, 236, 212), 8)
    books = [(124, 52, 48), (52, 82, 92), (96, 98, 54), (142, 104, 54), (74, 56, 92)]
    rest = [(28, 18, 26), (255, 214, 120), (255, 244, 204), (44, 36, 60)]
    picture = Picture(wall + paper + books + rest)
    edge, glow, flame, ink = range(21, 25)
    picture.paint(
        lambda x, y: True,
        lambda x, y: dither(1.1 - math.hypot(x - 128, y - 250) / 240, x, y, 0, 7),
    )
    for shelf in range(5):
        floor = 74 + shelf * 76
        x, step = 2, shelf * 7 + 3
        while x < WIDTH - 6:
            step = (step * 31 + 17) % 97
            width, height = 7 + step % 9, 40 + step % 22
            if abs(x + width / 2 - 128) > 52 + (22 if shelf > 1 else 0):
                spine = lambda px, py, x=x, w=width, h=height, f=floor: x <= px < x + w and f - h <= py < f
                picture.paint(spine, 16 + step % 5)
                picture.paint(lambda px, py, x=x, f=floor, h=height: px == x and f - h <= py < f, edge)
            x += width + 1
        picture.paint(lambda px, py, f=floor: f <= py < f + 5 and abs(px - 128) > 46, edge)
    planes = [
        (polygon((128, 40), (92, 74), (104, 128), (128, 142)), 7),
        (polygon((128, 40), (164, 74), (152, 128), (128, 142)), 4),
        (polygon((128, 40), (92, 74), (128, 84)), 5),
        (polygon((128, 40), (164, 74), (128, 84)), 6),
        (polygon((116, 138), (140, 138), (146, 164), (110, 164)), 2),
        (polygon((128, 156), (64, 190), (84, 384), (128, 384)), 6),
        (polygon((128, 156), (192, 190), (172, 384), (128, 384)), 3),
        (polygon((64, 190), (40, 300), (70, 330), (92, 220)), 5),
        (polygon((192, 190), (216, 300), (186, 330), (164, 220)), 2),
        (polygon((128, 156), (96, 176), (128, 260)), 7),
        (polygon((128, 156), (160, 176), (128, 260)), 4),
    ]
    for inside, tone in planes:
        picture.paint(
            inside, lambda x, y, tone=tone: dither((tone + 0.8 * math.sin(y / 17 + x / 29)) / 7, x, y, 8, 15)
        )
    for row in range(176, 380, 9):
        line = lambda x, y, row=row: y == row + (x - 128) // 12 and 78 < x < 178 and (x * 7 + row * 5) % 23 > 6
        picture.paint(lambda x, y, line=line: line(x, y) and picture.rows[y][x] in range(8, 16), 9)
    picture.paint(circle(113, 96, 5), ink)
    picture.paint(circle(143, 96, 5), ink)
    picture.paint(lambda x, y: abs(y - (118 + 5 - ((x - 128) / 9) ** 2)) < 1.6 and abs(x - 128) < 17, ink)
    picture.paint(lambda x, y: circle(128, 226, 34)(x, y) and (x + y) % 2 == 0, glow)
    picture.paint(circle(128, 226, 17), glow)
    picture.paint(circle(128, 228, 8), flame)
    picture.paint(lambda x, y: 17 <= math.hypot(x - 128, y - 226) < 20, edge)
    return picture


def chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def card_text(keyword, card):
    compact = json.dumps(card, ensure_ascii=False, separators=(",", ":"))
    return chunk(b"tEXt", keyword + b"\0" + base64.b64encode(compact.encode()))


def write(name, picture, source, keyword):
    card = json.loads((HERE / source).read_text(encoding="utf-8"))
    body = b"".join(chunk(kind, data) for kind, data in picture.chunks())
    file = b"\x89PNG\r\n\x1a\n" + body + card_text(keyword, card) + chunk(b"IEND", b"")
    (HERE / name).write_bytes(file)
    print(f"{name}: {len(file)} bytes")


if __name__ == "__main__":
    write("maren.png", lighthouse(), "maren.v3.json", b"ccv3")
    write("quill.png", golem(), "quill.v2.json", b"chara")
