"""Every page of the application: who looks at it, and where it is."""
