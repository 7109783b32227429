"""A development inbox: takes every mail by SMTP, delivers none, and lists them as Mailpit's API does."""
