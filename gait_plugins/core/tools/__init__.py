"""Tools on trained models and data: embeddings, identification, export, contact sheets."""
