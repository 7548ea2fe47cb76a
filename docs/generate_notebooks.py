"""Pages of the notebooks: runs ``notebooks/*.ipynb``, writes a page of each with what it printed and drew.

python docs/generate_notebooks.py
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent / "notebooks"
PICTURES = Path(__file__).parent / "images" / "notebooks"
ALT = "Picture {number} of the notebook {name}: what the code above draws"
Notebook = Any


def notebooks() -> list[Path]:
    """The notebooks, which hold no outputs."""
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path, folder: Path) -> Notebook:
    """A notebook after its run in a folder, with a kernel of its own."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    return notebook


def rendered(path: Path, notebook: Notebook) -> tuple[str, dict[str, bytes]]:
    """The page of a notebook that was run, and its pictures by the names of their files."""
    pictures: dict[str, bytes] = {}
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if output.output_type == "stream":
                parts.append(f"```text\n{output.text.rstrip()}\n```")
            elif "image/png" in data:
                name = f"{path.stem}-{len(pictures) + 1}.png"
                pictures[name] = small(base64.b64decode(data["image/png"]))
                alt = ALT.format(number=len(pictures), name=path.stem)
                parts.append(f"![{alt}](../images/notebooks/{name})")
    return "\n\n".join(parts) + "\n", pictures


def small(picture: bytes) -> bytes:
    """A PNG with 64 colours."""
    written = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(64).save(written, "PNG", optimize=True)
    return written.getvalue()


def main() -> None:
    """Write the pages and the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in notebooks():
        page, pictures = rendered(path, executed(path, FOLDER))
        path.with_suffix(".md").write_text(page, encoding="utf-8", newline="\n")
        for name, content in pictures.items():
            (PICTURES / name).write_bytes(content)


if __name__ == "__main__":
    main()
