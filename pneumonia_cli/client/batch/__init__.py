"""Commands for many films: submit them, replay or backfill them, collect and export their results."""
