"""ParsingGait and SMPLGait: recorded cases, and small forms of their configurations."""
