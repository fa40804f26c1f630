"""Find, check and split the recordings that models are trained and tested on.

clips finds the usable recordings of a folder, dataset and dataset_recipe read them by role,
speech_commands reads Google's layout; splits assigns partitions, keywords chooses words,
word_span finds the word in a recording, public_datasets and download fetch more.
"""
