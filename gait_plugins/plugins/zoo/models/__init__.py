"""OpenGait's silhouette models, their backbones and schedules."""
