"""Lists of recordings in every supported format -> clips or utterances."""
