"""What is known of a stack before it is deployed: its settings and prices, for the app and for the command line."""
