"""Settings and prices of a stack, known before it is deployed, for the CDK app and for the command line."""
