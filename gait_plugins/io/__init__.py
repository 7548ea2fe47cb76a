"""Files of the field: sequence files, packed data files, safe pickles, atomic writes."""
