"""Record a dataset with prompts: takes of a keyword, of other speech and of background noise.

session: ask, count down, record, check, keep or repeat, shown on a terminal;
take: check and trim a take, store it in a folder; prompts: what a speaker is asked to do.
"""
