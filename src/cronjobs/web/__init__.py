"""What both stacks say over HTTP: the shapes of requests and answers, and the table from error to status."""
