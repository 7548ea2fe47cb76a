"""A backbone whose extra is missing."""

import an_extra_that_nobody_has
from torch import nn


class Broken(nn.Module):
    extra = an_extra_that_nobody_has
