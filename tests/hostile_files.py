"""A generator of hostile files: good pictures in every form, and everything that can be wrong with one."""

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

random = np.random.default_rng(0)


def picture(seed, width=80, height=72):
    """A picture unlike any other: coloured blocks, smoothly enlarged."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def good_files():
    """Name -> bytes of pictures that must come in, each in another way of being a picture."""
    files = {}
    for seed in range(40):
        files[f"photo {seed}.jpg"] = encoded(picture(seed), "JPEG", quality=92)
        files[f"bild_{seed}.png"] = encoded(picture(100 + seed))
        files[f"图片{seed}.webp"] = encoded(picture(200 + seed), "WEBP", quality=90)
    for seed in range(5):
        files[f"🐱{seed}.bmp"] = encoded(picture(300 + seed), "BMP")
        files[f"scan{seed}.tiff"] = encoded(picture(310 + seed), "TIFF", compression="tiff_lzw")
        files[f"print{seed}.jpg"] = encoded(picture(320 + seed).convert("CMYK"), "JPEG")
        files[f"few colours{seed}.png"] = encoded(picture(330 + seed).convert("P"))
        files[f"clear{seed}.png"] = encoded(transparent(340 + seed))
        files[f"wrong{seed}.txt"] = encoded(picture(350 + seed), "JPEG")
        frames = [picture(360 + seed), picture(370 + seed)]
        files[f"film{seed}.gif"] = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        grey = np.asarray(picture(380 + seed).convert("L")).astype(np.uint16) * 257
        files[f"deep{seed}.png"] = encoded(Image.fromarray(grey))
        files[f"turned{seed}.jpg"] = encoded(picture(390 + seed), "JPEG", exif=orientation(6))
    return files


def transparent(seed):
    image = picture(seed).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(np.arange(80) < 40, 255, 0).astype(np.uint8)[None].repeat(72, 0)))
    return image


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def bad_files():
    """Name -> (bytes, the reason that must be given)."""
    whole = encoded(picture(500, 400, 300), "JPEG")
    files = {
        "nothing.jpg": (b"", "empty"),
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "cut.png": (encoded(picture(501, 400, 300))[:5000], "truncated"),
        "noise.png": (random.bytes(5000), "unreadable"),
        "letter.txt": (b"Dear all,\nhere are my pictures.", "unreadable"),
        "page.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unreadable"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + random.bytes(500), "unreadable"),
        "icon.png": (encoded(picture(502, 9, 9)), "small"),
        "white.jpg": (encoded(Image.new("RGB", (80, 80), "white"), "JPEG"), "blank"),
        "copy.jpg": (encoded(picture(0), "JPEG", quality=92), "duplicate"),
        "same pixels.bmp": (encoded(picture(100), "BMP"), "duplicate"),
        "smaller.jpg": (encoded(picture(1, 60, 54), "JPEG", quality=80), "near"),
        "huge.png": (huge_png(), "huge"),
        "huge.gif": (b"GIF89a" + b"\xff\xff\xff\xff" + b"\0\0\0" + b"," + bytes(20), "huge"),
    }
    for number in range(4):
        files[f"damaged{number}.jpg"] = (b"\xff\xd8\xff\xe0" + random.bytes(3000), "truncated")
    return files


def huge_png():
    """30,000 x 30,000 pixels in a few bytes: its head is honest, its data never gets that far."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def hostile_zip(path):
    """Name -> the reason, or "" for what must come in."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep.png", encoded(picture(600)))
    members = {
        "../escape.png": (encoded(picture(601)), "unsafe"),
        "/absolute.png": (encoded(picture(602)), "unsafe"),
        "C:\\windows.png": (encoded(picture(603)), "unsafe"),
        "inner.zip": (inner.getvalue(), "nested"),
        "bomb.png": (bytes(80_000_000), "bomb"),
        "好的/猫.png": (encoded(picture(604)), ""),
        "fine 😀.jpg": (encoded(picture(605), "JPEG"), ""),
        "fine2.gif": (encoded(picture(606), "GIF"), ""),
        "__MACOSX/._fine2.gif": (b"junk", None),
        ".DS_Store": (b"junk", None),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (data, _) in members.items():
            archive.writestr(name, data)
    return {f"{path.name}/{name}": reason for name, (_, reason) in members.items() if reason is not None}


def write_200(folder):
    """Fill a folder with 200 mixed files; returns what each must come to: name -> reason, "" for kept."""
    folder.mkdir()
    expected = {}
    for name, data in good_files().items():
        (folder / name).write_bytes(data)
        expected[f"{folder.name}/{name}"] = ""
    for name, (data, reason) in bad_files().items():
        (folder / f"~{name}").write_bytes(data)  # ~ sorts after everything: copies come second
        expected[f"{folder.name}/~{name}"] = reason
    (folder / "Thumbs.db").write_bytes(b"junk")
    expected |= {f"{folder.name}/{n}": r for n, r in hostile_zip(folder / "~~archive.zip").items()}
    (folder / "~~torn.zip").write_bytes((folder / "~~archive.zip").read_bytes()[:700])
    expected[f"{folder.name}/~~torn.zip"] = "unreadable"
    number = 1000
    while len(expected) < 200:  # and copies, which must be said one by one
        (folder / f"~again{number}.png").write_bytes(encoded(picture(101)))
        expected[f"{folder.name}/~again{number}.png"] = "duplicate"
        number += 1
    return expected
