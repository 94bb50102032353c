"""What both sides of HTTP share: headers, messages and the parser's connection."""
