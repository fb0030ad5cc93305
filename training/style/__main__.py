"""``python -m training.style``."""

from training.style.train import main

main()
