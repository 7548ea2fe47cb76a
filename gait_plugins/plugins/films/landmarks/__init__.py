"""People by a pose-landmark model of MediaPipe: mask, joints and presence of one person in a crop."""
