"""What is decided before the first note: band, template, tempo, meter, conditions."""
