"""kws: an always-on keyword spotter."""
