"""What the development backends share: serving on sockets, bounded request bodies, plain pages."""
