"""What onnxruntime's errors say, as one sentence with a cure. Pure."""

import re
from pathlib import Path

_MARK = "[ONNXRuntimeError] : "
# In onnxruntime's words; each group is the name of a locale.
_LOCALE = re.compile(r"Failed to construct locale with name:([\w.@-]+)")


def sentence(error: Exception, directory: Path | None = None) -> str:
    """Return the first line of an error of onnxruntime, without its marks and the path of `directory`."""
    text = str(error).strip()
    text = text.splitlines()[0].removeprefix(_MARK) if text else type(error).__name__
    missing = _LOCALE.search(text)
    if missing:
        name = missing[1]
        return (
            f"the operator StringNormalizer needs the locale {name}, which this machine lacks; install it "
            f"(Debian: apt-get install locales && localedef -i {name.partition('.')[0]} -f UTF-8 {name}), "
            "or run the project's image, which has en_US.UTF-8"
        )
    return _relative(text, directory) if directory else text


def _relative(text: str, directory: Path) -> str:
    """Take a directory out of the paths in a text, however the text spells the directory."""
    spellings = {str(directory.resolve()), str(directory.absolute()), str(directory)} - {".", "/"}
    for spelling in sorted(spellings, key=len, reverse=True):
        # Only a whole path: `bundle/` is not what `/data/bundle/model.onnx` begins with.
        text = re.sub(rf"(?<![\w./-]){re.escape(spelling)}/", "", text)
    return text
