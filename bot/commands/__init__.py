"""Command language: grammar, tokenizer, parser, value readers and the texts of replies."""
