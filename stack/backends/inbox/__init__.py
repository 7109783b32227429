"""An inbox for development: takes every email by SMTP, delivers none, lists them as Mailpit's API does."""
