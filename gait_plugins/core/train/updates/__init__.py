"""Updates: one step of a training, its batch in parts, its gradients clipped, its weights averaged."""
