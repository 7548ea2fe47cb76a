"""The visible-thermal network: ResNet, heads, warm-up schedule."""
