"""What is decided before the first note: band, tempo, meter, chart, style, conditions."""
