from importlib import import_module
from inspect import isclass
from pathlib import Path
from pkgutil import iter_modules

for _, name, _ in iter_modules([str(Path(__file__).resolve().parent)]):
    for key, value in vars(import_module(f"{__name__}.{name}")).items():
        if isclass(value):
            globals()[key] = value
