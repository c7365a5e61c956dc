"""Fill the figures in the documents from the files that their measurements write. A test compares both."""
