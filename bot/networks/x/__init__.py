"""X (Twitter) through tweepy."""
