//! What was found by playing: each was wrong once.
