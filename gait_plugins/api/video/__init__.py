"""The contracts of films: frames with times, people in them, and the components that find and follow them."""
