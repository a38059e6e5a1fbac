"""Two photographs that scikit-learn carries (CC BY), and details of them."""

from importlib.resources import files
from io import BytesIO

from PIL import Image

from pictures import encoded


def photo(name: str) -> bytes:
    """Return `china` or `flower`, a JPEG of 640 x 427 pixels."""
    return files("sklearn").joinpath(f"datasets/images/{name}.jpg").read_bytes()


def detail(name: str, left: int, top: int, side: int) -> bytes:
    """Return the middle of 40 x 40 pixels that are enlarged to 256 x 256, as a PNG: without loss.

    The photographs are of a temple and of a flower; the model is less sure about such details of them.
    """
    with Image.open(BytesIO(photo(name))) as picture:
        large = picture.crop((left, top, left + 40, top + 40)).resize((256, 256))
    edge = (256 - side) // 2
    return encoded(large.crop((edge, edge, edge + side, edge + side)), "PNG")
