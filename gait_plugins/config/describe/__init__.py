"""Descriptions of components and sections: for people (``config explain``) and editors (JSON Schema)."""
