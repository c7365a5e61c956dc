"""Commands for many images: submit, replay or backfill them, collect and export their results."""
