"""Request and answer shapes, a module for each noun. Both stacks parse and answer with these and no others."""
