"""The kinds of change that a Windows guest takes, one module a kind or a group; ``kinds`` lists them."""
