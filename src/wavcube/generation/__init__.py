"""Generation on speech features: flow matching (flow/), text to speech (tts/) and learnability analysis (analysis/)."""
