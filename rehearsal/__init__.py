"""`make rehearse`: the real CDK CLI deploys the real stack, and this machine plays AWS. See docs/rehearsal.md."""
