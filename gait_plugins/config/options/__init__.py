"""Options of constructors: signatures, type annotations, and the arguments of torch classes."""
