"""A model whose extra is missing."""

from kornia_that_nobody_has import morphology as morph

from ..base_model import BaseModel


class Needy(BaseModel):
    morph = morph
