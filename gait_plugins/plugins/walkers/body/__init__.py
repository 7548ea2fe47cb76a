"""The body of a walker: skeleton, limbs, flesh, motion, walking conditions."""
