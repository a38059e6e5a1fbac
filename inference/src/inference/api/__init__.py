"""The endpoints: what each path of the two ports does."""
