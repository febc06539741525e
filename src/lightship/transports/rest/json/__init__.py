"""JSON as RapidJSON reads it, by the quickest way that reads it rightly, and texts as it writes them."""
